//! The file `access.yaml`: its shape, and its translation into issuers and rules. Every problem of the
//! whole file is collected; a start with half a configuration is no start.

mod conditions;
mod credentials;
mod denylist;
mod introspection;
mod issuers;
mod network;
mod proof;
mod rules;
mod secrets;
mod values;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::denylist::Configured;
use crate::deployment::Deployment;
use crate::event;
use crate::proof::replay::Place;
use crate::rules::Rules;
use crate::simple;
use credentials::PlaceEntry;
use denylist::DenylistEntry;
use issuers::IssuerEntry;
pub(crate) use issuers::{Issuer, KeySource};
use proof::ReplayEntry;
use rules::RuleEntry;
use values::{Reader, present};

/// Everything that `access.yaml` says.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) rules: Rules,
    pub(crate) credentials: Vec<event::Place>,
    pub(crate) context: Vec<(String, String)>,
    pub(crate) usage_key: Option<String>,
    pub(crate) denylist: Option<Configured>,
    /// Where used proofs are remembered.
    pub(crate) replay: Place,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessFile {
    issuers: Vec<IssuerEntry>,
    rules: Vec<RuleEntry>,
    #[serde(default, deserialize_with = "present")]
    credentials: Option<Vec<PlaceEntry>>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "present")]
    usage_key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    expiry_condition: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    denylist: Option<DenylistEntry>,
    #[serde(default, deserialize_with = "present")]
    replay: Option<ReplayEntry>,
    #[serde(default, deserialize_with = "present")]
    authorities: Option<String>,
    #[serde(default, deserialize_with = "present")]
    proxy: Option<String>,
}

impl Access {
    /// Reads the file's text; `lookup` gives the variables of the environment.
    pub(crate) fn read(
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
        deployment: &Deployment,
    ) -> Result<Self, Vec<String>> {
        // Without it the country code `NO` is read as `false`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let file: AccessFile = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| vec![error.to_string()])?;
        let mut reader = Reader {
            lookup,
            deployment,
            problems: Vec::new(),
        };
        let network = reader.network(file.authorities, file.proxy);
        let issuers = reader.issuers(file.issuers, &network);
        reader.check_introspection(&issuers);
        let rules = reader.rules(file.rules, &issuers);
        let access = Self {
            rules: reader.ends(rules, file.expiry_condition.unwrap_or(true)),
            credentials: reader.credentials(file.credentials),
            context: reader.context(file.context),
            usage_key: file
                .usage_key
                .and_then(|claim| reader.value("usage_key", &claim)),
            denylist: file.denylist.and_then(|entry| reader.denylist(&entry)),
            replay: reader.replay(file.replay, &issuers),
            issuers,
        };
        let unsound = simple::problems(deployment, access.rules.routes());
        reader.problems.extend(unsound);
        if reader.problems.is_empty() {
            Ok(access)
        } else {
            Err(reader.problems)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::issuers::DEFAULT_LEEWAY;
    use crate::address::Reach;
    use crate::algorithm::Algorithm;
    use crate::authorities::Authorities;

    fn environment(name: &str) -> Option<String> {
        match name {
            "ISSUER" => Some("https://issuer.example/".to_owned()),
            "AUDIENCE" => Some("ml-api".to_owned()),
            "ODD" => Some("x\nrules: []".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            _ => None,
        }
    }

    const RULES: &str = "rules: [{allow: [POST /predict], require: {scope: predict}}]";

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let problems = Access::read(text, &environment, &Deployment::default())
            .err()
            .unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn the_file_in_the_repository_is_read() {
        let access = Access::read(
            include_str!("../../access.yaml"),
            &environment,
            &Deployment::default(),
        )
        .unwrap();
        let [issuer] = access.issuers.as_slice() else {
            panic!("one issuer")
        };
        assert_eq!(issuer.trust.issuer, "https://issuer.example/");
        assert_eq!(issuer.trust.audiences, ["ml-api"]);
        assert_eq!(issuer.trust.algorithms, Algorithm::ALL);
        assert_eq!(issuer.trust.leeway, DEFAULT_LEEWAY);
        assert!(matches!(issuer.keys, KeySource::Discovery));
        assert!(access.rules.shadowed().is_empty());
    }

    #[test]
    fn every_key_of_an_issuer_is_read() {
        let issuer = "issuers: [{issuer: 'https://a', audience: [a, b], algorithms: [RS256, EdDSA], jwks: {uri: 'https://a/keys'}, \
                      clients: [c], token_types: [at+jwt], leeway: 5m, max_age: 24h}]\ncontext: {tenant: org_id}\nusage_key: azp\nexpiry_condition: false\n";
        let access = Access::read(
            &format!("{issuer}{RULES}"),
            &environment,
            &Deployment::default(),
        )
        .unwrap();
        let issuer = &access.issuers[0];
        assert_eq!(
            issuer.trust.algorithms,
            [Algorithm::Rs256, Algorithm::EdDsa]
        );
        assert_eq!(issuer.trust.audiences, ["a", "b"]);
        assert_eq!(issuer.trust.leeway, Duration::from_secs(300));
        assert_eq!(issuer.trust.max_age, Some(Duration::from_secs(86_400)));
        assert!(matches!(&issuer.keys, KeySource::Uri(uri) if uri == "https://a/keys"));
        assert_eq!(access.context, [("tenant".to_owned(), "org_id".to_owned())]);
    }

    #[test]
    fn problems_are_reported_together() {
        check(
            "issuers: [{issuer: '${NOT_SET}', audience: account, algorithms: [HS256], leeway: 6m, max_age: soon}]\n\
             rules: [{allow: [GET /a/, POST], require: {}}, {allow: [], require: {scope: a}, issuer: 'https://b'}]",
            &[
                "`NOT_SET` is not set",
                "the audience `account`",
                "`HS256` is not an accepted signature algorithm",
                "`max_age: soon`",
                "`leeway` is over 5m",
                "rule 1: `GET /a/`",
                "rule 1: `POST`",
                "rule 1 requires nothing",
                "rule 2 allows no route",
                "rule 2 names the issuer `https://b`",
            ],
        );
    }

    #[test]
    fn issuers_must_be_named_and_safe() {
        let issuer = |issuer: &str, problems: &[&str]| {
            check(
                &format!("issuers: [{{issuer: {issuer}, audience: a}}]\n{RULES}"),
                problems,
            );
        };
        issuer("'https://a'", &[]);
        issuer("'http://127.0.0.1:8080/realms/r'", &[]);
        issuer("'http://a'", &["plain HTTP"]);
        issuer("'${EMPTY}'", &["`EMPTY` is not set"]);
        issuer("'${ODD}'", &["`issuer: x\\nrules: []` has white space"]);
        issuer("'${ISSUER'", &["does not close"]);
        check(&format!("issuers: []\n{RULES}"), &["`issuers` is empty"]);
        check(
            &format!(
                "issuers: [{{issuer: 'https://a', audience: a}}, {{issuer: 'https://a', audience: b}}]\n{RULES}"
            ),
            &["stands twice"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: []}}]\n{RULES}"),
            &["`audience` of `https://a` is an empty list"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, jwks: local}}]\n{RULES}"),
            &["`jwks: local`"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, clients: []}}]\n{RULES}"),
            &["`clients` is an empty list"],
        );
    }

    #[test]
    fn unknown_and_missing_keys_are_refused() {
        check(
            &format!("issuers: [{{issuer: 'https://a'}}]\n{RULES}"),
            &["audience"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, audiences: b}}]\n{RULES}"),
            &["audiences"],
        );
        check("issuers: [{issuer: 'https://a', audience: a}]", &["rules"]);
        check(
            "issuers: [{issuer: 'https://a', audience: a}]\nrules: []",
            &["`rules` is empty"],
        );
        check(&format!("{RULES}\n{RULES}\nissuers: []"), &["rules"]);
        check("", &[""]);
    }

    #[test]
    fn a_key_without_a_value_is_no_permission() {
        let issuer = "issuers: [{issuer: 'https://a', audience: a}]";
        for member in ["scope:", "role:", "client_role:", "permission:", "any:"] {
            check(
                &format!(
                    "{issuer}\nrules:\n- allow: [GET /x]\n  require:\n    scope: a\n    {member}\n"
                ),
                &[""],
            );
        }
        for key in [
            "clients:",
            "algorithms:",
            "token_types:",
            "max_age:",
            "jwks:",
        ] {
            check(
                &format!("issuers:\n- issuer: https://a\n  audience: a\n  {key}\n{RULES}"),
                &[""],
            );
        }
        let rule = |require: &str, problem: &str| {
            let text = format!("{issuer}\nrules: [{{allow: [GET /x], require: {require}}}]");
            check(&text, &[problem]);
        };
        rule(
            "{scope: a, role: ''}",
            "rule 1 asks for a role without a name",
        );
        rule(
            "{scope: a, role: []}",
            "rule 1 asks for a role without a name",
        );
        rule(
            "{scope: '', authenticated: true}",
            "rule 1 asks for a scope without a name",
        );
        rule("{any: []}", "rule 1 has an empty `any`");
        rule("{scope: 'a:{b'}", "`a:{b` has braces");
        rule("{client_role: a/b/c}", "write `CLIENT/ROLE`");
        rule(
            "{authenticated: false}",
            "rule 1 cannot have `authenticated: false`",
        );
    }

    #[track_caller]
    fn require(ttl: u64, require: &str, expected: &[&str]) {
        let text = format!(
            "issuers: [{{issuer: 'https://a', audience: a}}]\nrules: [{{allow: ['GET /x/{{m}}'], require: {require}}}]"
        );
        let deployment = Deployment {
            ttl: Duration::from_secs(ttl),
            ..Deployment::default()
        };
        let problems = Access::read(&text, &environment, &deployment);
        let problems = problems.err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{require}: {problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn every_condition_is_read() {
        for claims in [
            "{org_id: acme}",
            "{org_id: '${AUDIENCE}'}",
            "{org_id: 'models/{m}'}",
            "{level: 3, ratio: 0.5, beta: true, far: -18}",
            "{department: {in: [ml, 3, true]}}",
            "{groups: {contains: 'ml-{m}'}}",
            "{email: {starts_with: 'ml-'}}",
            "{level: {at_least: 3, below: 10, above: 1.5, at_most: 18446744073709551615}}",
            "{beta: {exists: true}, 'https://a.example/x.y': {exists: false}}",
            "{/resource_access/ml-api/tier: 1}",
            "{country: NO}",
        ] {
            require(300, &format!("{{claims: {claims}}}"), &[]);
        }
        require(300, "{all: [{scope: a}, {not: {role: b}}]}", &[]);
        require(
            300,
            "{any: [{scope: a}, {all: [{role: b}, {scope: c}]}]}",
            &[],
        );
        require(
            300,
            "{step_up: {acr_values: ['urn:mfa'], max_age: 5m}}",
            &[],
        );
        require(
            0,
            "{source_ip: [192.0.2.0/24, '2001:db8::/32', 192.0.2.1]}",
            &[],
        );
    }

    #[test]
    fn conditions_that_could_be_misread_are_refused() {
        for (claims, problem) in [
            ("{}", "has empty `claims`"),
            ("{a: }", "no string, number or boolean"),
            ("{a: [x]}", "write `{in: […]}`"),
            ("{a: {}}", "asks nothing of `a`"),
            ("{a: ''}", "`a` has an empty value"),
            ("{a: '${NOT_SET}'}", "`NOT_SET` is not set"),
            ("{a: 'x{m'}", "`x{m` has braces"),
            ("{a: '{other}'}", "asks for `{other}`"),
            ("{a: {in: []}}", "in an empty list"),
            ("{a: {in: ['{m}']}}", "a parameter may stand in"),
            ("{a: {in: [[x]]}}", "no string, number or boolean"),
            ("{a: {in: x}}", "`in` is none of"),
            ("{a: {starts_with: 3}}", "`starts_with` is none of"),
            ("{a: {starts_with: '{m}'}}", "a parameter may stand in"),
            ("{a: {at_least: '3'}}", "`at_least` is none of"),
            ("{a: {exists: yes}}", "`exists` is none of"),
            ("{a: {at_lest: 3}}", "`at_lest` is none of"),
            ("{a: {above: 1e300}}", "too large to be compared exactly"),
            ("{/a~: 1}", "no JSON Pointer"),
        ] {
            require(300, &format!("{{claims: {claims}}}"), &[problem]);
        }
        require(300, "{all: []}", &["rule 1 has an empty `all`"]);
        require(300, "{not: {}}", &["rule 1 requires nothing"]);
        require(300, "{scope: 'a\"b'}", &["is no scope"]);
        require(
            300,
            "{step_up: {}}",
            &["neither `acr_values` nor `max_age`"],
        );
        require(
            300,
            "{step_up: {acr_values: []}}",
            &["`acr_values` is an empty list"],
        );
        require(
            300,
            "{step_up: {acr_values: ['a b']}}",
            &["the `acr` `a b`"],
        );
        require(300, "{step_up: {max_age: 0s}}", &["`max_age: 0`"]);
        require(300, "{step_up: {max_age: soon}}", &["`max_age: soon`"]);
        require(0, "{source_ip: []}", &["empty `source_ip`"]);
        require(
            0,
            "{source_ip: 192.0.2.1/24}",
            &["`192.0.2.1/24` as `source_ip`"],
        );
        require(0, "{source_ip: localhost}", &["`localhost` as `source_ip`"]);
        require(
            300,
            "{source_ip: 192.0.2.1}",
            &["set `AUTHORIZER_TTL` to 0"],
        );
    }

    #[test]
    fn conditions_are_few_and_not_deep() {
        let nested = |depth: usize| {
            format!(
                "{}{{scope: a}}{}",
                "{not: ".repeat(depth),
                "}".repeat(depth)
            )
        };
        require(300, &nested(8), &[]);
        require(300, &nested(9), &["deeper than 8"]);
        let many = |count: usize| format!("{{scope: {}}}", "a ".repeat(count));
        require(300, &many(64), &[]);
        require(300, &many(65), &["has 65 conditions, more than 64"]);
    }

    #[test]
    fn what_ends_before_its_token_needs_a_policy_that_says_so() {
        let text = |max_age: &str| {
            format!(
                "issuers: [{{issuer: 'https://a', audience: a}}]\nexpiry_condition: false\n\
                 rules: [{{allow: [GET /x], require: {{step_up: {{acr_values: [b]{max_age}}}}}}}]"
            )
        };
        check(&text(""), &[]);
        let with_age = text(", max_age: 5m");
        check(&with_age, &["rule 1 has a `max_age`"]);
        let forgetful = Deployment {
            ttl: Duration::ZERO,
            ..Deployment::default()
        };
        assert!(Access::read(&with_age, &environment, &forgetful).is_ok());
    }

    #[test]
    fn a_rule_is_enforced_unless_it_says_otherwise() {
        let shadowed = |enforce: &str| {
            let text = format!(
                "issuers: [{{issuer: 'https://a', audience: a}}]\nrules: [{{allow: [GET /x], require: {{scope: a}}{enforce}}}]"
            );
            let access = Access::read(&text, &environment, &Deployment::default());
            access.unwrap().rules.shadowed()
        };
        assert!(shadowed("").is_empty());
        assert!(shadowed(", enforce: true").is_empty());
        assert_eq!(shadowed(", enforce: false"), [1]);
    }

    #[test]
    fn values_are_whole_and_visible() {
        let audience = |audience: &str, problem: &str| {
            check(
                &format!("issuers: [{{issuer: 'https://a', audience: {audience}}}]\n{RULES}"),
                &[problem],
            );
        };
        audience("''", "`audience` has an empty value");
        audience("['', a]", "`audience` has an empty value");
        audience("' a'", "`audience:  a` has white space");
        audience(r#""a\tb""#, "`audience: a\\tb` has white space");
        check(
            &format!("issuers: [{{issuer: '', audience: a}}]\n{RULES}"),
            &["`issuer` has an empty value"],
        );
        check(
            &format!("issuers: [{{issuer: 'https://a', audience: a, jwks: {{uri: ''}}}}]\n{RULES}"),
            &["`uri` has an empty value"],
        );
    }

    #[test]
    fn a_profile_asks_for_what_it_needs() {
        let own = |entry: &str, problems: &[&str]| {
            check(&format!("issuers: [{{{entry}}}]\n{RULES}"), problems);
        };
        own("issuer: 'https://a', audience: a, profile: auth0", &[]);
        own("issuer: 'https://a', audience: a, profile: keycloak", &[]);
        own(
            "issuer: 'https://a', audience: a, profile: okta",
            &["`profile: okta`: there are `generic`, `auth0`"],
        );
        own(
            "issuer: 'https://a', profile: keycloak",
            &["`https://a` has no `audience`"],
        );
        own("issuer: 'https://a', profile: cognito, clients: [c]", &[]);
        own(
            "issuer: 'https://a', profile: cognito, clients: [c], audience: a",
            &[],
        );
        own(
            "issuer: 'https://a', profile: cognito, clients: [c], audience: []",
            &["is an empty list"],
        );
        own(
            "issuer: 'https://a', profile: cognito",
            &["`https://a` has no `clients`"],
        );
        let entra = |tenant: &str, problems: &[&str]| {
            let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
            own(
                &format!("issuer: '{issuer}', audience: a, profile: entra"),
                problems,
            );
        };
        entra("9122040d-6c67-4c5b-b112-36a304b66dad", &[]);
        for tenant in ["common", "organizations", "consumers", "{tenantid}"] {
            entra(tenant, &["names no tenant"]);
        }
    }

    #[test]
    fn the_way_to_an_issuer_is_read() {
        let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/authority.pem");
        let stranger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/stranger.pem");
        let text = format!(
            "authorities: {authority}\nproxy: 'http://10.0.0.1:3128'\n\
             issuers: [{{issuer: 'https://a', audience: a}}, \
             {{issuer: 'https://169.254.1.1', audience: a, authorities: {stranger}, allow_link_local: true}}]\n{RULES}"
        );
        let access = Access::read(&text, &environment, &Deployment::default()).unwrap();
        let [first, second] = access.issuers.as_slice() else {
            panic!("two issuers")
        };
        assert_eq!(first.network.reach, Reach::Hosts);
        assert_eq!(second.network.reach, Reach::LinkLocal);
        let bundle = |path: &str| Authorities::read(&std::fs::read_to_string(path).unwrap());
        assert_eq!(first.network.authorities, bundle(authority).ok());
        assert_eq!(second.network.authorities, bundle(stranger).ok());
        for issuer in [first, second] {
            let proxy = issuer.network.proxy.as_ref().map(ToString::to_string);
            assert_eq!(proxy.as_deref(), Some("http://10.0.0.1:3128/"));
        }
    }

    #[test]
    fn problems_of_the_way_to_an_issuer_are_named() {
        let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/p256.pem");
        let issuer = "issuers: [{issuer: 'https://a', audience: a}]";
        check(
            &format!("authorities: {key}\n{issuer}\n{RULES}"),
            &["p256.pem`: has a private key in it"],
        );
        check(
            &format!("authorities: no/such.pem\n{issuer}\n{RULES}"),
            &["authorities `no/such.pem`: cannot be read"],
        );
        for proxy in [
            "proxy:3128",
            "socks5://proxy:1080",
            "https://proxy:3128",
            "http://user:word@proxy:3128",
            "http://proxy:3128/path",
            "http://proxy:3128?a",
        ] {
            check(
                &format!("proxy: '{proxy}'\n{issuer}\n{RULES}"),
                &["`proxy`: write `http://HOST:PORT`"],
            );
        }
        check(
            &format!("proxy: 'http://169.254.1.1:3128'\n{issuer}\n{RULES}"),
            &["`proxy`: 169.254.1.1 is a link-local"],
        );
        let own = |more: &str, problems: &[&str]| {
            let text = format!("issuers: [{{audience: a, {more}}}]\n{RULES}");
            check(&text, problems);
        };
        own(
            "issuer: 'https://169.254.169.254', jwks: {uri: 'https://[fe80::1]/keys'}",
            &[
                "`https://169.254.169.254`: 169.254.169.254 is a link-local",
                "`https://[fe80::1]/keys`: fe80::1 is a link-local",
            ],
        );
        own(
            "issuer: 'https://169.254.169.254', allow_link_local: false",
            &["is a link-local"],
        );
        own(
            "issuer: 'https://0.0.0.0', allow_link_local: true",
            &["no address of a single host"],
        );
        own("issuer: 'https://a', authorities: ''", &["empty value"]);
    }

    #[test]
    fn the_context_has_names_of_its_own() {
        let context = |context: &str, problem: &str| {
            check(
                &format!(
                    "issuers: [{{issuer: 'https://a', audience: a}}]\ncontext: {{{context}}}\n{RULES}"
                ),
                &[problem],
            );
        };
        context("client_id: cid", "`client_id` is taken");
        context("principalId: cid", "`principalId` is taken");
        context("'a b': cid", "`a b` is not of letters");
        context("tenant: '${NOT_SET}'", "`NOT_SET` is not set");
    }

    #[test]
    fn a_rule_that_no_policy_can_hold_is_refused() {
        let routes: Vec<_> = (0..6)
            .map(|number| format!("'* /a{number}/models/{{m}}'"))
            .collect();
        let text = format!(
            "issuers: [{{issuer: 'https://a', audience: a}}]\nrules: [{{allow: [{}], require: {{scope: a}}}}]",
            routes.join(", ")
        );
        check(&text, &["rule 1 opens too much: the policy has"]);
    }
}
