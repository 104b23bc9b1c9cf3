//! From open routes to an IAM policy that says the same, for one deployed stage.
//! All that is not allowed stays denied: the gateway's default.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::claims::LATEST_DATE;
use crate::pattern::RoutePattern;
use crate::requirement::FOREVER;
use crate::rules::{OpenRoute, OpenRoutes};

/// Longest resource that API Gateway takes (Amazon API Gateway quotas: 512 characters).
pub const MAX_RESOURCE_CHARACTERS: usize = 512;
/// Largest policy that is answered. API Gateway takes no more than 8 KB from an authorizer.
pub const MAX_POLICY_BYTES: usize = 8 * 1024;

/// The part of a method ARN that names API and stage: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageArn(String);

/// A policy, written out: its size is that of its text, and the answer holds it as it is.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Policy(Box<RawValue>);

/// Why no policy can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// A route's resource is longer than [`MAX_RESOURCE_CHARACTERS`].
    #[error("a resource of the policy is longer than {MAX_RESOURCE_CHARACTERS} characters")]
    ResourceTooLong,
    /// The policy is larger than [`MAX_POLICY_BYTES`].
    #[error("the policy has {0} bytes, more than {MAX_POLICY_BYTES}")]
    TooLarge(usize),
}

impl StageArn {
    /// Takes the first two parts of the resource of a method or route ARN. `None` if it is none.
    pub fn of(method_arn: &str) -> Option<Self> {
        let mut parts = method_arn.splitn(6, ':');
        let fixed = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let (partition, is_execute_api) = (fixed.1, fixed.0 == "arn" && fixed.2 == "execute-api");
        let mut resource = resource.split('/');
        let (api, stage) = (resource.next()?, resource.next()?);
        let plain = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
            !part.is_empty() && part.bytes().all(allowed)
        };
        let sound = is_execute_api
            && [partition, region, account, api, stage]
                .into_iter()
                .all(plain);
        sound.then(|| {
            Self(format!(
                "arn:{partition}:execute-api:{region}:{account}:{api}/{stage}"
            ))
        })
    }

    fn resource(&self, glob: &str) -> String {
        [&self.0, "/", glob].concat()
    }
}

/// Allows the open routes, each until it closes.
pub fn allow(open: &OpenRoutes, stage: &StageArn) -> Result<Policy, PolicyError> {
    let mut allowed: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut denied: BTreeMap<Option<u64>, Vec<String>> = BTreeMap::new();
    for OpenRoute {
        route,
        until,
        denied_from,
    } in &open.routes
    {
        let permitted = allowed.entry(*until).or_default();
        permitted.extend(route.allow.iter().map(|glob| stage.resource(glob)));
        if !route.deny.is_empty() {
            let refused = denied.entry(*denied_from).or_default();
            refused.extend(route.deny.iter().map(|glob| stage.resource(glob)));
        }
    }
    let too_long = |resource: &String| resource.chars().count() > MAX_RESOURCE_CHARACTERS;
    if allowed
        .values()
        .chain(denied.values())
        .flatten()
        .any(too_long)
    {
        return Err(PolicyError::ResourceTooLong);
    }
    let permit = allowed.into_iter().map(|(until, resources)| {
        let until = (until != FOREVER).then(|| Condition::DateLessThan(Time::at(until)));
        Statement::new(Effect::Allow, resources, until)
    });
    let refuse = denied.into_iter().map(|(from, resources)| {
        let from = from.map(|from| Condition::DateGreaterThanEquals(Time::at(from)));
        Statement::new(Effect::Deny, resources, from)
    });
    let policy = Policy::new(permit.chain(refuse).collect());
    match policy.0.get().len() {
        bytes if bytes > MAX_POLICY_BYTES => Err(PolicyError::TooLarge(bytes)),
        _ => Ok(policy),
    }
}

/// A stage's ARN as long as they get, for checks at start. The true one is known with the first event.
const LONG_ARN: &str =
    "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abcdefghij/production-stage";

/// Whether a policy can hold all these routes: a rule that opens more would only ever lead to refusals.
pub fn check_size(patterns: &[RoutePattern]) -> Result<(), PolicyError> {
    let open = OpenRoutes::of(patterns, LATEST_DATE);
    allow(&open, &StageArn(LONG_ARN.to_owned())).map(|_| ())
}

/// Denies everything, for a caller to whom nothing is open.
pub fn deny(stage: &StageArn) -> Policy {
    let everything = vec![stage.resource("*")];
    Policy::new(vec![Statement::new(Effect::Deny, everything, None)])
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: [&'static str; 1],
    effect: Effect,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Serialize)]
enum Effect {
    Allow,
    Deny,
}

/// A condition on the time of the request.
#[derive(Serialize)]
enum Condition {
    DateLessThan(Time),
    DateGreaterThanEquals(Time),
}

#[derive(Serialize)]
struct Time {
    #[serde(rename = "aws:CurrentTime")]
    current: [String; 1],
}

impl Policy {
    fn new(statement: Vec<Statement>) -> Self {
        let document = Document {
            version: "2012-10-17",
            statement,
        };
        // Strings always have a JSON form; `null` in its place would be no policy, and open nothing.
        Self(to_raw_value(&document).unwrap_or_default())
    }
}

impl Statement {
    fn new(effect: Effect, resource: Vec<String>, condition: Option<Condition>) -> Self {
        Self {
            action: ["execute-api:Invoke"],
            effect,
            resource,
            condition,
        }
    }
}

impl Time {
    fn at(seconds: u64) -> Self {
        let at = i64::try_from(seconds.min(LATEST_DATE)).unwrap_or_default();
        let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        // Every such time has a form of RFC 3339; a text that is none would match no request and close.
        let current = [at.format(&Rfc3339).unwrap_or_default()];
        Self { current }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/POST/predict";

    fn open(patterns: &[&str], until: u64) -> OpenRoutes {
        let parsed = patterns
            .iter()
            .map(|text| RoutePattern::parse(text).unwrap());
        OpenRoutes::of(&parsed.collect::<Vec<_>>(), until)
    }

    #[test]
    fn the_stage_is_taken_from_the_arn_and_nothing_else() {
        let stage = |arn: &str| StageArn::of(arn).map(|stage| stage.0);
        let expected = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";
        assert_eq!(stage(ARN).as_deref(), Some(expected));
        assert_eq!(stage(expected).as_deref(), Some(expected));
        assert_eq!(
            stage("arn:aws-cn:execute-api:cn-north-1:1:a/$default/GET/a:b/*").as_deref(),
            Some("arn:aws-cn:execute-api:cn-north-1:1:a/$default")
        );
        for arn in [
            "",
            "arn",
            "arn:aws:lambda:eu-west-1:1:a/b",
            "arn:aws:execute-api:eu-west-1:1:a",
            "arn:aws:execute-api:eu-west-1:1:*/b",
            "arn:aws:execute-api:*:1:a/b",
            "arn:aws:execute-api:eu-west-1:1:a/",
        ] {
            assert_eq!(stage(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_policy_allows_the_routes_until_the_token_ends() {
        let stage = StageArn::of(ARN).unwrap();
        let policy = allow(&open(&["POST /predict/{m}"], 1_795_338_000), &stage).unwrap();
        let resource =
            |path: &str| format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/{path}");
        assert_eq!(
            serde_json::to_value(policy).unwrap(),
            json!({"Version": "2012-10-17", "Statement": [
                {"Action": ["execute-api:Invoke"], "Effect": "Allow", "Resource": [resource("POST/predict/*")],
                 "Condition": {"DateLessThan": {"aws:CurrentTime": ["2026-11-22T09:00:00Z"]}}},
                {"Action": ["execute-api:Invoke"], "Effect": "Deny",
                 "Resource": [resource("POST/predict/"), resource("POST/predict/*/*")]},
            ]})
        );
    }

    #[test]
    fn a_deny_is_written_out() {
        let stage = StageArn::of(ARN).unwrap();
        let policy = serde_json::to_value(deny(&stage)).unwrap();
        assert_eq!(policy["Statement"][0]["Effect"], "Deny");
        assert_eq!(
            policy["Statement"][0]["Resource"],
            json!(["arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/*"])
        );
    }

    #[test]
    fn policies_that_the_gateway_would_not_take_are_errors() {
        let stage = StageArn::of(ARN).unwrap();
        let fixed = stage.resource("GET/").len();
        let route = |length: usize| format!("GET /{}", "a".repeat(length));
        let longest = route(MAX_RESOURCE_CHARACTERS - fixed);
        assert!(allow(&open(&[&longest], FOREVER), &stage).is_ok());
        assert_eq!(
            allow(&open(&[&format!("{longest}a")], FOREVER), &stage).map(|_| ()),
            Err(PolicyError::ResourceTooLong)
        );
        let many: Vec<_> = (0..16)
            .map(|index| format!("{}{index}", route(400)))
            .collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(allow(&open(&many, FOREVER), &stage).is_ok());
        let wide = vec![RoutePattern::parse("* /a/models/{m}").unwrap(); 6];
        assert!(check_size(&wide[..1]).is_ok());
        assert!(matches!(check_size(&wide), Err(PolicyError::TooLarge(_))));
        let more = [&many[..], &many[..]].concat();
        assert!(matches!(
            allow(&open(&more, FOREVER), &stage),
            Err(PolicyError::TooLarge(_))
        ));
    }
}
