//! What the authorizer is told about the gateway that asks it: how long answers are remembered, which
//! answers it wants, and the address that callers use. The template sets all of it.

mod sources;

use std::time::Duration;

use reqwest::Url;

use crate::address;
pub(crate) use sources::IdentitySources;

/// How long a gateway remembers an answer unless told otherwise, for REST and HTTP APIs alike.
const DEFAULT_TTL: Duration = Duration::from_secs(300);
/// The longest that API Gateway takes (`authorizerResultTtlInSeconds`).
const MAX_TTL: Duration = Duration::from_secs(3600);
/// Where a protected resource's metadata are (RFC 9728 section 3).
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The gateway in front of this function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// `AUTHORIZER_TTL`: how long an answer is remembered and replayed for other requests.
    pub(crate) ttl: Duration,
    /// `PUBLIC_BASE_URL`: what stands before a route in the address that callers use.
    pub(crate) public_base_url: Option<Url>,
    /// `AUTHORIZER_ANSWERS`: what it wants to be answered.
    pub(crate) answers: Answers,
    /// `AUTHORIZER_IDENTITY_SOURCES`: what it remembers answers by.
    pub(crate) identity_sources: IdentitySources,
}

/// What a gateway wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// An IAM policy for every route of the token: `iam`.
    Policy,
    /// Whether the route asked for is open, which HTTP APIs alone can want: `simple`.
    Simple,
}

impl Default for Deployment {
    /// A gateway of which nothing is known: its answers must be taken to be remembered.
    fn default() -> Self {
        Self {
            ttl: DEFAULT_TTL,
            public_base_url: None,
            answers: Answers::Policy,
            identity_sources: IdentitySources::default(),
        }
    }
}

impl Deployment {
    /// Reads the variables; what is wrong with them is added to `problems`.
    pub(crate) fn load(
        lookup: impl Fn(&str) -> Option<String>,
        problems: &mut Vec<String>,
    ) -> Self {
        let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut deployment = Self::default();
        if let Some(text) = value("AUTHORIZER_TTL") {
            match text.parse().map(Duration::from_secs) {
                Ok(ttl) if ttl <= MAX_TTL => deployment.ttl = ttl,
                Ok(_) | Err(_) => problems.push(format!(
                    "`AUTHORIZER_TTL` must be a number of seconds from 0 to {}, is `{}`",
                    MAX_TTL.as_secs(),
                    text.escape_debug()
                )),
            }
        }
        if let Some(text) = value("PUBLIC_BASE_URL") {
            match address::check(&text, &text) {
                Ok(url) => deployment.public_base_url = Some(url),
                Err(error) => problems.push(format!(
                    "`PUBLIC_BASE_URL` cannot be `{}`: {error}",
                    address::shown(&text).escape_debug()
                )),
            }
        }
        match value("AUTHORIZER_ANSWERS").as_deref() {
            None | Some("iam") => {}
            Some("simple") => deployment.answers = Answers::Simple,
            Some(other) => problems.push(format!(
                "`AUTHORIZER_ANSWERS` must be `iam` or `simple`, is `{}`",
                other.escape_debug()
            )),
        }
        if let Some(text) = value("AUTHORIZER_IDENTITY_SOURCES") {
            match IdentitySources::parse(&text) {
                Ok(sources) => deployment.identity_sources = sources,
                Err(error) => problems.push(error.to_string()),
            }
        }
        deployment
    }

    /// Where callers find the metadata of this API (RFC 9728 section 3.1). None for an address with a path:
    /// the metadata would lie beside what the API is mapped to.
    pub(crate) fn resource_metadata(&self) -> Option<String> {
        let base = self.public_base_url.as_ref()?;
        let metadata = base.join(METADATA_PATH).ok()?;
        (base.path() == "/").then(|| metadata.into())
    }

    /// True if an answer may be replayed for another request of the same token: then it must depend on
    /// the token alone.
    pub(crate) fn remembers(&self) -> bool {
        !self.ttl.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, expected: Result<&Deployment, &str>) {
        let mut problems = Vec::new();
        let lookup = |asked: &str| (asked == name).then(|| value.to_owned());
        let found = Deployment::load(lookup, &mut problems);
        match expected {
            Ok(expected) => assert_eq!((&found, problems), (expected, Vec::new())),
            Err(part) => assert!(problems.concat().contains(part), "{problems:?}"),
        }
    }

    fn remembering(seconds: u64) -> Deployment {
        Deployment {
            ttl: Duration::from_secs(seconds),
            ..Deployment::default()
        }
    }

    #[test]
    fn answers_are_remembered_unless_the_gateway_is_said_to_forget() {
        check("OTHER", "1", Ok(&remembering(300)));
        check("AUTHORIZER_TTL", "", Ok(&remembering(300)));
        check("AUTHORIZER_TTL", "0", Ok(&remembering(0)));
        check("AUTHORIZER_TTL", "3600", Ok(&remembering(3600)));
        for odd in ["3601", "-1", "5m", " 0", "0.5"] {
            check("AUTHORIZER_TTL", odd, Err("from 0 to 3600"));
        }
        assert!(remembering(1).remembers());
        assert!(!remembering(0).remembers());
    }

    #[test]
    fn a_policy_is_answered_unless_the_api_wants_a_verdict() {
        let simple = Deployment {
            answers: Answers::Simple,
            ..Deployment::default()
        };
        check("AUTHORIZER_ANSWERS", "iam", Ok(&Deployment::default()));
        check("AUTHORIZER_ANSWERS", "simple", Ok(&simple));
        for odd in ["Simple", "true", " iam"] {
            check("AUTHORIZER_ANSWERS", odd, Err("must be `iam` or `simple`"));
        }
        let sources = Deployment {
            identity_sources: IdentitySources::parse("$context.routeKey").unwrap(),
            ..Deployment::default()
        };
        let name = "AUTHORIZER_IDENTITY_SOURCES";
        check(name, "$context.routeKey", Ok(&sources));
        check(name, "routeKey", Err("has `routeKey`, which is none"));
    }

    #[test]
    fn the_public_address_is_an_https_url_without_query() {
        let deployment = Deployment {
            public_base_url: Some(Url::parse("https://api.example/v1").unwrap()),
            ..Deployment::default()
        };
        check("PUBLIC_BASE_URL", "https://api.example/v1", Ok(&deployment));
        for odd in ["http://api.example", "api.example", "https://a/?b=c"] {
            check("PUBLIC_BASE_URL", odd, Err("`PUBLIC_BASE_URL` cannot be"));
        }
    }

    #[test]
    fn metadata_lie_at_the_root_of_the_public_address_or_nowhere() {
        let metadata = |text: &str| {
            let lookup = |name: &str| (name == "PUBLIC_BASE_URL").then(|| text.to_owned());
            Deployment::load(lookup, &mut Vec::new()).resource_metadata()
        };
        let expected = Some("https://api.example/.well-known/oauth-protected-resource".to_owned());
        assert_eq!(metadata("https://api.example"), expected);
        assert_eq!(metadata("https://api.example/"), expected);
        assert_eq!(metadata("https://api.example/v1"), None);
        assert_eq!(metadata(""), None);
    }
}
