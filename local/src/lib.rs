//! `tollgate`: the authorizer and the model function on one machine, without AWS, Docker or an account
//! anywhere. A library only so that its parts can be tested and measured; the command is in `main`.

pub mod cli;
pub mod clock;
pub mod dev;
pub mod explain;
pub mod functions;
pub mod gateway;
pub mod inspect;
pub mod issuer;
pub mod keycloak;
pub mod template;
pub mod token;
pub mod verify;
pub mod web;

use std::error::Error;

/// Reads a variable of the process environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
