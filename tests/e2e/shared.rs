//! Parts that several cases use and the first of them starts.

use std::sync::OnceLock;

use anyhow::{Result, anyhow};

/// A part that starts once; if that fails, every case that needs it says why.
#[derive(Debug)]
pub struct Shared<T> {
    cell: OnceLock<Result<T, String>>,
    start: fn() -> Result<T>,
}

impl<T> Shared<T> {
    /// Nothing starts yet.
    pub const fn new(start: fn() -> Result<T>) -> Self {
        Self {
            cell: OnceLock::new(),
            start,
        }
    }

    /// The part, started by now.
    pub fn get(&self) -> Result<&T> {
        let started = self
            .cell
            .get_or_init(|| (self.start)().map_err(|error| format!("{error:#}")));
        started
            .as_ref()
            .map_err(|error| anyhow!("a shared part did not start: {error}"))
    }
}
