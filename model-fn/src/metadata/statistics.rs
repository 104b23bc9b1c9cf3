//! `GET /v2/models[/{model}[/versions/{version}]]/stats`: the statistics extension.

use serde::Serialize;

use crate::repository::Found;
use crate::statistics::{Snapshot, Sum};

/// The answer: one entry a version.
#[derive(Debug, Serialize)]
pub(crate) struct ModelStatistics<'a> {
    model_stats: Vec<OfVersion<'a>>,
}

#[derive(Debug, Serialize)]
struct OfVersion<'a> {
    name: &'a str,
    version: String,
    last_inference: u64,
    inference_count: u64,
    execution_count: u64,
    inference_stats: Inference,
    /// Sums for each size of a batch are not kept.
    batch_stats: [(); 0],
}

#[derive(Debug, Serialize)]
struct Inference {
    success: Durations,
    fail: Durations,
    queue: Durations,
    compute_input: Durations,
    compute_infer: Durations,
    compute_output: Durations,
    cache_hit: Durations,
    cache_miss: Durations,
}

#[derive(Debug, Serialize)]
struct Durations {
    count: u64,
    ns: u64,
}

impl<'a> ModelStatistics<'a> {
    pub(crate) fn of(versions: impl Iterator<Item = Found<'a>>) -> Self {
        let of_version = |version: Found<'a>| {
            let sums = version.statistics().snapshot();
            OfVersion {
                name: &version.entry.name,
                version: version.number.to_string(),
                last_inference: sums.last,
                inference_count: sums.rows,
                execution_count: sums.executions,
                inference_stats: Inference::of(sums),
                batch_stats: [],
            }
        };
        Self {
            model_stats: versions.map(of_version).collect(),
        }
    }
}

impl Inference {
    /// What requests wait for others of their batch counts as the run; no answer is kept.
    fn of(sums: Snapshot) -> Self {
        let never = || Durations { count: 0, ns: 0 };
        Self {
            success: sums.succeeded.into(),
            fail: sums.failed.into(),
            queue: Durations {
                count: sums.succeeded.count,
                ns: 0,
            },
            compute_input: sums.parsed.into(),
            compute_infer: sums.run.into(),
            compute_output: sums.written.into(),
            cache_hit: never(),
            cache_miss: never(),
        }
    }
}

impl From<Sum> for Durations {
    fn from(sum: Sum) -> Self {
        Self {
            count: sum.count,
            ns: sum.nanoseconds,
        }
    }
}
