//! The entry `introspection` of an issuer: how it is asked about tokens.

use std::time::Duration;

use serde::Deserialize;

use super::issuers::Issuer;
use super::secrets::SecretEntry;
use super::values::{Reader, present};
use crate::introspection::{Asked, MAX_REMEMBERED, Settings};

/// How long an answer is remembered if `cache` is left out.
const DEFAULT_REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntrospectionEntry {
    #[serde(default, deserialize_with = "present")]
    endpoint: Option<String>,
    client_id: String,
    client_secret: SecretEntry,
    tokens: AskedEntry,
    #[serde(default, deserialize_with = "present")]
    cache: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum AskedEntry {
    Opaque,
    Jwt,
    All,
}

impl Reader<'_> {
    pub(super) fn introspection(
        &mut self,
        entry: IntrospectionEntry,
        issuer: &str,
    ) -> Option<Settings> {
        let endpoint = entry
            .endpoint
            .and_then(|address| self.value("endpoint", &address));
        if let Some(address) = &endpoint {
            self.check_address("introspection endpoint", address, issuer);
        }
        let remembered_for = self.duration("cache", entry.cache);
        if remembered_for.is_some_and(|span| span > MAX_REMEMBERED) {
            self.problems.push(format!(
                "`cache` of `{issuer}` is over {}m: a revoked token would be accepted for that long",
                MAX_REMEMBERED.as_secs() / 60
            ));
        }
        let client_id = self.value("client_id", &entry.client_id);
        let client_secret = self.secret("client_secret", entry.client_secret);
        Some(Settings {
            endpoint,
            client_id: client_id?,
            client_secret: client_secret?,
            asked: match entry.tokens {
                AskedEntry::Opaque => Asked::Opaque,
                AskedEntry::Jwt => Asked::Jwt,
                AskedEntry::All => Asked::All,
            },
            remembered_for: remembered_for.unwrap_or(DEFAULT_REMEMBERED),
        })
    }

    /// An opaque token names nobody: who is to be asked about it must be clear.
    pub(super) fn check_introspection(&mut self, issuers: &[Issuer]) {
        let of_opaque = issuers.iter().filter(|issuer| {
            let settings = issuer.introspection.as_ref();
            settings.is_some_and(|settings| settings.asked.opaque())
        });
        let names: Vec<_> = of_opaque
            .map(|issuer| format!("`{}`", issuer.trust.issuer))
            .collect();
        if names.len() > 1 {
            self.problems.push(format!(
                "{} all accept opaque tokens, which do not say whom to ask; write `tokens: jwt` for all but one",
                names.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::deployment::Deployment;
    use crate::secret::{Secret, SecretSource, Store};

    fn environment(name: &str) -> Option<String> {
        match name {
            "SECRET" => Some("hunter2".to_owned()),
            "ODD" => Some("hunter2\n".to_owned()),
            "AWS_SESSION_TOKEN" => Some("session".to_owned()),
            _ => None,
        }
    }

    fn bare(name: &str) -> Option<String> {
        (name == "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT").then(|| "0".to_owned())
    }

    /// An issuer with each of these entries.
    fn read(
        entries: &[&str],
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Access, Vec<String>> {
        let issuer = |(number, entry): (usize, &&str)| {
            format!(
                "- issuer: https://issuer-{number}.example\n  audience: a\n  introspection: {entry}\n"
            )
        };
        let issuers: String = entries.iter().enumerate().map(issuer).collect();
        let rules = "rules: [{allow: [GET /x], require: {scope: s}}]";
        let text = format!("issuers:\n{issuers}{rules}");
        Access::read(&text, lookup, &Deployment::default())
    }

    fn settings(entry: &str) -> Settings {
        let mut access = read(&[entry], &environment).unwrap();
        access.issuers.remove(0).introspection.unwrap()
    }

    #[track_caller]
    fn check(entry: &str, expected: &[&str]) {
        let problems = read(&[entry], &environment).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn every_key_is_read() {
        let short = settings("{client_id: api, client_secret: '${SECRET}', tokens: opaque}");
        assert_eq!(short.endpoint, None);
        assert_eq!(short.client_id, "api");
        assert_eq!(short.asked, Asked::Opaque);
        assert_eq!(short.remembered_for, DEFAULT_REMEMBERED);
        let secret = Secret::new("hunter2").unwrap();
        assert!(matches!(short.client_secret, SecretSource::Value(found) if found == secret));
        let long = settings(
            "{endpoint: 'https://a/introspect?v=1', client_id: api, tokens: all, cache: 5m, \
             client_secret: {secrets_manager: api/secret, member: client_secret}}",
        );
        assert_eq!(long.endpoint.as_deref(), Some("https://a/introspect?v=1"));
        assert_eq!(long.asked, Asked::All);
        assert_eq!(long.remembered_for, MAX_REMEMBERED);
        let SecretSource::Stored(place, extension) = long.client_secret else {
            panic!("the secret is in a store")
        };
        assert_eq!(
            (place.store, place.name.as_str()),
            (Store::SecretsManager, "api/secret")
        );
        assert_eq!(
            (place.member.as_deref(), extension.port),
            (Some("client_secret"), 2773)
        );
    }

    #[test]
    fn a_secret_is_named_and_never_written_out() {
        let secret = |secret: &str, problems: &[&str]| {
            let entry = format!("{{client_id: c, tokens: opaque, client_secret: {secret}}}");
            check(&entry, problems);
        };
        secret("'${SECRET}'", &[]);
        secret("{parameter: /p}", &[]);
        for literal in [
            "hunter2",
            "'hunter2${SECRET}'",
            "'${SECRET}hunter2'",
            "'${SEC'",
            "''",
        ] {
            secret(literal, &["a secret does not stand in this file"]);
        }
        secret("'${NOT_SET}'", &["`NOT_SET` is not set"]);
        secret(
            "'${ODD}'",
            &["`client_secret`: the secret is empty, longer"],
        );
        secret("{file: no/such}", &["`no/such` cannot be read"]);
        secret(
            "{parameter: ''}",
            &["`name of the secret` has an empty value"],
        );
        for several in [
            "{}",
            "{file: a, parameter: b}",
            "{member: a}",
            "{file: a, member: b}",
        ] {
            secret(several, &["`client_secret` is none of"]);
        }
        secret("{vault: a}", &[""]);
    }

    #[test]
    fn a_secret_file_has_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let entry = format!(
            "{{client_id: c, tokens: opaque, client_secret: {{file: '{}'}}}}",
            path.display()
        );
        for (text, secret) in [("hunter2", "hunter2"), ("a b\r\n", "a b"), ("a\n", "a")] {
            std::fs::write(&path, text).unwrap();
            let secret = Secret::new(secret).unwrap();
            let found = settings(&entry).client_secret;
            assert!(matches!(found, SecretSource::Value(found) if found == secret));
        }
        for text in ["", "\n", "hunter2\n\n", "hunter2 \n"] {
            std::fs::write(&path, text).unwrap();
            check(&entry, &["`client_secret`: the secret is empty, longer"]);
        }
    }

    #[test]
    fn the_extension_needs_what_lambda_sets() {
        let entry = "{client_id: c, tokens: jwt, client_secret: {parameter: /p}}";
        let problems = read(&[entry, entry], &bare).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("HTTP_PORT` is no port"));
        assert!(problems[1].contains("`AWS_SESSION_TOKEN`"));
    }

    #[test]
    fn address_and_time_are_bounded() {
        let with = |key: &str, problem: &str| {
            let entry =
                format!("{{client_id: c, client_secret: '${{SECRET}}', tokens: all, {key}}}");
            check(&entry, &[problem]);
        };
        with("endpoint: 'http://127.0.0.1/x'", "plain HTTP");
        with("endpoint: ''", "`endpoint` has an empty value");
        with(
            "cache: 301s",
            "`cache` of `https://issuer-0.example` is over 5m",
        );
        with("cache: soon", "`cache: soon`");
        with("ttl: 1s", "ttl");
        check("{client_id: c, client_secret: '${SECRET}'}", &["tokens"]);
        check(
            "{client_id: c, client_secret: '${SECRET}', tokens: some}",
            &["tokens"],
        );
        check("{client_secret: '${SECRET}', tokens: all}", &["client_id"]);
        check("{client_id: c, tokens: all}", &["client_secret"]);
    }

    #[test]
    fn one_issuer_at_most_accepts_opaque_tokens() {
        let of = |tokens: &str| {
            format!("{{client_id: c, client_secret: '${{SECRET}}', tokens: {tokens}}}")
        };
        let pair = |one: &str, other: &str| {
            let problems = read(&[&of(one), &of(other)], &environment).err();
            problems.unwrap_or_default().concat()
        };
        assert_eq!(pair("opaque", "jwt"), "");
        assert_eq!(pair("jwt", "jwt"), "");
        for (one, other) in [("opaque", "all"), ("all", "all"), ("opaque", "opaque")] {
            let problem = pair(one, other);
            assert!(
                problem.starts_with("`https://issuer-0.example`, `https://issuer-1.example` all"),
                "{problem}"
            );
        }
    }
}
