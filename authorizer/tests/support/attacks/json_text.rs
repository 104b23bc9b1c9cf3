//! Header and claims that are not one plain JSON object: what one parser reads differently from
//! another is read by none. All are signed by the published key.

use super::{Case, bearer, claims, header, signed_bytes};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = documents();
    cases.extend(duplicates());
    cases.extend(depths());
    cases.extend(encodings());
    cases
}

fn json_case(name: &str, claims: impl AsRef<[u8]>, reason: &'static str) -> Case {
    let token = signed_bytes(header().to_string().as_bytes(), claims.as_ref());
    bearer(format!("JSON: {name}"), &token, reason)
}

fn header_case(name: &str, header: impl AsRef<[u8]>) -> Case {
    let token = signed_bytes(header.as_ref(), claims().to_string().as_bytes());
    bearer(format!("JSON: {name}"), &token, "json")
}

/// Honest claims with this text as further members.
fn more(members: &str) -> String {
    let text = claims().to_string();
    format!("{},{members}}}", text.strip_suffix('}').unwrap())
}

fn documents() -> Vec<Case> {
    let good = claims().to_string();
    let head = header().to_string();
    let case = |name: &str, text: String| json_case(name, text, "json");
    vec![
        case("empty claims", String::new()),
        case("blank claims", "  ".to_owned()),
        case("claims in a list", format!("[{good}]")),
        case("claims in a string", serde_json::to_string(&good).unwrap()),
        case("a number for claims", "1".to_owned()),
        case("null for claims", "null".to_owned()),
        case("two objects", format!("{good}{good}")),
        case("an object, then a comma", format!("{good},")),
        case("a comment", good.replacen(',', ",/* */", 1)),
        case("a comma before the brace", good.replacen('}', ",}", 1)),
        case("single quotes", good.replace('"', "'")),
        case("a name without quotes", good.replacen("\"sub\"", "sub", 1)),
        case("no closing brace", good.replacen('}', "", 1)),
        case("a NUL behind it", format!("{good}\0")),
        case("NaN", more(r#""n":NaN"#)),
        case("infinity", more(r#""n":-Infinity"#)),
        case("a number beyond all", more(r#""n":1e400"#)),
        case("a hexadecimal number", more(r#""n":0x10"#)),
        case("a number with a leading zero", more(r#""n":010"#)),
        case("a number with a plus", more(r#""n":+1"#)),
        case("a number that ends in a point", more(r#""n":1."#)),
        case("a newline in a string", more("\"n\":\"a\nb\"")),
        case("a wrong escape", more(r#""n":"\x41""#)),
        case("half a surrogate pair", more(r#""n":"\ud800""#)),
        header_case("a list for a header", "[]"),
        header_case("a header in a list", format!("[{head}]")),
        header_case("header and more", format!("{head}{{}}")),
    ]
}

fn duplicates() -> Vec<Case> {
    let good = claims().to_string();
    let head = header().to_string();
    let first = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    vec![
        json_case("`sub` again, behind", more(r#""sub":"admin""#), "json"),
        json_case("`sub` again, before", first(r#""sub":"admin""#), "json"),
        json_case(
            "`iss` again",
            first(r#""iss":"https://evil.example""#),
            "json",
        ),
        json_case("`aud` again", first(r#""aud":"other""#), "json"),
        json_case("`exp` again", more(r#""exp":9999999999"#), "json"),
        json_case(
            "`scope` again, the same",
            more(r#""scope":"predict""#),
            "json",
        ),
        json_case(
            "a name again by an escape",
            more(r#""\u0073ub":"admin""#),
            "json",
        ),
        json_case(
            "a name again by another escape",
            more(r#""\u0069\u0073\u0073":"x""#),
            "json",
        ),
        json_case(
            "a name again inside",
            more(r#""realm_access":{"roles":[],"roles":["admin"]}"#),
            "json",
        ),
        json_case(
            "a name again in a list",
            more(r#""list":[{"a":1,"a":2}]"#),
            "json",
        ),
        json_case("an empty name again", more(r#""":1,"":2"#), "json"),
        header_case("`alg` again", head.replacen('{', r#"{"alg":"none","#, 1)),
        header_case("`kid` again", head.replacen('{', r#"{"kid":"rsa","#, 1)),
        header_case(
            "`alg` again by an escape",
            head.replacen('{', r#"{"\u0061lg":"none","#, 1),
        ),
        header_case("`typ` again", head.replacen('{', r#"{"typ":"JWT","#, 1)),
        header_case(
            "a name again inside the header",
            head.replacen('{', r#"{"jwk":{"kty":"EC","kty":"oct"},"#, 1),
        ),
    ]
}

fn depths() -> Vec<Case> {
    let lists = |depth: usize| {
        more(&format!(
            r#""n":{}{}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    let objects = |depth: usize| {
        more(&format!(
            r#""n":{}1{}"#,
            r#"{"a":"#.repeat(depth),
            "}".repeat(depth)
        ))
    };
    let open = more(&format!(r#""n":{}"#, "[".repeat(5_000)));
    let deep_head = format!(
        r#"{{"alg":"ES256","kid":"p256","n":{}{}}}"#,
        "[".repeat(3_000),
        "]".repeat(3_000)
    );
    vec![
        json_case("lists in lists, 128 deep", lists(128), "json"),
        json_case("lists in lists, 3,000 deep", lists(3_000), "json"),
        json_case("objects in objects, 128 deep", objects(128), "json"),
        json_case("objects in objects, 1,000 deep", objects(1_000), "json"),
        json_case("lists that never end", open, "json"),
        header_case("lists in the header, 3,000 deep", deep_head),
    ]
}

fn encodings() -> Vec<Case> {
    let good = claims().to_string();
    let bytes = |text: &str, from: &str, to: &[u8]| -> Vec<u8> {
        let (front, back) = text.split_once(from).unwrap();
        [front.as_bytes(), to, back.as_bytes()].concat()
    };
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    vec![
        json_case("a byte order mark", format!("\u{feff}{good}"), "json"),
        json_case("UTF-16", utf16(&good), "json"),
        json_case(
            "UTF-16 with a byte order mark",
            utf16(&format!("\u{feff}{good}")),
            "json",
        ),
        json_case(
            "a byte that is no UTF-8",
            bytes(&good, "user", &[0xff]),
            "json",
        ),
        json_case(
            "an overlong quote",
            bytes(&good, "user", &[0xc0, 0xa2]),
            "json",
        ),
        json_case(
            "a surrogate in UTF-8",
            bytes(&good, "user", &[0xed, 0xa0, 0x80]),
            "json",
        ),
        json_case(
            "half a character",
            bytes(&good, "user-1", &[0xe2, 0x82]),
            "json",
        ),
        json_case("typographic quotes", good.replace('"', "\u{201d}"), "json"),
        json_case(
            "a no-break space between members",
            good.replacen(',', ",\u{a0}", 1),
            "json",
        ),
        header_case(
            "a header with a byte order mark",
            format!("\u{feff}{}", header()),
        ),
        header_case("a header in UTF-16", utf16(&header().to_string())),
    ]
}
