//! What is printed when everything answers: lines to paste for people, then lines to wait for, for
//! scripts.

use std::fmt;
use std::path::PathBuf;

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

/// A first call.
#[derive(Debug)]
pub(super) struct Example {
    /// Where to.
    pub(super) route: String,
    /// With the content of this file.
    pub(super) body: PathBuf,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            route: "/predict".to_owned(),
            body: "example.json".into(),
        }
    }
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
        let (route, body) = (&example.route, quoted(&example.body.display().to_string()));
        writeln!(formatter, "  TOKEN=$(cargo -q tollgate token{token})")?;
        writeln!(
            formatter,
            "  curl -s {gateway}{route} -H \"Authorization: Bearer $TOKEN\" \\"
        )?;
        writeln!(
            formatter,
            "    -H 'Content-Type: application/json' --data-binary @{body}\n"
        )?;
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

/// A path as one word of a shell.
fn quoted(path: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+".contains(character);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
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
        Example {
            route: route.to_owned(),
            body: body.into(),
        }
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
            Example::default(),
        );
        check(
            &keycloak,
            &["--issuer https://sso.example/realms/ml --client-id YOUR_CLIENT --scope predict)"],
            &[],
        );
    }

    #[test]
    fn scripts_wait_for_the_last_two_lines() {
        let text = text(
            Issuer::Embedded("http://127.0.0.1:1".to_owned()),
            false,
            Example::default(),
        );
        assert!(
            text.ends_with("\nissuer http://127.0.0.1:1\nready http://127.0.0.1:3000\n"),
            "{text}"
        );
    }
}
