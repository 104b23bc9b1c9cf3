//! The entries below `issuers`: whose tokens count, under which conditions, and where the keys come from.

use std::time::Duration;

use serde::Deserialize;

use super::introspection::IntrospectionEntry;
use super::proof::ProofEntry;
use super::values::{OneOrMany, Reader, present};
use crate::address;
use crate::algorithm::Algorithm;
use crate::http::Network;
use crate::introspection::Settings;
use crate::keys::KeySet;
use crate::profile::Profile;
use crate::verify::Trust;

/// Longest tolerance for clocks that differ: RFC 7519 section 4.1.4 speaks of a few minutes.
const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);
/// What stands for a tenant where none is named: an issuer of everybody's.
const TENANTLESS: [&str; 4] = ["common", "organizations", "consumers", "{tenantid}"];
/// Tolerance if `leeway` is left out.
pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// One trusted issuer and where its keys come from.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) trust: Trust,
    pub(crate) keys: KeySource,
    /// How its hosts are reached.
    pub(crate) network: Network,
    /// How it is asked about tokens, if it is.
    pub(crate) introspection: Option<Settings>,
}

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(crate) enum KeySource {
    /// `jwks_uri` of the discovery document.
    Discovery,
    /// This address.
    Uri(String),
    /// A file, read with the configuration: cold starts without network.
    File(KeySet),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerEntry {
    issuer: String,
    #[serde(default, deserialize_with = "present")]
    profile: Option<String>,
    #[serde(default, deserialize_with = "present")]
    audience: Option<OneOrMany>,
    #[serde(default, deserialize_with = "present")]
    algorithms: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    jwks: Option<KeySourceEntry>,
    #[serde(default, deserialize_with = "present")]
    clients: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    token_types: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    leeway: Option<String>,
    #[serde(default, deserialize_with = "present")]
    max_age: Option<String>,
    #[serde(default, deserialize_with = "present")]
    introspection: Option<IntrospectionEntry>,
    #[serde(default, deserialize_with = "present")]
    proof: Option<Vec<ProofEntry>>,
    #[serde(default, deserialize_with = "present")]
    require_proof: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    authorities: Option<String>,
    #[serde(default, deserialize_with = "present")]
    allow_link_local: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeySourceEntry {
    Named(String),
    Placed(KeyPlace),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum KeyPlace {
    Uri(String),
    File(String),
}

impl Reader<'_> {
    pub(super) fn issuers(
        &mut self,
        entries: Vec<IssuerEntry>,
        everybody: &Network,
    ) -> Vec<Issuer> {
        if entries.is_empty() {
            self.problems
                .push("`issuers` is empty: no token could ever be accepted".to_owned());
        }
        let issuers: Vec<_> = entries
            .into_iter()
            .map(|entry| self.issuer(entry, everybody))
            .collect();
        for (index, issuer) in issuers.iter().enumerate() {
            let name = &issuer.trust.issuer;
            let earlier = issuers
                .iter()
                .take(index)
                .any(|other| other.trust.issuer == *name);
            if earlier && !name.is_empty() {
                self.problems
                    .push(format!("the issuer `{name}` stands twice"));
            }
        }
        issuers
    }

    fn issuer(&mut self, entry: IssuerEntry, everybody: &Network) -> Issuer {
        let issuer = self.value("issuer", &entry.issuer).unwrap_or_default();
        if !issuer.is_empty() {
            self.check_address("issuer", &issuer, &issuer);
        }
        let keys = self.key_source(entry.jwks, &issuer);
        let introspection = entry.introspection;
        let introspection = introspection.and_then(|entry| self.introspection(entry, &issuer));
        let profile = self.profile(entry.profile, &issuer);
        let trust = Trust {
            profile,
            audiences: self.audiences(entry.audience, profile, &issuer),
            algorithms: self.algorithms(entry.algorithms),
            clients: self.list("clients", entry.clients),
            token_types: self.list("token_types", entry.token_types),
            leeway: self
                .duration("leeway", entry.leeway)
                .unwrap_or(DEFAULT_LEEWAY),
            max_age: self.duration("max_age", entry.max_age),
            proofs: self.proofs(entry.proof, entry.require_proof),
            issuer,
        };
        if trust.leeway > MAX_LEEWAY {
            self.problems
                .push("`leeway` is over 5m: correct the clocks instead".to_owned());
        }
        if profile == Profile::Cognito && trust.clients.is_none() {
            self.problems.push(format!(
                "`{}` has no `clients`; Cognito's tokens are told apart by their client, so name yours",
                trust.issuer
            ));
        }
        let network = self.network_of_issuer(entry.authorities, entry.allow_link_local, everybody);
        let issuer = Issuer {
            trust,
            keys,
            network,
            introspection,
        };
        self.check_reach(&issuer);
        issuer
    }

    fn profile(&mut self, name: Option<String>, issuer: &str) -> Profile {
        let name = name.and_then(|name| self.value("profile", &name));
        let profile = name.map_or(Ok(Profile::Generic), |name| {
            name.parse().map_err(|error| (name, error))
        });
        let profile = profile.unwrap_or_else(|(name, error)| {
            self.problems.push(format!("`profile: {name}`: {error}"));
            Profile::Generic
        });
        let mut parts = issuer.split('/');
        if profile == Profile::Entra && parts.any(|part| TENANTLESS.contains(&part)) {
            self.problems.push(format!(
                "the issuer `{issuer}` names no tenant; write the tenant's id, as `iss` has it"
            ));
        }
        profile
    }

    fn audiences(
        &mut self,
        audience: Option<OneOrMany>,
        profile: Profile,
        issuer: &str,
    ) -> Vec<String> {
        let Some(audience) = audience else {
            if profile != Profile::Cognito {
                self.problems.push(format!(
                    "`{issuer}` has no `audience`; name this API as its tokens do"
                ));
            }
            return Vec::new();
        };
        let names = audience.into_vec();
        if names.is_empty() {
            self.problems
                .push(format!("`audience` of `{issuer}` is an empty list"));
        }
        let values = names.iter().filter_map(|name| self.value("audience", name));
        let audiences: Vec<_> = values.collect();
        if audiences.iter().any(|name| name == "account") {
            self.problems.push(
                "the audience `account` is in every token of a Keycloak realm; name one of this API".to_owned(),
            );
        }
        audiences
    }

    fn algorithms(&mut self, names: Option<Vec<String>>) -> Vec<Algorithm> {
        let Some(names) = self.list("algorithms", names) else {
            return Algorithm::ALL.to_vec();
        };
        let mut algorithms = Vec::new();
        for name in names {
            match name.parse() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(error) => self.problems.push(format!(
                    "{error}; there are RS, PS 256 to 512, ES256, ES384 and EdDSA"
                )),
            }
        }
        algorithms
    }

    fn key_source(&mut self, entry: Option<KeySourceEntry>, issuer: &str) -> KeySource {
        match entry {
            None => KeySource::Discovery,
            Some(KeySourceEntry::Named(name)) => {
                if name != "discovery" {
                    self.problems.push(format!(
                        "`jwks: {name}` is none of `discovery`, `{{uri: …}}`, `{{file: …}}`"
                    ));
                }
                KeySource::Discovery
            }
            Some(KeySourceEntry::Placed(KeyPlace::Uri(uri))) => {
                let uri = self.value("uri", &uri).unwrap_or_default();
                if !uri.is_empty() {
                    self.check_address("jwks uri", &uri, issuer);
                }
                KeySource::Uri(uri)
            }
            Some(KeySourceEntry::Placed(KeyPlace::File(path))) => {
                KeySource::File(self.key_file(&path).unwrap_or_default())
            }
        }
    }

    fn key_file(&mut self, path: &str) -> Option<KeySet> {
        let path = self.value("file", path)?;
        let problem = match std::fs::read(&path) {
            Ok(text) => match KeySet::parse(&text) {
                Ok(keys) => return Some(keys),
                Err(error) => error.to_string(),
            },
            Err(error) => format!("cannot be read: {error}"),
        };
        self.problems.push(format!("key file `{path}`: {problem}"));
        None
    }

    pub(super) fn check_address(&mut self, what: &str, address: &str, issuer: &str) {
        if let Err(problem) = address::check(address, issuer) {
            let address = address::shown(address);
            self.problems.push(format!("{what} `{address}`: {problem}"));
        }
    }
}
