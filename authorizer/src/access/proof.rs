//! What is accepted as proof of possession: `proof` and `require_proof` of an issuer, and `replay`.

use serde::Deserialize;

use super::Issuer;
use super::values::Reader;
use crate::proof::Proofs;
use crate::proof::replay::Place;

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProofEntry {
    Dpop,
    Mtls,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReplayEntry {
    Memory,
    DynamoDb(String),
}

impl Reader<'_> {
    pub(super) fn proofs(
        &mut self,
        entries: Option<Vec<ProofEntry>>,
        required: Option<bool>,
    ) -> Proofs {
        let asked = entries.is_some();
        let entries = entries.unwrap_or_default();
        let proofs = Proofs {
            dpop: entries.contains(&ProofEntry::Dpop),
            mtls: entries.contains(&ProofEntry::Mtls),
            required: required.unwrap_or(false),
        };
        if asked && entries.is_empty() {
            self.problem("`proof` is an empty list: leave it out, or name `dpop` or `mtls`");
        }
        if proofs.required && !asked {
            self.problem("`require_proof` needs a `proof`: name `dpop` or `mtls`");
        }
        if asked && self.deployment.remembers() {
            self.problem(
                "`proof` needs `AUTHORIZER_TTL=0`: an answer that the gateway remembers is replayed without any proof",
            );
        }
        if proofs.dpop && self.deployment.public_base_url.is_none() {
            self.problem(
                "`proof: [dpop]` needs `PUBLIC_BASE_URL`, the address that callers sign in `htu`",
            );
        }
        proofs
    }

    pub(super) fn replay(&mut self, entry: Option<ReplayEntry>, issuers: &[Issuer]) -> Place {
        let is_used = issuers.iter().any(|issuer| issuer.trust.proofs.dpop);
        match entry {
            Some(_) if !is_used => {
                self.problem("`replay` needs an issuer with `proof: [dpop]`");
                Place::default()
            }
            Some(ReplayEntry::Memory) => Place::Memory,
            Some(ReplayEntry::DynamoDb(name)) => self.replay_table(&name).unwrap_or_default(),
            None => Place::default(),
        }
    }

    #[cfg(feature = "aws")]
    fn replay_table(&mut self, name: &str) -> Option<Place> {
        let table = self.table(name)?;
        Some(Place::DynamoDb(table))
    }

    #[cfg(not(feature = "aws"))]
    fn replay_table(&mut self, name: &str) -> Option<Place> {
        self.problems.push(format!(
            "replay `{name}`: DynamoDB needs an authorizer that is built with `--features aws`"
        ));
        None
    }

    /// Two issuers may have the same problem: it is said once.
    fn problem(&mut self, text: &str) {
        if !self.problems.iter().any(|problem| problem == text) {
            self.problems.push(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::access::Access;
    use crate::deployment::Deployment;
    use crate::proof::Proofs;

    /// `ttl` and `base` as their variables are set.
    fn read(issuer: &str, more: &str, (ttl, base): (&str, &str)) -> Result<Proofs, Vec<String>> {
        let variable = |name: &str| match name {
            "AUTHORIZER_TTL" => Some(ttl.to_owned()),
            "PUBLIC_BASE_URL" => Some(base.to_owned()),
            _ => None,
        };
        let deployment = Deployment::load(variable, &mut Vec::new());
        let text = format!(
            "issuers: [{{issuer: 'https://a', audience: a{issuer}}}]\n{more}\nrules: [{{allow: [GET /a], require: {{scope: a}}}}]"
        );
        let access = Access::read(&text, &|_| None, &deployment)?;
        Ok(access.issuers[0].trust.proofs)
    }

    const FORGETS: (&str, &str) = ("0", "https://api.example");

    #[track_caller]
    fn check(issuer: &str, more: &str, deployment: (&str, &str), expected: &[&str]) {
        let problems = read(issuer, more, deployment).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn proofs_are_accepted_where_they_are_named() {
        let proofs = |dpop, mtls, required| {
            Ok(Proofs {
                dpop,
                mtls,
                required,
            })
        };
        assert_eq!(read("", "", ("300", "")), proofs(false, false, false));
        assert_eq!(
            read(", proof: [dpop, mtls]", "replay: memory", FORGETS),
            proofs(true, true, false)
        );
        assert_eq!(
            read(", proof: [mtls], require_proof: true", "", ("0", "")),
            proofs(false, true, true)
        );
    }

    #[test]
    fn a_proof_is_not_remembered_with_an_answer() {
        let base = "https://api.example";
        let remembers = &["`AUTHORIZER_TTL=0`"][..];
        check(", proof: [dpop]", "", ("300", base), remembers);
        check(", proof: [mtls]", "", ("", base), remembers);
        check(", proof: [mtls]", "", ("1", base), remembers);
        check(", proof: [dpop]", "", ("0", base), &[]);
    }

    #[test]
    fn an_address_to_sign_must_be_known() {
        check(", proof: [dpop]", "", ("0", ""), &["`PUBLIC_BASE_URL`"]);
        check(", proof: [mtls]", "", ("0", ""), &[]);
    }

    #[test]
    fn what_would_do_nothing_is_a_mistake() {
        check(", proof: []", "", FORGETS, &["empty list"]);
        check(", require_proof: true", "", FORGETS, &["needs a `proof`"]);
        check("", "replay: memory", FORGETS, &["`replay` needs"]);
        check(", proof: [tls]", "", FORGETS, &["tls"]);
        check(", proof: [DPoP]", "", FORGETS, &["DPoP"]);
        check(", proof: [dpop]", "replay: none", FORGETS, &["none"]);
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn a_table_of_used_proofs_needs_another_build() {
        let problem =
            "replay `t`: DynamoDB needs an authorizer that is built with `--features aws`";
        check(
            ", proof: [dpop]",
            "replay: {dynamodb: t}",
            FORGETS,
            &[problem],
        );
    }

    #[cfg(feature = "aws")]
    #[test]
    fn a_table_of_used_proofs_needs_what_lambda_sets() {
        let missing = [
            "`AWS_ACCESS_KEY_ID`",
            "`AWS_SECRET_ACCESS_KEY`",
            "`AWS_REGION`",
        ];
        check(
            ", proof: [dpop]",
            "replay: {dynamodb: t}",
            FORGETS,
            &missing,
        );
    }
}
