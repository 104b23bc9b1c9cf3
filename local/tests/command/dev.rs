//! `tollgate dev` with both functions in its process.

use std::fs;
use std::process::Output;

use crate::running::{bearer, checkout, command, start, text};

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
