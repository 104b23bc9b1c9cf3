//! Where revoked tokens are listed, and whether a token is among them: in a list that is at hand, or in a table that
//! is asked.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use thiserror::Error;

use super::Subject;
use super::document::DenylistError;
use super::listed::{Listed, Place, Snapshot};
#[cfg(feature = "aws")]
use super::table;
#[cfg(feature = "aws")]
use crate::aws::{AwsError, dynamodb, s3};
use crate::caller::Caller;
use crate::outage::{Obstacle, Outage};
use crate::record;
use crate::token::TokenError;

/// Where revoked tokens are listed, as configured.
#[derive(Debug)]
pub(crate) enum Configured {
    /// A file, and what was in it at start.
    File(PathBuf, Snapshot),
    /// A document in S3.
    #[cfg(feature = "aws")]
    S3(s3::Object),
    /// A table, which is asked about each token.
    #[cfg(feature = "aws")]
    DynamoDb(dynamodb::Table),
}

/// Revoked tokens, as far as they are known now.
#[derive(Debug)]
pub(crate) enum Revocations {
    Listed(Box<Listed>),
    #[cfg(feature = "aws")]
    Table(dynamodb::Table),
}

/// Why a document could not be read.
#[derive(Debug, Error)]
pub(crate) enum SourceError {
    #[error("it cannot be read")]
    File(#[from] std::io::Error),
    #[error("it has not come within {0:?}")]
    Patience(Duration),
    #[error("it is no denylist")]
    Document(#[from] DenylistError),
    #[cfg(feature = "aws")]
    #[error("it cannot be fetched")]
    Aws(#[from] AwsError),
    #[cfg(feature = "aws")]
    #[error("the table is no denylist")]
    Item(#[from] table::ItemError),
}

impl Revocations {
    pub(crate) fn new(configured: Configured, now: SystemTime) -> Self {
        let listed = match configured {
            Configured::File(path, snapshot) => Listed::at_hand(Place::File(path), snapshot, now),
            #[cfg(feature = "aws")]
            Configured::S3(object) => Listed::new(Place::S3(object)),
            #[cfg(feature = "aws")]
            Configured::DynamoDb(table) => return Self::Table(table),
        };
        Self::Listed(Box::new(listed))
    }

    /// Fetches the list before the first token needs it. Answers what is to be logged of it.
    pub(crate) async fn prefetch(&self, clock: fn() -> SystemTime) -> Option<Value> {
        match self {
            Self::Listed(listed) => listed.look(clock).await,
            #[cfg(feature = "aws")]
            Self::Table(_) => None,
        }
    }

    /// Refuses a caller whose token is revoked. What is to be logged is added to `notices`.
    pub(crate) async fn check(
        &self,
        caller: &Caller,
        clock: fn() -> SystemTime,
        notices: &mut Vec<Value>,
    ) -> Result<(), Obstacle> {
        let subject = Subject::of(caller)?;
        let revoked = match self {
            Self::Listed(listed) => listed.revokes(&subject, clock, notices).await,
            #[cfg(feature = "aws")]
            Self::Table(table) => {
                let revoked = revoked_in(table, &subject, clock).await;
                revoked
                    .inspect_err(|error| notices.push(failed(error)))
                    .ok()
            }
        };
        if revoked.ok_or(Outage::Denylist)? {
            return Err(TokenError::Revoked.into());
        }
        Ok(())
    }
}

#[cfg(feature = "aws")]
async fn revoked_in(
    table: &dynamodb::Table,
    subject: &Subject<'_>,
    clock: fn() -> SystemTime,
) -> Result<bool, SourceError> {
    let items = table.items(&table::ids(subject), clock()).await?;
    Ok(table::list(&items)?.revokes(subject))
}

pub(super) fn failed(error: &SourceError) -> Value {
    json!({"event": "denylist", "outcome": "failed", "error": record::detail(error)})
}
