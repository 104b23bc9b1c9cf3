//! The entry `denylist`: where revoked tokens are listed.

use std::path::PathBuf;

use serde::Deserialize;

use super::values::Reader;
#[cfg(feature = "aws")]
use crate::aws::{dynamodb::Table, s3::Object};
use crate::denylist::{Configured, Snapshot};
use crate::record;
#[cfg(feature = "aws")]
use aws_requests::Account;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum DenylistEntry {
    File(String),
    S3(String),
    DynamoDb(String),
}

impl Reader<'_> {
    pub(super) fn denylist(&mut self, entry: &DenylistEntry) -> Option<Configured> {
        match entry {
            DenylistEntry::File(path) => {
                let path = self.value("file", path)?;
                self.denylist_file(path.into())
            }
            #[cfg(feature = "aws")]
            DenylistEntry::S3(address) => self.denylist_object(address),
            #[cfg(feature = "aws")]
            DenylistEntry::DynamoDb(name) => {
                let table = self.table(name)?;
                Some(Configured::DynamoDb(table))
            }
            #[cfg(not(feature = "aws"))]
            DenylistEntry::S3(name) | DenylistEntry::DynamoDb(name) => {
                self.problems.push(format!(
                    "denylist `{name}`: S3 and DynamoDB need an authorizer that is built with `--features aws`"
                ));
                None
            }
        }
    }

    #[cfg(feature = "aws")]
    fn denylist_object(&mut self, address: &str) -> Option<Configured> {
        let address = self.value("s3", address);
        let account = self.account();
        let (address, account) = (address?, account?);
        match Object::parse(&address, account) {
            Ok(object) => Some(Configured::S3(object)),
            Err(error) => {
                self.problems.push(format!("denylist `{address}`: {error}"));
                None
            }
        }
    }

    /// A table of DynamoDB in the function's region.
    #[cfg(feature = "aws")]
    pub(super) fn table(&mut self, name: &str) -> Option<Table> {
        let name = self.value("dynamodb", name);
        let account = self.account();
        Some(Table {
            name: name?,
            account: account?,
        })
    }

    #[cfg(feature = "aws")]
    fn account(&mut self) -> Option<Account> {
        crate::aws::account(self.lookup, &mut self.problems)
    }

    /// A list that cannot be read at start would revoke nothing.
    fn denylist_file(&mut self, path: PathBuf) -> Option<Configured> {
        match Snapshot::of_file(&path, None) {
            Ok(snapshot) => snapshot.map(|snapshot| Configured::File(path, snapshot)),
            Err(error) => {
                let problem = record::detail(&error);
                self.problems
                    .push(format!("denylist `{}`: {problem}", path.display()));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::access::Access;
    use crate::deployment::Deployment;

    #[track_caller]
    fn check(entry: &str, expected: &[&str]) {
        let text = format!(
            "issuers: [{{issuer: 'https://a', audience: a}}]\n\
             rules: [{{allow: [GET /x], require: {{scope: s}}}}]\ndenylist: {entry}\n"
        );
        let read = Access::read(&text, &|_| None, &Deployment::default());
        let problems = read.err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn a_list_must_be_readable_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("denylist.json");
        let entry = format!("{{file: '{}'}}", path.display());
        check(&entry, &["denylist.json`: it cannot be read: No such file"]);
        std::fs::write(&path, r#"{"entries": [{"jti": "a"}]}"#).unwrap();
        check(&entry, &[]);
        std::fs::write(&path, r#"{"entries": [{"jti": "a"}, {"issuer": "b"}]}"#).unwrap();
        check(&entry, &["it is no denylist: entry 2: it revokes nothing"]);
        check("{file: ''}", &["`file` has an empty value"]);
        check("{path: a}", &["path"]);
        check("", &[""]);
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn stores_need_another_build() {
        check(
            "{s3: 's3://b/k'}",
            &["denylist `s3://b/k`: S3 and DynamoDB need"],
        );
        check("{dynamodb: t}", &["built with `--features aws`"]);
    }

    #[cfg(feature = "aws")]
    #[test]
    fn stores_need_what_lambda_sets() {
        let missing = [
            "`AWS_ACCESS_KEY_ID`, which Lambda sets",
            "`AWS_SECRET_ACCESS_KEY`",
            "`AWS_REGION`",
        ];
        check("{s3: 's3://my-bucket/key'}", &missing);
        check("{dynamodb: table}", &missing);
        check(
            "{dynamodb: ''}",
            &[&["`dynamodb` has an empty value"], &missing[..]].concat(),
        );
    }
}
