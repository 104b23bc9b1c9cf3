//! Claims that are missing, mistyped, nearly right, past or yet to come. All are signed by the published key.

use serde_json::{Value, json};

use super::issuers::STRICT;
use super::{Case, bearer, claim_case, claims, header, now, signed_bytes};
use crate::support::{AUDIENCE, ISSUER, Key, sign, with};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = issuer();
    cases.extend(audience());
    cases.extend(times());
    cases.extend(numbers());
    cases.extend(callers());
    cases.extend(strict());
    cases
}

fn issuer() -> Vec<Case> {
    let near = [
        ("a slash behind", format!("{ISSUER}/")),
        ("two slashes behind", format!("{ISSUER}//")),
        ("in capitals", "https://ISSUER.example".to_owned()),
        ("another scheme", "http://issuer.example".to_owned()),
        ("no scheme", "issuer.example".to_owned()),
        ("with its port", "https://issuer.example:443".to_owned()),
        (
            "a user in it",
            "https://issuer.example@evil.example".to_owned(),
        ),
        (
            "a longer host",
            "https://issuer.example.evil.example".to_owned(),
        ),
        ("a dot behind", "https://issuer.example.".to_owned()),
        ("a path behind", format!("{ISSUER}/realms/other")),
        ("a dotted path", format!("{ISSUER}/a/..")),
        ("a query behind", format!("{ISSUER}?")),
        ("a fragment behind", format!("{ISSUER}#")),
        (
            "a backslash",
            "https://evil.example\\@issuer.example".to_owned(),
        ),
        ("percent-encoded", "https://issuer%2Eexample".to_owned()),
        ("a NUL behind", format!("{ISSUER}\0")),
        ("a NUL and more", format!("{ISSUER}\0.evil.example")),
        ("a newline behind", format!("{ISSUER}\n")),
        ("a space before", format!(" {ISSUER}")),
        (
            "a Cyrillic letter",
            "https://issu\u{435}r.example".to_owned(),
        ),
        (
            "a fullwidth letter",
            "https://\u{ff49}ssuer.example".to_owned(),
        ),
        (
            "a mark on a letter",
            "https://issue\u{301}r.example".to_owned(),
        ),
        (
            "an ideographic stop",
            "https://issuer\u{3002}example".to_owned(),
        ),
        (
            "a zero-width joiner",
            "https://issuer\u{200d}.example".to_owned(),
        ),
        ("two of them", format!("{ISSUER} https://evil.example")),
        ("empty", String::new()),
    ];
    let near = near.into_iter();
    let mut cases: Vec<_> = near
        .map(|(name, value)| claim_case(name, "iss", json!(value), "issuer_unknown"))
        .collect();
    let odd = [
        ("missing", Value::Null),
        ("a list", json!([ISSUER])),
        ("an object", json!({"value": ISSUER})),
        ("a number", json!(1)),
    ];
    cases.extend(odd.map(|(name, value)| claim_case(name, "iss", value, "claim")));
    cases.push(claim_name_case("Iss", "iss"));
    cases
}

/// The claim is there, under a name that is nearly its own.
fn claim_name_case(near: &str, claim: &str) -> Case {
    let value = claims()[claim].clone();
    let claims = with(with(claims(), claim, Value::Null), near, value);
    let token = sign(Key::P256, "ES256", &header(), &claims);
    bearer(
        format!("claim `{claim}` as `{}`", near.escape_debug()),
        &token,
        "claim",
    )
}

fn audience() -> Vec<Case> {
    let others = [
        ("another", json!("other-api")),
        ("empty", json!("")),
        ("an empty list", json!([])),
        ("others", json!(["other-api", "account"])),
        ("an empty one in a list", json!([""])),
        ("longer", json!(format!("{AUDIENCE}-admin"))),
        ("shorter", json!("ml-ap")),
        ("in capitals", json!("ML-API")),
        ("a space behind", json!("ml-api ")),
        ("two in one", json!("ml-api other-api")),
        ("with a comma", json!("ml-api,other-api")),
        ("a list as text", json!("[\"ml-api\"]")),
        ("a wildcard", json!("*")),
        ("a NUL behind", json!("ml-api\0")),
        ("another hyphen", json!("ml\u{2010}api")),
        ("the issuer", json!(ISSUER)),
        ("as an address", json!("https://ml-api")),
    ];
    let odd = [
        ("missing", Value::Null),
        ("a number", json!(0)),
        ("true", json!(true)),
        ("an object", json!({"ml-api": true})),
        ("a list in a list", json!([["ml-api"]])),
        ("a number beside it", json!(["ml-api", 1])),
        ("null beside it", json!([null, "ml-api"])),
        ("an object in a list", json!([{"aud": "ml-api"}])),
    ];
    let others = others.map(|(name, value)| claim_case(name, "aud", value, "audience"));
    let odd = odd.map(|(name, value)| claim_case(name, "aud", value, "claim"));
    others
        .into_iter()
        .chain(odd)
        .chain([claim_name_case("audience", "aud")])
        .collect()
}

fn times() -> Vec<Case> {
    let now = now();
    let at =
        |name: &str, claim: &str, time: u64, reason| claim_case(name, claim, json!(time), reason);
    let odd = |claim: &str| {
        let values = [
            ("text", json!(format!("{}", now + 600))),
            ("ISO 8601", json!("2099-01-01T00:00:00Z")),
            ("negative", json!(-1)),
            ("as early as can be", json!(i64::MIN)),
            ("as late as can be", json!(u64::MAX)),
            ("1e300", json!(1e300)),
            ("milliseconds", json!(now * 1_000)),
            ("a list", json!([now + 600])),
            ("an object", json!({"$date": now + 600})),
            ("true", json!(true)),
            ("empty", json!("")),
            ("NaN as text", json!("NaN")),
        ];
        values.map(|(name, value)| claim_case(name, claim, value, "claim"))
    };
    let mut cases = vec![
        at("zero", "exp", 0, "expired"),
        at("long past", "exp", now - 86_400, "expired"),
        at("past its leeway", "exp", now - 31, "expired"),
        claim_case("a fraction long past", "exp", json!(0.5), "expired"),
        claim_case("missing", "exp", Value::Null, "claim"),
        at("tomorrow", "nbf", now + 86_400, "not_yet_valid"),
        at("beyond the leeway", "nbf", now + 60, "not_yet_valid"),
        at("tomorrow", "iat", now + 86_400, "not_yet_valid"),
        at("beyond the leeway", "iat", now + 60, "not_yet_valid"),
        claim_name_case("Exp", "exp"),
        claim_name_case("exp ", "exp"),
        claim_name_case("exp\0", "exp"),
        claim_name_case("\u{435}\u{445}\u{440}", "exp"),
        claim_name_case("expires_at", "exp"),
    ];
    for claim in ["exp", "nbf", "iat"] {
        cases.extend(odd(claim));
    }
    cases
}

/// `exp` in text that no JSON value of ours would give.
fn numbers() -> Vec<Case> {
    let values = [
        ("null", "claim"),
        ("99999999999999999999999999999999999999", "claim"),
        ("-99999999999999999999999999999999999999", "claim"),
        ("-1e-1", "claim"),
        ("9e99", "claim"),
        ("1e-400", "expired"),
        ("-0", "expired"),
        ("-0.0", "expired"),
        ("1e400", "json"),
        ("-1e400", "json"),
        ("NaN", "json"),
        ("Infinity", "json"),
        ("0x7fffffff", "json"),
        ("09999999999", "json"),
        ("+9999999999", "json"),
        ("9_999_999_999", "json"),
        ("9999999999n", "json"),
        ("9999999999.", "json"),
        ("1e", "json"),
    ];
    let text = with(claims(), "exp", Value::Null).to_string();
    let values = values.into_iter();
    values
        .map(|(number, reason)| {
            let claims = text.replacen('{', &format!("{{\"exp\":{number},"), 1);
            let token = signed_bytes(header().to_string().as_bytes(), claims.as_bytes());
            bearer(format!("claim `exp`: the number {number}"), &token, reason)
        })
        .collect()
}

fn callers() -> Vec<Case> {
    let odd = |claim: &str, values: &[(&str, Value)]| -> Vec<Case> {
        let values = values.iter();
        values
            .map(|(name, value)| claim_case(name, claim, value.clone(), "claim"))
            .collect()
    };
    let (number, list, object) = (
        ("a number", json!(1)),
        ("a list", json!(["a"])),
        ("an object", json!({"a": 1})),
    );
    let half = ("a number beside a name", json!(["predict", 1]));
    let name = [
        number.clone(),
        list,
        object.clone(),
        ("empty", json!("")),
        ("a newline in it", json!("user\n{\"decision\":\"allow\"}")),
        ("a NUL in it", json!("user\0")),
        ("256 bytes", json!("u".repeat(256))),
    ];
    let mut cases = odd("sub", &name);
    cases.extend(odd("sub", &[("missing, and no client", Value::Null)]));
    for claim in ["azp", "client_id"] {
        cases.extend(odd(claim, &name[..4]));
    }
    for claim in ["scope", "scp", "roles", "permissions"] {
        cases.extend(odd(claim, &[number.clone(), object.clone(), half.clone()]));
    }
    for claim in ["realm_access", "resource_access"] {
        cases.extend(odd(claim, &[number.clone(), ("a list", json!(["admin"]))]));
    }
    let roles = json!({"api": {"roles": {"admin": true}}});
    cases.extend(odd("resource_access", &[("roles that are no list", roles)]));
    cases
}

/// Tokens of the issuer that accepts one algorithm, client and type, and a maximum age.
fn strict() -> Vec<Case> {
    let base = || {
        with(
            with(claims(), "iss", json!(STRICT)),
            "azp",
            json!("trusted"),
        )
    };
    let claim = |claim: &str, value: Value| with(base(), claim, value);
    let neither = || claim("azp", Value::Null);
    let cases = [
        (
            "the second claim is another's",
            claim("client_id", json!("evil")),
            "client",
        ),
        (
            "the first claim is another's",
            with(claim("azp", json!("evil")), "client_id", json!("trusted")),
            "client",
        ),
        ("another client", claim("azp", json!("evil")), "client"),
        ("no client", neither(), "client"),
        (
            "the client as `appid`",
            with(neither(), "appid", json!("trusted")),
            "client",
        ),
        (
            "the client as `cid`",
            with(neither(), "cid", json!("trusted")),
            "client",
        ),
        (
            "the client as subject",
            with(neither(), "sub", json!("trusted")),
            "client",
        ),
        (
            "a space behind the client",
            claim("azp", json!("trusted ")),
            "client",
        ),
        (
            "the client in capitals",
            claim("azp", json!("TRUSTED")),
            "client",
        ),
        (
            "a longer client",
            claim("azp", json!("trusted-not")),
            "client",
        ),
        (
            "two clients in one",
            claim("azp", json!("trusted evil")),
            "client",
        ),
        (
            "a list of clients",
            claim("azp", json!(["trusted"])),
            "claim",
        ),
        ("no time of issue", claim("iat", Value::Null), "claim"),
        (
            "issued too long ago",
            claim("iat", json!(now() - 3_700)),
            "too_old",
        ),
        ("issued in 1970", claim("iat", json!(0)), "too_old"),
        (
            "expired a second ago, no leeway",
            claim("exp", json!(now() - 1)),
            "expired",
        ),
    ];
    let mut cases: Vec<_> = cases
        .into_iter()
        .map(|(name, claims, reason)| {
            let token = sign(Key::P256, "ES256", &header(), &claims);
            bearer(format!("strict: {name}"), &token, reason)
        })
        .collect();
    let wide = with(with(header(), "alg", json!("ES384")), "kid", json!("p384"));
    let wide = sign(Key::P384, "ES384", &wide, &base());
    cases.push(bearer("strict: another algorithm", &wide, "algorithm"));
    for (name, kind) in [("another type", json!("JWT")), ("no type", Value::Null)] {
        let token = sign(Key::P256, "ES256", &with(header(), "typ", kind), &base());
        cases.push(bearer(format!("strict: {name}"), &token, "header_type"));
    }
    cases
}
