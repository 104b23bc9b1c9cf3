//! A second, independent issuer whose tokens have Auth0's shape: `tests/issuer/server.mjs`.

use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::http::{self, Reply};
use crate::node::{self, Script};
use crate::process::Process;
use crate::shared::Shared;

/// The part that it is installed as.
pub const PART: &str = "oidc-provider";
/// What its tokens are for: an address, as Auth0's audiences are.
pub const AUDIENCE: &str = "https://models.example/api";

/// The audience of its opaque tokens.
pub const OPAQUE_AUDIENCE: &str = "https://models.example/opaque";
/// The client that asks it about tokens.
pub const API: &str = "api";

const CLIENT: &str = "m2m";
/// The secret of both clients.
pub const SECRET: &str = "known-to-the-tests-alone";
const READY: Duration = Duration::from_secs(60);

/// The running issuer.
#[derive(Debug)]
pub struct SecondIssuer {
    /// Ends in a slash.
    pub issuer: String,
    /// For stopping it early.
    pub process: Process,
    _folder: TempDir,
}

/// The shared issuer, started at the first call.
pub fn second_issuer() -> Result<&'static SecondIssuer> {
    static SHARED: Shared<SecondIssuer> = Shared::new(SecondIssuer::start);
    SHARED.get().context("the second issuer")
}

impl SecondIssuer {
    /// A machine's access token with these scopes.
    pub fn token(&self, scope: &str) -> Result<String> {
        self.token_for(AUDIENCE, scope)
    }

    /// A token that only the issuer itself can read.
    pub fn opaque_token(&self, scope: &str) -> Result<String> {
        self.token_for(OPAQUE_AUDIENCE, scope)
    }

    /// Ends a token (RFC 7009).
    pub fn revoke(&self, token: &str) -> Result<()> {
        self.post("token/revocation", &[("token", token)]).map(drop)
    }

    fn token_for(&self, audience: &str, scope: &str) -> Result<String> {
        let grant = [
            ("grant_type", "client_credentials"),
            ("resource", audience),
            ("scope", scope),
        ];
        http::text(&self.post("token", &grant)?.json()?, "access_token")
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Reply> {
        let client = [("client_id", CLIENT), ("client_secret", SECRET)];
        let request = http::request("POST", &format!("{}{path}", self.issuer))?;
        http::send(request.form(&[form, &client].concat()))?.expect(200)
    }

    /// Starts one more.
    pub fn start() -> Result<Self> {
        let Script {
            command: mut node,
            folder,
        } = node::script(PART, "issuer/server.mjs")?;
        node.env("SECOND_CLIENT_ID", CLIENT)
            .env("SECOND_CLIENT_SECRET", SECRET)
            .env("SECOND_API_ID", API)
            .env("SECOND_AUDIENCE", AUDIENCE)
            .env("SECOND_OPAQUE_AUDIENCE", OPAQUE_AUDIENCE);
        let process = Process::start(&mut node)?;
        let issuer = process.wait_for_line("issuer ", READY)?;
        Ok(Self {
            issuer,
            process,
            _folder: folder,
        })
    }
}
