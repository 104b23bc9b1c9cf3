//! Which proofs have been used: each counts once (RFC 9449 section 11.1). The memory is that of one sandbox, which
//! another one does not know, or a table of DynamoDB, which all know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::outage::Outage;
#[cfg(feature = "aws")]
use {
    crate::aws::dynamodb::Table,
    crate::record,
    crate::reply::hex,
    serde_json::json,
    std::time::{Duration, SystemTime},
};

/// Most proofs that are remembered at once, some 7 MB. A sandbox answers one request at a time, and a proof is
/// forgotten after a minute and a half: more than a thousand a second would fill it.
const MAX_REMEMBERED: usize = 100_000;
/// Seconds for which a table keeps a proof beyond its window: nobody's clock is that wrong.
#[cfg(feature = "aws")]
const KEPT_BEYOND: u64 = 60 * 60;

/// A proof that is about to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// A digest of the key's thumbprint and of `jti`, which is unique among the proofs of one key.
    pub(crate) id: [u8; 32],
    /// The last second, since 1970, in which the proof would be accepted.
    pub(crate) until: u64,
}

/// Where used proofs are remembered: what `replay` of `access.yaml` names.
#[derive(Debug, Default)]
pub(crate) enum Place {
    /// In this process.
    #[default]
    Memory,
    /// In a table, for all processes.
    #[cfg(feature = "aws")]
    DynamoDb(Table),
}

/// The proofs that have been used.
#[derive(Debug)]
pub(crate) enum UsedProofs {
    Memory(Mutex<Memory>),
    #[cfg(feature = "aws")]
    Table(Box<Table>),
}

/// The memory of one process.
#[derive(Debug)]
pub(crate) struct Memory {
    until: HashMap<[u8; 32], u64>,
    capacity: usize,
}

impl Use {
    /// A thumbprint has one length only, so that no other pair has the same digest.
    pub(super) fn of(thumbprint: &str, id: &str, until: u64) -> Self {
        let digest = Sha256::new().chain_update(thumbprint).chain_update(id);
        Self {
            id: digest.finalize().into(),
            until,
        }
    }
}

impl UsedProofs {
    pub(crate) fn new(place: Place) -> Self {
        match place {
            Place::Memory => Self::Memory(Mutex::new(Memory::new(MAX_REMEMBERED))),
            #[cfg(feature = "aws")]
            Place::DynamoDb(table) => Self::Table(Box::new(table)),
        }
    }

    /// Answers whether this is the first use, and remembers it. What is to be logged is added to `notices`.
    #[cfg_attr(
        not(feature = "aws"),
        expect(
            clippy::ptr_arg,
            clippy::unused_async,
            unused_variables,
            reason = "a store beyond this process has to be asked"
        )
    )]
    pub(crate) async fn take(
        &self,
        proof: Use,
        now: u64,
        notices: &mut Vec<Value>,
    ) -> Result<bool, Outage> {
        match self {
            Self::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                memory.take(proof, now)
            }
            #[cfg(feature = "aws")]
            Self::Table(table) => {
                let id = format!("proof#{}", hex(&proof.id));
                let until = proof.until.saturating_add(KEPT_BEYOND);
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
                let first = table.put_new(&id, until, at).await;
                first.map_err(|error| {
                    let error = record::detail(&error);
                    notices.push(
                        json!({"event": "replay_store", "outcome": "failed", "error": error}),
                    );
                    Outage::Replay
                })
            }
        }
    }
}

impl Memory {
    fn new(capacity: usize) -> Self {
        Self {
            until: HashMap::new(),
            capacity,
        }
    }

    /// When there is no room, nobody can say later whether the proof has been used: as good as an outage.
    fn take(&mut self, proof: Use, now: u64) -> Result<bool, Outage> {
        if self.until.contains_key(&proof.id) {
            return Ok(false);
        }
        if self.until.len() >= self.capacity {
            self.until.retain(|_, until| *until >= now);
        }
        if self.until.len() >= self.capacity {
            return Err(Outage::Replay);
        }
        self.until.insert(proof.id, proof.until);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(id: &str, until: u64) -> Use {
        Use::of("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", id, until)
    }

    #[test]
    fn a_proof_counts_once() {
        let mut memory = Memory::new(10);
        assert_eq!(memory.take(proof("a", 9), 1), Ok(true));
        assert_eq!(memory.take(proof("a", 9), 1), Ok(false));
        assert_eq!(memory.take(proof("a", 9), 9), Ok(false));
        assert_eq!(memory.take(proof("a", 12), 9), Ok(false));
        assert_eq!(memory.take(proof("b", 9), 1), Ok(true));
        let other = Use::of("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "a", 9);
        assert_eq!(memory.take(other, 1), Ok(true));
    }

    #[test]
    fn a_full_memory_is_an_outage_until_a_proof_has_ended() {
        let mut memory = Memory::new(2);
        assert_eq!(memory.take(proof("a", 5), 1), Ok(true));
        assert_eq!(memory.take(proof("b", 7), 1), Ok(true));
        assert_eq!(memory.take(proof("c", 9), 5), Err(Outage::Replay));
        assert_eq!(memory.take(proof("b", 7), 5), Ok(false));
        assert_eq!(memory.take(proof("c", 9), 6), Ok(true));
        assert_eq!(memory.take(proof("d", 9), 7), Err(Outage::Replay));
        assert_eq!(memory.take(proof("d", 9), 8), Ok(true));
    }
}
