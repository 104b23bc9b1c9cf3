//! A custom authorizer for Amazon API Gateway: validates the access tokens of OpenID Connect issuers and
//! answers with an IAM policy. The modules that decide are pure; `event`, `reply`, `issuer`, `config` and
//! `authorizer` are the edge. Lambda itself is `main`'s business.

mod access;
mod address;
pub mod algorithm;
mod authorities;
mod authorizer;
#[cfg(feature = "aws")]
mod aws;
pub mod cache;
pub mod caller;
pub mod challenge;
pub mod claims;
mod config;
mod denylist;
mod deployment;
pub mod event;
mod exchange;
pub mod explain;
pub mod freshness;
mod http;
mod introspection;
mod issuer;
pub mod json;
pub mod keys;
mod outage;
pub mod pattern;
pub mod policy;
pub mod profile;
pub mod proof;
mod record;
mod renewal;
mod reply;
pub mod requirement;
pub mod rules;
mod secret;
mod signature;
pub mod simple;
pub mod token;
pub mod verify;

pub use authorizer::{Authorizer, HandleError, Outcome, StartError};
pub use config::{Config, ConfigError};
pub use outage::Outage;
pub use reply::{Answer, usage_key};

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
