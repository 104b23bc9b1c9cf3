//! `tollgate dev` with functions behind the Lambda Invoke API: what it sends them, and what it makes of
//! answers that ours never give.

use crate::running::{Running, start};
use crate::script::{Script, Step, script};

const AUTHORIZER: &str = "POST /2015-03-31/functions/authorizer/invocations";
const MODEL: &str = "POST /2015-03-31/functions/model-fn/invocations";
const TOKEN: &str = "Authorization: Bearer abc";
const REPLY: Step = (
    MODEL,
    200,
    r#"{"statusCode": 201, "headers": {"x-a": "b"}, "body": "done"}"#,
);

/// An answer of the authorizer with these statements.
macro_rules! answer {
    ($statements:literal) => {
        concat!(
            r#"{"principalId": "p", "context": {"n": 1}, "policyDocument": {"Version": "2012-10-17", "Statement": ["#,
            $statements,
            "]}}"
        )
    };
}

const ALL: &str =
    answer!(r#"{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}"#);

fn run(steps: &[Step]) -> (Running, Script) {
    let functions = script(steps);
    (start(&["--functions", &functions.url]), functions)
}

#[track_caller]
fn check(steps: &[Step], status: u16, words: &str) {
    let (running, _functions) = run(steps);
    let (head, body) = running.check("POST /predict", &[TOKEN], status);
    assert!(format!("{head}{body}").contains(words), "{head}{body}");
}

#[test]
fn the_functions_get_the_events_of_a_rest_api() {
    let (running, functions) = run(&[(AUTHORIZER, 200, ALL), REPLY, REPLY, REPLY]);
    let (head, body) = running.check("POST /predict/wine?a=1", &[TOKEN], 201);
    assert!(head.contains("x-a: b") && body == "done", "{head}{body}");
    // The authorizer is not asked again for the same token.
    running.check("GET /models", &[TOKEN], 201);
    running.check("GET /v2/health/live", &[], 201);
    let requests = functions.requests.join().unwrap();
    for (request, parts) in requests.iter().zip([
        [
            r#""type":"TOKEN""#,
            r#""authorizationToken":"Bearer abc""#,
            "local/dev/POST/predict/wine",
        ],
        [
            r#""authorizer":{"n":"1","principalId":"p"}"#,
            r#""body":"e30=""#,
            r#""model":"wine""#,
        ],
        [
            r#""authorizer":{"n":"1","principalId":"p"}"#,
            r#""resource":"/models""#,
            r#""httpMethod":"GET""#,
        ],
        [
            r#""resource":"/v2/health/live""#,
            r#""isBase64Encoded":true"#,
            r#""resourcePath":"/v2/health/live""#,
        ],
    ]) {
        assert!(
            parts.iter().all(|part| request.contains(part)),
            "{parts:?} in {request}"
        );
    }
    assert!(!requests[3].contains("authorizer\":"), "{}", requests[3]);
}

#[test]
fn an_authorizer_of_type_request_sees_the_whole_request() {
    let functions = script(&[(AUTHORIZER, 200, ALL), REPLY, REPLY]);
    let arguments = [
        "--functions",
        &functions.url,
        "--authorizer-type",
        "request",
    ];
    let running = start(&arguments);
    running.check("POST /predict", &["Cookie: token=abc"], 401);
    running.check("POST /predict/wine?a=1", &[TOKEN, "DPoP: proof"], 201);
    // Remembered by the header `Authorization` alone.
    running.check("GET /models", &[TOKEN], 201);
    let requests = functions.requests.join().unwrap();
    for part in [
        r#""type":"REQUEST""#,
        r#""httpMethod":"POST""#,
        r#""path":"/predict/wine""#,
        r#""Authorization":"Bearer abc""#,
        r#""Dpop":["proof"]"#,
        r#""queryStringParameters":{"a":"1"}"#,
    ] {
        assert!(requests[0].contains(part), "{part} in {}", requests[0]);
    }
    assert!(!requests[0].contains("isBase64Encoded"), "{}", requests[0]);
}

#[test]
fn a_denial_carries_the_challenge_of_the_authorizer() {
    let answer = answer!("").replace(r#""n": 1"#, r#""www_authenticate": "Bearer error=\"e\"""#);
    let challenge = "www-authenticate: bearer error=\"e\"";
    check(&[(AUTHORIZER, 200, answer.leak())], 403, challenge);
}

#[test]
fn the_policy_decides_and_not_the_authorizer() {
    let nothing = answer!("");
    let denied = answer!(r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#);
    let other = answer!(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:execute-api:*:*:local/dev/GET/*"}"#
    );
    let expired = answer!(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}"#
    );
    check(&[(AUTHORIZER, 200, ALL), REPLY], 201, "done");
    for answer in [nothing, denied, other, expired] {
        check(
            &[(AUTHORIZER, 200, answer)],
            403,
            "x-amzn-errortype: accessdeniedexception",
        );
    }
}

#[test]
fn an_answer_that_cannot_be_used_is_an_error_and_not_cached() {
    let refused = r#"{"errorType": "Unauthorized", "errorMessage": "Unauthorized"}"#;
    let failed = r#"{"errorType": "IssuerUnavailable", "errorMessage": "Unauthorized: no keys"}"#;
    let nested = ALL.replace(r#"{"n": 1}"#, r#"{"n": [1]}"#).leak();
    let condition = answer!(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "b"}}}"#
    );
    check(
        &[(AUTHORIZER, 200, refused)],
        401,
        "www-authenticate: bearer",
    );
    for answer in [failed, nested, condition, "{}", "null", "<html>"] {
        check(
            &[(AUTHORIZER, 200, answer)],
            500,
            "x-amzn-errortype: authorizerconfigurationexception",
        );
    }
    let (running, functions) = run(&[(AUTHORIZER, 200, failed), (AUTHORIZER, 200, ALL), REPLY]);
    running.check("POST /predict", &[TOKEN], 500);
    running.check("POST /predict", &[TOKEN], 201);
    assert_eq!(functions.requests.join().unwrap().len(), 3);
}

#[test]
fn a_model_function_that_fails_is_a_bad_gateway() {
    for answer in [
        r#"{"errorType": "E", "errorMessage": "m"}"#,
        r#"{"statusCode": 200, "unknown": 1}"#,
        "null",
        "x",
    ] {
        check(
            &[(AUTHORIZER, 200, ALL), (MODEL, 200, answer)],
            502,
            "x-amzn-errortype: internalservererrorexception",
        );
    }
}
