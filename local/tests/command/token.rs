//! `tollgate token` against an issuer that answers from a script.

use std::process::Output;

use crate::running::command;
use crate::script::{Step, script};

const DISCOVERY: Step = (
    "GET /.well-known/openid-configuration",
    200,
    r#"{"issuer": "ORIGIN", "token_endpoint": "ORIGIN/token", "device_authorization_endpoint": "ORIGIN/device"}"#,
);
const TOKEN: Step = (
    "POST /token",
    200,
    r#"{"access_token": "a.b.c", "token_type": "Bearer"}"#,
);

struct Run {
    output: Output,
    requests: Vec<String>,
}

fn run(steps: &[Step], arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let issuer = script(steps);
    let mut command = command(&["token", "--issuer", &issuer.url]);
    command.args(arguments).envs(environment.iter().copied());
    let output = command.output().unwrap();
    if !output.status.success() {
        // The script is not played to its end: what is left is called here.
        return Run {
            output,
            requests: Vec::new(),
        };
    }
    Run {
        output,
        requests: issuer.requests.join().unwrap(),
    }
}

impl Run {
    #[track_caller]
    fn check(&self, stdout: &str, stderr: &str) {
        assert_eq!(
            String::from_utf8_lossy(&self.output.stdout),
            stdout,
            "{:?}",
            self.output
        );
        let found = String::from_utf8_lossy(&self.output.stderr);
        assert!(found.contains(stderr), "{found}");
        assert!(!found.contains("s3cret"), "{found}");
    }

    #[track_caller]
    fn check_sent(&self, index: usize, expected: &[&str]) {
        for part in expected {
            assert!(
                self.requests[index].contains(part),
                "`{part}` in {}",
                self.requests[index]
            );
        }
    }
}

#[test]
fn a_client_sends_its_secret_in_a_header() {
    let arguments = [
        "--client-id",
        "ml model",
        "--scope",
        "predict other",
        "--audience",
        "https://api/",
    ];
    let run = run(
        &[DISCOVERY, TOKEN],
        &arguments,
        &[("TOLLGATE_CLIENT_SECRET", "s3cret:+")],
    );
    run.check("a.b.c\n", "");
    // `ml+model:s3cret%3A%2B`
    run.check_sent(
        1,
        &[
            "Basic bWwrbW9kZWw6czNjcmV0JTNBJTJC",
            "grant_type=client_credentials",
        ],
    );
    run.check_sent(1, &["scope=predict+other", "audience=https%3A%2F%2Fapi%2F"]);
    assert!(
        !run.requests[1].contains("client_id="),
        "{}",
        run.requests[1]
    );
}

#[test]
fn a_user_sends_name_and_password_through_a_public_client() {
    let arguments = ["--client-id", "app", "--username", "alice"];
    let run = run(
        &[DISCOVERY, TOKEN],
        &arguments,
        &[("TOLLGATE_PASSWORD", "s3cret&x")],
    );
    run.check("a.b.c\n", "");
    run.check_sent(
        1,
        &[
            "grant_type=password",
            "username=alice",
            "password=s3cret%26x",
            "client_id=app",
        ],
    );
}

#[test]
fn a_device_polls_until_the_code_is_confirmed() {
    let device = r#"{"device_code": "dc", "user_code": "WDJB-MJHT", "verification_uri": "https://example.org/device",
                     "expires_in": 60, "interval": 1}"#;
    let pending = ("POST /token", 400, r#"{"error": "authorization_pending"}"#);
    let steps = [
        DISCOVERY,
        ("POST /device", 200, device),
        pending,
        pending,
        TOKEN,
    ];
    let run = run(
        &steps,
        &["--client-id", "app", "--device", "--scope", "predict"],
        &[],
    );
    run.check(
        "a.b.c\n",
        "open https://example.org/device and enter the code WDJB-MJHT",
    );
    run.check_sent(
        1,
        &[
            "client_id=app",
            "scope=predict",
            "code_challenge_method=S256",
        ],
    );
    run.check_sent(4, &["code_verifier="]);
    run.check_sent(
        4,
        &[
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code",
            "device_code=dc",
        ],
    );
}

#[test]
fn a_refusal_ends_with_what_to_change() {
    let refused = |error| ("POST /token", 401, error);
    let secret = [("TOLLGATE_CLIENT_SECRET", "s3cret")];
    let client = refused(
        r#"{"error": "invalid_client", "error_description": "Invalid client credentials"}"#,
    );
    run(&[DISCOVERY, client], &["--client-id", "app"], &secret)
        .check("", "`invalid_client` (Invalid client credentials); check `--client-id` and `TOLLGATE_CLIENT_SECRET`");
    run(
        &[DISCOVERY, refused("<html>")],
        &["--client-id", "app"],
        &secret,
    )
    .check("", "status 401");
    run(&[DISCOVERY], &["--client-id", "app"], &[]).check("", "set `TOLLGATE_CLIENT_SECRET`");
}

#[test]
fn a_secret_goes_to_no_other_machine_in_the_clear_and_follows_no_redirect() {
    let secret = [("TOLLGATE_CLIENT_SECRET", "s3cret")];
    let insecure = r#"{"issuer": "ORIGIN", "token_endpoint": "http://192.0.2.1/token"}"#;
    run(
        &[(DISCOVERY.0, 200, insecure)],
        &["--client-id", "app"],
        &secret,
    )
    .check("", "must be https");
    run(
        &[DISCOVERY, ("POST /token", 307, "")],
        &["--client-id", "app"],
        &secret,
    )
    .check("", "status 307");
    let other = r#"{"issuer": "https://other.example", "token_endpoint": "ORIGIN/token"}"#;
    run(
        &[(DISCOVERY.0, 200, other)],
        &["--client-id", "app"],
        &secret,
    )
    .check("", "`--issuer https://other.example`");
}
