//! AWS Lambda function that loads ONNX models and serves predictions.
//!
//! An event of the gateway comes in as JSON text, a reply for it and lines for the log go out.
//! `repository`, `engine`, `tensor` and `protocol` decide; `config`, `source`, `event`, `reply`
//! and `main` are the edge. Who may call is decided by the authorizer before.

pub mod batching;
pub mod caller;
pub mod coding;
pub mod config;
pub mod cors;
mod current;
pub mod deadline;
pub mod engine;
pub mod event;
pub mod failure;
mod function;
pub mod grants;
mod json;
mod log;
pub mod media;
mod metadata;
mod openapi;
pub mod pace;
mod patience;
pub mod pipeline;
mod prediction;
pub mod protocol;
pub mod reply;
mod report;
pub mod repository;
pub mod route;
#[cfg(feature = "s3")]
pub mod s3;
pub mod source;
pub mod statistics;
pub mod tensor;

pub use config::{Config, ConfigError};
pub use function::{Invocation, ModelFunction, StartError};
pub use reply::{Outcome, Payload, Reply};
