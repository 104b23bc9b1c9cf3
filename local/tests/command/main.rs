//! Runs the real command as a user does: `dev` with both functions in its process or behind an
//! invocation URL, `token` against issuers of several kinds, and `explain` with and without one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod dev;
mod explain;
mod functions;
mod running;
mod script;
mod token;
