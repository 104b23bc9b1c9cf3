//! What rules ask for, from `access.yaml` and an event to the answer: claims, addresses, fresh authentications,
//! shadowed rules, and what a denial says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use authorizer::{Authorizer, Config, Outcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{AUDIENCE, ISSUER, good_claims, key_set, token, with};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/";

/// An authorizer with these rules, for a gateway that remembers answers for so many seconds.
async fn authorizer(ttl: &'static str, rules: &str) -> Authorizer {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("jwks.json");
    std::fs::write(&keys, key_set().to_string()).unwrap();
    let access = folder.path().join("access.yaml");
    let issuers = format!(
        "issuers: [{{issuer: '{ISSUER}', audience: {AUDIENCE}, jwks: {{file: '{}'}}}}]",
        keys.display()
    );
    std::fs::write(&access, format!("{issuers}\n{rules}\n")).unwrap();
    let access = access.to_str().unwrap().to_owned();
    let config = Config::load(|name| match name {
        "ACCESS_FILE" => Some(access.clone()),
        "AUTHORIZER_TTL" => Some(ttl.to_owned()),
        _ => None,
    });
    Authorizer::start(config.unwrap()).await.unwrap()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// Good claims and these.
fn claims(more: &Value) -> Value {
    let more = more.as_object().unwrap().clone().into_iter();
    more.fold(good_claims(now()), |claims, (name, value)| {
        with(claims, &name, value)
    })
}

fn event(claims: &Value, route: &str) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": format!("{ARN}{route}"),
        "headers": {"Authorization": format!("Bearer {}", token(claims))},
        "requestContext": {"identity": {"sourceIp": "192.0.2.7"}},
    })
}

async fn answer(authorizer: &Authorizer, claims: &Value, route: &str) -> (Value, Value) {
    let event = event(claims, route).to_string();
    let Outcome { answer, log } = authorizer.handle(&event, "request-1").await;
    let lines = log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decision = lines.fold(json!({}), |decision, line| match line["_aws"].is_null() {
        true => line,
        false => with(decision, "metrics", line),
    });
    (answer.unwrap().value(), decision)
}

fn resources(answer: &Value, effect: &str) -> Vec<String> {
    let statements = answer["policyDocument"]["Statement"].as_array().unwrap();
    let statements = statements
        .iter()
        .filter(|statement| statement["Effect"] == effect);
    let resources = statements.flat_map(|statement| statement["Resource"].as_array().unwrap());
    let resources = resources.map(|resource| resource.as_str().unwrap().replacen(ARN, "", 1));
    resources.collect()
}

#[tokio::test]
async fn claims_open_routes() {
    let rules = r#"
rules:
  - allow: [GET /org]
    require: {claims: {org_id: acme, department: {in: [ml, data]}}}
  - allow: [GET /level]
    require: {claims: {level: {at_least: 3, below: 10}}}
  - allow: ['POST /predict/{model}']
    require: {claims: {models: {contains: '{model}'}}}
  - allow: [GET /tier]
    require: {claims: {/resource_access/ml-api/tier: 1}}
  - allow: [GET /all]
    require: {authenticated: true, not: {claims: {blocked: true}}}
"#;
    let authorizer = authorizer("300", rules).await;
    for (more, expected) in [
        (
            json!({"org_id": "acme", "department": "ml"}),
            &["GET/org", "GET/all"][..],
        ),
        (
            json!({"org_id": "acme", "department": ["ml"]}),
            &["GET/all"],
        ),
        (json!({"level": 3, "blocked": true}), &["GET/level"]),
        (json!({"level": "3"}), &["GET/all"]),
        (json!({"level": 10}), &["GET/all"]),
        (
            json!({"models": ["wine", "*", "a/b"], "blocked": "true"}),
            &["POST/predict/wine", "GET/all"],
        ),
        (
            json!({"resource_access": {"ml-api": {"tier": 1, "roles": []}}}),
            &["GET/tier", "GET/all"],
        ),
    ] {
        let (answer, _) = answer(&authorizer, &claims(&more), "GET/all").await;
        assert_eq!(resources(&answer, "Allow"), expected, "{more}");
    }
}

#[tokio::test]
async fn a_fresh_authentication_opens_routes_for_as_long_as_it_is_fresh() {
    let rules = "
rules:
  - allow: [GET /open]
    require: {authenticated: true}
  - allow: [POST /admin]
    require: {step_up: {acr_values: [urn:mfa], max_age: 5m}}
";
    let authorizer = authorizer("300", rules).await;
    let login = now() - 100;
    let fresh = claims(&json!({"acr": "urn:mfa", "auth_time": login}));
    let (reply, decision) = answer(&authorizer, &fresh, "POST/admin").await;
    assert_eq!(decision["rules"], json!([1, 2]));
    let statements = reply["policyDocument"]["Statement"].as_array().unwrap();
    let ends: Vec<_> = statements
        .iter()
        .map(|statement| {
            let end = &statement["Condition"]["DateLessThan"]["aws:CurrentTime"][0];
            (
                statement["Resource"].clone(),
                end.as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let [(first, ends_first), (last, ends_last)] = ends.as_slice() else {
        panic!("two statements: {reply:#}")
    };
    assert_eq!(
        (first, last),
        (
            &json!([format!("{ARN}POST/admin")]),
            &json!([format!("{ARN}GET/open")])
        )
    );
    assert!(ends_first < ends_last, "{ends_first} and {ends_last}");
    for stale in [
        json!({"acr": "urn:mfa", "auth_time": now() - 300}),
        json!({"acr": "pwd", "auth_time": now()}),
        json!({"acr": "urn:mfa"}),
    ] {
        let (reply, _) = answer(&authorizer, &claims(&stale), "POST/admin").await;
        assert_eq!(resources(&reply, "Allow"), ["GET/open"], "{stale}");
        assert_eq!(
            reply["context"]["www_authenticate"],
            r#"Bearer error="insufficient_user_authentication", acr_values="urn:mfa", max_age="300""#
        );
        assert_eq!(reply["context"].get("error"), None);
    }
}

const TWO_SCOPES: &str = "
rules:
  - allow: [GET /a]
    require: {scope: a}
  - allow: [GET /b]
    require: {scope: b}
";

#[tokio::test]
async fn a_remembered_answer_speaks_of_the_token_and_another_of_the_route() {
    let check = async |ttl, scope: &str, route: &str, expected: &str| {
        let authorizer = authorizer(ttl, TWO_SCOPES).await;
        let claims = claims(&json!({"scope": scope}));
        let (answer, _) = answer(&authorizer, &claims, route).await;
        let challenge = &answer["context"]["www_authenticate"];
        assert_eq!(challenge, expected, "{ttl} {scope} {route}");
        answer["context"].get("error").cloned()
    };
    let (a, b) = (
        r#"Bearer error="insufficient_scope", scope="a""#,
        r#"Bearer error="insufficient_scope", scope="b""#,
    );
    let none = r#"Bearer error="insufficient_scope""#;
    assert_eq!(check("300", "a", "GET/b", b).await, None);
    assert_eq!(check("300", "a", "GET/a", b).await, None);
    assert_eq!(check("300", "a b", "GET/c", none).await, None);
    assert_eq!(
        check("300", "c", "GET/b", a).await,
        Some(json!("insufficient_scope"))
    );
    assert_eq!(
        check("0", "c", "GET/b", b).await,
        Some(json!("insufficient_scope"))
    );
    assert_eq!(check("0", "b", "GET/a", a).await, None);
    assert_eq!(check("0", "b", "GET/c", none).await, None);
}

#[tokio::test]
async fn an_address_opens_routes_where_nothing_is_remembered() {
    let rules = "
rules:
  - allow: [GET /near]
    require: {source_ip: 192.0.2.0/24}
  - allow: [GET /far]
    require: {not: {source_ip: 192.0.2.0/24}}
";
    let authorizer = authorizer("0", rules).await;
    let event = event(&claims(&json!({})), "GET/near");
    for (address, expected) in [
        (json!("192.0.2.7"), &["GET/near"][..]),
        (json!("192.0.3.7"), &["GET/far"]),
        (json!(null), &["*"]),
        (json!("192.0.2.7, 192.0.3.7"), &["*"]),
    ] {
        let mut event = event.clone();
        event["requestContext"]["identity"]["sourceIp"] = address.clone();
        let answer = authorizer
            .handle(&event.to_string(), "1")
            .await
            .answer
            .unwrap()
            .value();
        let effect = if expected == ["*"] { "Deny" } else { "Allow" };
        assert_eq!(resources(&answer, effect), expected, "{address}");
    }
}

#[tokio::test]
async fn a_shadowed_rule_is_said_at_start_and_at_each_decision_that_it_makes() {
    let rules = "
rules:
  - allow: [GET /a]
    require: {scope: a}
    enforce: false
  - allow: [GET /b]
    require: {scope: b}
";
    let authorizer = authorizer("300", rules).await;
    let line: Value = serde_json::from_str(&authorizer.log[0]).unwrap();
    assert_eq!(
        (&line["event"], &line["rules"]),
        (&json!("shadowed_rules"), &json!([1]))
    );
    for (scope, route, shadowed) in [
        ("none", "GET/a", json!([1])),
        ("a", "GET/a", json!([])),
        ("none", "GET/b", json!([])),
    ] {
        let (answer, decision) =
            answer(&authorizer, &claims(&json!({"scope": scope})), route).await;
        assert_eq!(resources(&answer, "Allow"), ["GET/a"]);
        assert_eq!(decision["shadowed"], shadowed, "{scope} {route}");
        let count = shadowed.as_array().unwrap().len();
        assert_eq!(decision["metrics"]["Shadowed"], count, "{scope} {route}");
    }
    // The token itself is checked as ever.
    let expired = claims(&json!({"exp": 1}));
    let outcome = authorizer
        .handle(&event(&expired, "GET/a").to_string(), "1")
        .await;
    assert_eq!(outcome.answer.unwrap_err().to_string(), "Unauthorized");
}

#[tokio::test]
async fn a_context_that_is_too_large_denies_with_its_own_reason() {
    let rules = "
context: {one: long, two: long}
rules: [{allow: [GET /a], require: {authenticated: true}}]
";
    let authorizer = authorizer("300", rules).await;
    let (open, decision) = answer(
        &authorizer,
        &claims(&json!({"long": "x".repeat(4_900)})),
        "GET/a",
    )
    .await;
    assert_eq!(
        (resources(&open, "Allow"), &decision["reason"]),
        (vec!["GET/a".to_owned()], &json!("allowed"))
    );
    let (closed, decision) = answer(
        &authorizer,
        &claims(&json!({"long": "x".repeat(5_200)})),
        "GET/a",
    )
    .await;
    assert_eq!(resources(&closed, "Deny"), ["*"]);
    assert_eq!(decision["reason"], "context_too_large");
    assert_eq!(closed["context"]["error"], "context_too_large");
    assert_eq!(closed["context"]["sub"], "user-1");
}

/// A WebSocket API takes 8 KB for policy and context together, where others take more.
#[tokio::test]
async fn an_answer_that_a_websocket_api_would_not_take_is_a_denial() {
    let rules = "rules: [{allow: ['$connect', GET /a], require: {authenticated: true}}]";
    let authorizer = authorizer("0", rules).await;
    let with_roles = |count: usize| {
        let roles: Vec<_> = (0..count).map(|number| format!("{number:06}")).collect();
        claims(&json!({ "roles": roles }))
    };
    for (count, route, expected) in [
        (600, "$connect", "allowed"),
        (800, "$connect", "context_too_large"),
        (800, "GET/a", "allowed"),
    ] {
        let (answer, decision) = answer(&authorizer, &with_roles(count), route).await;
        assert_eq!(decision["reason"], expected, "{count} on {route}");
        let bytes = answer.to_string().len();
        assert!(bytes <= 8 * 1024 || route != "$connect", "{bytes}");
    }
}

/// Rules of every kind; the answer to which of them decides is beside the claims and the route.
#[tokio::test]
async fn the_rule_that_decides_is_told_or_the_nearest_one() {
    let rules = r#"
rules:
  - allow: [GET /v2/**]
    require: {role: admin}
  - allow: ['POST /predict/{model}', 'GET /v2/models/{model}']
    require: {scope: 'run:{model}', claims: {org_id: acme}, source_ip: [192.0.2.0/24]}
  - allow: ['POST /predict/{model}']
    require:
      any: [{permission: everything}, {step_up: {max_age: 5m}}]
      not: {claims: {/plan/name: free}}
  - allow: [GET /shadow]
    require: {client_role: api/reader}
    enforce: false
  - allow: ['GET /m/{x}/{y}', 'GET /m/{y}/{x}']
    require: {scope: 's:{x}'}
"#;
    let authorizer = authorizer("0", rules).await;
    let second = json!({"scope": "s:b"});
    let org = json!({"scope": "run:wine", "org_id": "acme"});
    for (more, route, decided, nearest) in [
        (&org, "POST/predict/wine", Some(2), None),
        (&org, "GET/v2/models/wine", Some(2), None),
        (&org, "POST/predict/digits", None, Some(2)),
        (&org, "GET/v2/models/digits", None, Some(1)),
        (&org, "GET/nowhere", None, None),
        (&second, "GET/m/b/a", Some(5), None),
        (&second, "GET/m/a/b", Some(5), None),
        (&second, "GET/m/a/c", None, Some(5)),
        (&org, "GET/shadow", Some(4), None),
        (
            &json!({"roles": ["admin"]}),
            "GET/v2/models/wine",
            Some(1),
            None,
        ),
        (
            &json!({"permissions": ["everything"]}),
            "POST/predict/wine",
            Some(3),
            None,
        ),
        (
            &json!({"permissions": ["everything"], "plan": {"name": "free"}}),
            "POST/predict/wine",
            None,
            Some(3),
        ),
    ] {
        let event = event(&claims(more), route).to_string();
        let told = authorizer.explain(&event).await.unwrap();
        assert_eq!(
            (told.decided_by, told.nearest),
            (decided, nearest),
            "{route} with {more}: {:#?}",
            told.rules
        );
        let allowed = told.decision == "allow";
        assert_eq!(allowed, decided.is_some(), "{route} with {more}");
    }
}

#[tokio::test]
async fn each_condition_is_told_beside_what_the_caller_has() {
    let rules = r#"
rules:
  - allow: ['POST /predict/{model}']
    require:
      scope: 'run:{model}'
      claims: {level: {at_least: 3}, groups: {contains: ml}}
      any: [{role: admin}, {step_up: {acr_values: [urn:mfa]}}]
      not: {claims: {/plan/name: free}}
      source_ip: [10.0.0.0/8]
"#;
    let authorizer = authorizer("0", rules).await;
    let more = json!({"scope": "run:wine", "level": 2, "acr": "urn:pwd", "groups": ["ml", "x"], "plan": {"name": "pro"}});
    let event = event(&claims(&more), "POST/predict/wine").to_string();
    let told = authorizer.explain(&event).await.unwrap();
    let [rule] = told.rules.as_slice() else {
        panic!("one rule")
    };
    assert!(rule.names_the_route && !rule.holds && rule.enforced);
    let mut found: Vec<_> = rule
        .conditions
        .iter()
        .map(|step| (step.depth, step.holds, step.condition.as_str()))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (0, false, "an address of `10.0.0.0/8`"),
            (0, false, "claim `level` is at least 3"),
            (0, false, "one of these"),
            (0, true, "claim `groups` has the member `ml`"),
            (0, true, "not this"),
            (0, true, "scope `run:{model}`"),
            (1, false, "`acr` is one of `urn:mfa`"),
            (1, false, "claim `/plan/name` is `free`"),
            (1, false, "role `admin`"),
        ]
    );
    let compared = |condition: &str| {
        let mut steps = rule.conditions.iter();
        let step = steps.find(|step| step.condition == condition).unwrap();
        step.compared.as_str()
    };
    assert_eq!(
        compared("scope `run:{model}`"),
        "the token has `run:wine`; `model` is `wine`"
    );
    assert_eq!(compared("claim `level` is at least 3"), "it is `2`");
    assert_eq!(compared("role `admin`"), "the token has no role");
    assert_eq!(
        compared("an address of `10.0.0.0/8`"),
        "the client's address is `192.0.2.7`"
    );
}

/// TOKEN events carry no address: whoever wonders why finds it in the log.
#[tokio::test]
async fn a_denial_for_want_of_an_address_says_so() {
    let rules = r"
rules:
  - allow: [GET /office]
    require: {source_ip: 192.0.2.0/24}
  - allow: [GET /any]
    require: {any: [{source_ip: 192.0.2.0/24}, {scope: predict}]}
  - allow: [GET /shadowed]
    require: {source_ip: 192.0.2.0/24}
    enforce: false
  - allow: [GET /other]
    require: {source_ip: 192.0.2.0/24}
    issuer: https://issuer.example
  - allow: [GET /open]
    require: {authenticated: true}
  - allow: [GET /scope]
    require: {scope: other}
";
    let authorizer = authorizer("0", rules).await;
    let said = async |event: Value| {
        let log = authorizer.handle(&event.to_string(), "request-1").await.log;
        let decision: Value = serde_json::from_str(&log[0]).unwrap();
        let detail = decision["detail"].as_str().unwrap_or_default();
        (
            decision["reason"].as_str().unwrap().to_owned(),
            detail.contains("`source_ip`"),
        )
    };
    let claims = claims(&json!({}));
    let of_type_token = |route: &str| {
        json!({
            "type": "TOKEN",
            "methodArn": format!("{ARN}{route}"),
            "authorizationToken": format!("Bearer {}", token(&claims)),
        })
    };
    let elsewhere = |route: &str| {
        let place = json!({"identity": {"sourceIp": "198.51.100.1"}});
        with(event(&claims, route), "requestContext", place)
    };
    for (event, reason, says) in [
        (of_type_token("GET/office"), "route_not_open", true),
        (of_type_token("GET/any"), "route_not_open", true),
        (of_type_token("GET/other"), "route_not_open", true),
        (of_type_token("GET/shadowed"), "allowed", false),
        (of_type_token("GET/open"), "allowed", false),
        (of_type_token("GET/scope"), "route_not_open", false),
        (of_type_token("GET/nowhere"), "route_not_open", false),
        (elsewhere("GET/office"), "route_not_open", false),
        (event(&claims, "GET/office"), "allowed", false),
    ] {
        let found = said(event.clone()).await;
        assert_eq!(found, (reason.to_owned(), says), "{}", event["methodArn"]);
    }
}

#[tokio::test]
async fn a_denial_of_everything_for_want_of_an_address_says_so() {
    let rules = "rules: [{allow: [GET /office], require: {source_ip: 192.0.2.0/24}}]";
    let authorizer = authorizer("0", rules).await;
    let token = token(&claims(&json!({})));
    let event = json!({
        "type": "TOKEN",
        "methodArn": format!("{ARN}GET/office"),
        "authorizationToken": format!("Bearer {token}"),
    });
    let log = authorizer.handle(&event.to_string(), "request-1").await.log;
    assert!(
        log[0].contains("nothing_open") && log[0].contains("`source_ip`"),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_usage_key_is_the_digest_of_a_text_a_number_or_a_boolean() {
    let rules = "usage_key: org\nrules: [{allow: [GET /a], require: {scope: predict}}]";
    let authorizer = authorizer("300", rules).await;
    let check = async |value: Value, text: Option<&str>| {
        let claims = claims(&json!({"org": value}));
        let (answer, _) = answer(&authorizer, &claims, "GET/a").await;
        let digest = text.map(|text| format!("{:x}", Sha256::digest(text)));
        let expected = digest.map_or(Value::Null, Value::String);
        assert_eq!(answer["usageIdentifierKey"], expected, "{value}");
    };
    check(json!("acme"), Some("acme")).await;
    check(json!(""), Some("")).await;
    check(json!("7"), Some("7")).await;
    check(json!(7), Some("7")).await;
    check(json!(-7), Some("-7")).await;
    check(json!(1.5), Some("1.5")).await;
    check(json!(u64::MAX), Some("18446744073709551615")).await;
    check(json!(true), Some("true")).await;
    check(json!(false), Some("false")).await;
    check(json!(null), None).await;
    check(json!([]), None).await;
    check(json!(["acme"]), None).await;
    check(json!({"name": "acme"}), None).await;
}

/// A denied caller counts for its plan as well.
#[tokio::test]
async fn a_denial_has_the_usage_key_too() {
    let rules = "usage_key: org\nrules: [{allow: [GET /a], require: {scope: other}}]";
    let authorizer = authorizer("300", rules).await;
    let claims = claims(&json!({"org": 7}));
    let (answer, _) = answer(&authorizer, &claims, "GET/a").await;
    let digest = format!("{:x}", Sha256::digest("7"));
    assert_eq!(answer["usageIdentifierKey"], json!(digest));
}
