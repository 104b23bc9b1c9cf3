//! What is printed when everything answers: lines to paste for people, then lines to wait for, for
//! scripts.

use std::fmt;

use super::example::{Body, Example, Piece};
use crate::issuer::DEFAULT_SCOPE;

/// Where the embedded issuer is unless told otherwise; `tollgate token` looks there.
const DEFAULT_ISSUER: &str = "http://127.0.0.1:3001";

/// Everything a user needs to make the first call.
#[derive(Debug)]
pub(super) struct Announcement {
    pub(super) gateway: String,
    pub(super) issuer: Issuer,
    pub(super) audience: String,
    /// Whether the authorizer runs elsewhere and must be told of issuer and audience there.
    pub(super) remote_authorizer: bool,
    pub(super) example: Example,
}

/// Whose tokens are accepted.
#[derive(Debug)]
pub(super) enum Issuer {
    /// Ours, which needs no client.
    Embedded(String),
    /// One where the user has a client.
    Other(String),
}

impl fmt::Display for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, token) = match &self.issuer {
            Issuer::Embedded(url) if url == DEFAULT_ISSUER => (url, String::new()),
            Issuer::Embedded(url) => (url, format!(" --issuer {url}")),
            Issuer::Other(url) => (
                url,
                format!(" --issuer {url} --client-id YOUR_CLIENT --scope {DEFAULT_SCOPE}"),
            ),
        };
        writeln!(
            formatter,
            "Tollgate runs on this machine; Ctrl-C stops it. In another terminal, in this folder:\n"
        )?;
        let Self {
            gateway,
            audience,
            example,
            ..
        } = self;
        writeln!(formatter, "  TOKEN=$(cargo -q tollgate token{token})")?;
        writeln!(formatter, "{}\n", call(gateway, example))?;
        if self.remote_authorizer {
            writeln!(
                formatter,
                "The authorizer must run with ISSUER={url} AUDIENCE={audience}\n"
            )?;
        }
        writeln!(formatter, "issuer {url}")?;
        writeln!(formatter, "ready {gateway}")
    }
}

/// The lines of a shell that make the call.
fn call(gateway: &str, example: &Example) -> String {
    let curl =
        |route: &str| format!("  curl -s {gateway}{route} -H \"Authorization: Bearer $TOKEN\"");
    let Example::Predict(route, body) = example else {
        return curl("/models");
    };
    let (before, sent) = match body {
        Body::File(path) => {
            let path = quoted(&path.display().to_string());
            (String::new(), format!("@{path}"))
        }
        Body::Made(pieces) => match pieces.as_slice() {
            [Piece::Text(text)] => (String::new(), quoted(text)),
            pieces => {
                let commands: String = pieces.iter().map(printf).collect();
                (format!("  {{ {commands}}} |\n"), "@-".to_owned())
            }
        },
    };
    let curl = curl(route);
    format!("{before}{curl} \\\n    -H 'Content-Type: application/json' --data-binary {sent}")
}

/// The command that prints a piece. `printf` goes through its format once for each argument.
fn printf(piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => format!("printf %s {}; ", quoted(text)),
        Piece::Repeated(text, times) => {
            format!("printf {} $(seq {times}); ", quoted(&format!("{text}%.0s")))
        }
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn text(issuer: Issuer, remote_authorizer: bool, example: Example) -> String {
        let gateway = "http://127.0.0.1:3000".to_owned();
        let audience = "ml-api".to_owned();
        Announcement {
            gateway,
            issuer,
            audience,
            remote_authorizer,
            example,
        }
        .to_string()
    }

    fn example(route: &str, body: &str) -> Example {
        Example::Predict(route.to_owned(), Body::File(body.into()))
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str], absent: &[&str]) {
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
        assert!(!absent.iter().any(|part| text.contains(part)), "{text}");
    }

    #[test]
    fn the_lines_to_paste_are_complete() {
        let embedded = |url: &str| Issuer::Embedded(url.to_owned());
        check(
            &text(
                embedded("http://127.0.0.1:3001"),
                false,
                example("/predict", "models/wine/example.json"),
            ),
            &[
                "TOKEN=$(cargo -q tollgate token)\n",
                "curl -s http://127.0.0.1:3000/predict -H \"Authorization: Bearer $TOKEN\"",
                "--data-binary @models/wine/example.json\n",
            ],
            &["ISSUER="],
        );
        let other_port = text(
            embedded("http://127.0.0.1:4000"),
            true,
            example("/predict/my", "/my models/it's.json"),
        );
        check(
            &other_port,
            &[
                "token --issuer http://127.0.0.1:4000)",
                "curl -s http://127.0.0.1:3000/predict/my -H",
                r"@'/my models/it'\''s.json'",
                "with ISSUER=http://127.0.0.1:4000 AUDIENCE=ml-api",
            ],
            &[],
        );
        let keycloak = text(
            Issuer::Other("https://sso.example/realms/ml".to_owned()),
            false,
            Example::Models,
        );
        check(
            &keycloak,
            &[
                "--issuer https://sso.example/realms/ml --client-id YOUR_CLIENT --scope predict)",
                "  curl -s http://127.0.0.1:3000/models -H \"Authorization: Bearer $TOKEN\"\n\n",
            ],
            &["--data-binary"],
        );
    }

    /// What curl gets from a shell, as its arguments and then its standard input.
    fn sent(pieces: Vec<Piece>) -> String {
        let example = Example::Predict("/predict/my".to_owned(), Body::Made(pieces));
        let lines = call("http://127.0.0.1:3000", &example);
        let script = format!(r#"curl() {{ printf '%s\n' "$@"; [ "$8" != @- ] || cat; }}; {lines}"#);
        let output = Command::new("sh")
            .args(["-uc", &script])
            .env("TOKEN", "a.b.c")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_body_passes_the_shell_as_it_is() {
        let arguments = "-s\nhttp://127.0.0.1:3000/predict/my\n-H\nAuthorization: Bearer a.b.c\n-H\nContent-Type: application/json\n--data-binary\n";
        let odd = r#"{"instances":[{"it's $HOME `x` \" \\ %s !":""}]}"#;
        assert_eq!(
            sent(vec![Piece::Text(odd.to_owned())]),
            format!("{arguments}{odd}\n")
        );
        let many = vec![
            Piece::Text(r#"{"it's %d":[1"#.to_owned()),
            Piece::Repeated(",\"\"".to_owned(), 40_000),
            Piece::Text("]}".to_owned()),
        ];
        let body = format!(r#"{{"it's %d":[1{}]}}"#, ",\"\"".repeat(40_000));
        // Too long to be shown.
        assert!(sent(many) == format!("{arguments}@-\n{body}"));
    }

    #[test]
    fn scripts_wait_for_the_last_two_lines() {
        let text = text(
            Issuer::Embedded("http://127.0.0.1:1".to_owned()),
            false,
            Example::Models,
        );
        assert!(
            text.ends_with("\nissuer http://127.0.0.1:1\nready http://127.0.0.1:3000\n"),
            "{text}"
        );
    }
}
