//! `tollgate dev` with both functions in its process.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{Running, bearer, checkout, command, start, text};

fn example() -> Vec<u8> {
    fs::read(checkout().join("models/wine/example.json")).unwrap()
}

#[test]
fn a_token_opens_the_routes_of_its_scope() {
    let running = start(&[]);
    let token = running.token(&[]);
    let authorization = bearer(&token);
    let json = "Content-Type: application/json";
    for route in ["POST /predict", "POST /predict/wine"] {
        let (status, _, body) = running.call(route, &[json, &authorization], &example());
        assert_eq!(status, 200, "{body}");
        assert!(
            body.contains("outputs") || body.contains("predictions"),
            "{body}"
        );
    }
    let (_, models) = running.check("GET /models", &[&authorization], 200);
    assert!(
        models.contains("wine") && models.contains("digits"),
        "{models}"
    );
    running.check("GET /v2/health/ready", &[], 200);

    let other = bearer(&running.token(&["--scope", "other"]));
    let (head, _) = running.check("POST /predict", &[&other], 403);
    assert!(
        head.contains("x-amzn-errortype: accessdeniedexception"),
        "{head}"
    );
    // The same answer, cached, opens what it opens and no more.
    running.check("GET /models", &[&other], 200);
    running.check("POST /predict", &[&other], 403);
}

#[test]
fn the_log_explains_decisions_and_has_no_token() {
    let running = start(&[]);
    let token = running.token(&["--scope", "other"]);
    running.check("POST /predict", &[&bearer(&token)], 403);
    let log = running.log();
    let decision = log
        .lines()
        .find(|line| line.contains(r#""decision":"deny""#));
    assert!(decision.is_some_and(|line| line.starts_with('{')), "{log}");
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(!log.contains(signature), "{log}");
}

#[test]
fn what_is_no_token_is_refused() {
    let running = start(&[]);
    let token = running.token(&[]);
    let good = bearer(&token);
    let (other, broken) = (bearer(&start(&[]).token(&[])), bearer(&format!("{token}x")));
    let huge = bearer(&"x".repeat(11_000));
    let basic = "Authorization: Basic dG9sbGdhdGU6dG9sbGdhdGU=";
    for headers in [
        vec![],
        vec!["Authorization:"],
        vec![basic],
        vec![&*other],
        vec![&*broken],
        vec![&*good, &*good],
    ] {
        let (head, body) = running.check("POST /predict", &headers, 401);
        assert!(head.contains("www-authenticate: bearer"), "{head}");
        assert!(!body.contains(&token), "{body}");
    }
    running.check("POST /predict", &[&huge], 431);
    for line in ["POST /no/such/route", "PUT /predict"] {
        let (_, head, _) = running.call(line, &[&good], b"");
        assert!(
            head.contains("x-amzn-errortype: missingauthenticationtokenexception"),
            "{head}"
        );
    }
}

#[test]
fn bodies_have_the_limits_of_gateway_and_lambda() {
    let running = start(&[]);
    let authorization = bearer(&running.token(&[]));
    let mebibyte = 1024 * 1024;
    for (size, error_type) in [
        (10 * mebibyte + 1, "requesttoolargeexception"),
        (10 * mebibyte, "badrequestexception"),
        (6 * mebibyte, "badrequestexception"),
    ] {
        let (status, head, _) = running.call("POST /predict", &[&authorization], &vec![b' '; size]);
        assert_eq!(status, 413, "{head}");
        assert!(
            head.contains(&format!("x-amzn-errortype: {error_type}")),
            "{head}"
        );
    }
}

/// The model function says the number below the limit of Lambda, however long the headers are.
#[test]
fn a_body_within_the_limit_reaches_the_function() {
    let running = start(&[]);
    let authorization = bearer(&running.token(&[]));
    let long = format!("X-Long: {}", "x".repeat(8_900));
    for (size, status, words) in [
        (4_700_000, 400, "not_json"),
        (4_700_001, 413, "more than 4700000 bytes: send fewer rows"),
        (
            6_000_000,
            413,
            "takes 4.7 MB (4700000 bytes): send fewer rows",
        ),
    ] {
        let body = vec![b' '; size];
        let headers = [authorization.as_str(), &long];
        let (found, _, answer) = running.call("POST /predict", &headers, &body);
        assert_eq!(found, status, "{size}: {answer}");
        assert!(answer.contains(words), "{size}: {answer}");
    }
}

#[test]
fn a_variable_that_is_wrong_is_named_as_one() {
    let output = command(&["--port", "0", "--issuer-port", "0"])
        .env("AUTHORIZER_TTL", "abc")
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("environment variable `AUTHORIZER_TTL`") && !stderr.contains("template"),
        "{stderr}"
    );
}

#[test]
fn the_client_of_the_embedded_issuer_may_be_named() {
    let running = start(&[]);
    let token = running.token(&["--client-id", "tollgate"]);
    running.check("GET /models", &[&bearer(&token)], 200);
}

#[test]
fn it_says_how_to_call_it() {
    let running = start(&[]);
    let (block, issuer, gateway) = (&running.block, &running.issuer, &running.gateway);
    for part in [
        format!("TOKEN=$(cargo -q tollgate token --issuer {issuer})\n"),
        format!("curl -s {gateway}/predict"),
        "@models/wine/example.json\n".to_owned(),
    ] {
        assert!(block.contains(&part), "{block}");
    }
}

/// A folder of models, each the file of one of the model function's tests.
fn models(names: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in names {
        let served = checkout()
            .join("model-fn/tests/fixtures/served")
            .join(model);
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::copy(
            served.join("model.onnx"),
            folder.path().join(name).join("model.onnx"),
        )
        .unwrap();
    }
    folder
}

fn start_with(folder: &Path) -> Running {
    start(&["--models", folder.to_str().unwrap()])
}

/// What the printed lines print, run as they are but for `cargo`.
fn paste(running: &Running) -> Value {
    let lines: Vec<_> = running
        .block
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    let lines = lines.join("\n");
    let cargo = r#"cargo() { shift 2; "$TOLLGATE" "$@"; }"#;
    let output = Command::new("bash")
        .args(["-euc", &format!("{cargo}\n{lines}")])
        .current_dir(checkout())
        .env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{lines}\n{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{lines}\n{output:?}"))
}

#[track_caller]
fn check_first_call(names: &[(&str, &str)], printed: &str, answer: &Value) {
    let folder = models(names);
    let running = start_with(folder.path());
    assert!(running.block.contains(printed), "{}", running.block);
    assert_eq!(&paste(&running), answer, "{}", running.block);
}

#[test]
fn the_printed_lines_work_for_models_without_an_example() {
    check_first_call(
        &[("my", "columns")],
        r#"--data-binary '{"instances":[{"age":1,"height":1}]}'"#,
        &json!({"predictions": [[1.0, 1.0]]}),
    );
    // Two models, and none of them is the default.
    check_first_call(
        &[("second", "columns"), ("first", "quotient")],
        "/predict/first -H",
        &json!({"predictions": [1]}),
    );
    // An answer without rows.
    let outputs = json!([{"name": "mean", "shape": [], "datatype": "FP32", "data": [1.0]}]);
    check_first_call(
        &[("my", "total")],
        r#"'{"inputs":[{"name":"#,
        &json!({"model_name": "my", "model_version": "1", "outputs": outputs}),
    );
}

#[test]
fn the_printed_lines_name_the_model_with_an_example() {
    let folder = models(&[("a", "quotient"), ("b", "columns")]);
    let example = r#"{"instances": [{"age": 3, "height": 1.5}]}"#;
    fs::write(folder.path().join("b/example.json"), example).unwrap();
    let running = start_with(folder.path());
    let file = folder.path().join("b/example.json");
    for part in ["/predict/b -H", &format!("@{}\n", file.display())] {
        assert!(running.block.contains(part), "{}", running.block);
    }
    assert_eq!(paste(&running), json!({"predictions": [[3.0, 1.5]]}));
}

#[test]
fn options_for_a_function_elsewhere_are_refused() {
    let elsewhere = "http://127.0.0.1:9";
    for (function, option, variable) in [
        ("--functions", "--models", "MODEL_SOURCE"),
        ("--model", "--models", "MODEL_SOURCE"),
        ("--functions", "--access", "ACCESS_FILE"),
    ] {
        let output = command(&["--port", "0", "--issuer-port", "0"])
            .args([function, elsewhere, option, "/nonexistent"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = text(&output.stderr);
        let words = format!("`{option}` does nothing for a function that runs elsewhere");
        assert!(
            stderr.contains(&words) && stderr.contains(variable),
            "{stderr}"
        );
    }
}

#[test]
fn it_ends_cleanly_on_a_signal() {
    for name in ["TERM", "INT"] {
        assert_eq!(start(&[]).signal(name), 0, "{name}");
    }
}

#[test]
fn all_problems_of_a_start_are_told_together() {
    let running = start(&[]);
    let port = running.gateway.rsplit_once(':').unwrap().1;
    let issuer_port = running.issuer.rsplit_once(':').unwrap().1;
    let arguments = [
        "--port",
        port,
        "--issuer-port",
        issuer_port,
        "--access",
        "no/such.yaml",
        "--models",
        "no/models",
    ];
    let Output {
        status,
        stdout,
        stderr,
    } = command(&arguments).output().unwrap();
    assert_eq!((status.code(), text(&stdout)), (Some(1), String::new()));
    let stderr = text(&stderr);
    let ports = [
        format!("error: port {port} is in use"),
        format!("error: port {issuer_port} is in use"),
    ];
    for part in ports
        .iter()
        .map(String::as_str)
        .chain(["no/such.yaml", "no/models"])
    {
        assert!(stderr.contains(part), "`{part}` in {stderr}");
    }
}

#[test]
fn functions_that_are_not_there_are_the_gateways_fault() {
    let running = start(&["--functions", "http://127.0.0.1:9"]);
    let token = bearer(&running.token(&[]));
    let (head, body) = running.check("POST /predict", &[&token], 500);
    assert!(
        head.contains("x-amzn-errortype: authorizerconfigurationexception"),
        "{head} {body}"
    );
    running.check("GET /v2/health/live", &[], 502);
    assert!(
        running.block.contains("AUDIENCE=ml-api"),
        "{}",
        running.block
    );
}

#[test]
fn a_token_command_that_fails_says_why_and_prints_no_token() {
    let running = start(&[]);
    for (arguments, secret, words) in [
        (
            vec!["--issuer", &running.issuer, "--client-id", "other"],
            "s3cret",
            "TOLLGATE_CLIENT_SECRET",
        ),
        (
            vec!["--issuer", &running.issuer, "--scope", "a\"b"],
            "",
            "invalid_scope",
        ),
        (
            vec!["--issuer", &running.gateway],
            "",
            "no discovery document",
        ),
        (
            vec!["--issuer", "http://127.0.0.1:9"],
            "",
            "cannot be reached",
        ),
        (
            vec!["--issuer", "https://127.0.0.1:9", "--username", "u"],
            "",
            "TOLLGATE_PASSWORD",
        ),
    ] {
        let output = command(&["token"])
            .args(&arguments)
            .env("TOLLGATE_CLIENT_SECRET", secret)
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(1), String::new()),
            "{arguments:?}"
        );
        let stderr = text(&output.stderr);
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("s3cret"), "{stderr}");
    }
}
