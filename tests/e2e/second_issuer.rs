//! A second, independent issuer whose tokens have Auth0's shape: `tests/issuer/server.mjs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::http;
use crate::process::Process;
use crate::setup;
use crate::shared::Shared;

/// The part that it is installed as.
pub const PART: &str = "oidc-provider";
/// What its tokens are for: an address, as Auth0's audiences are.
pub const AUDIENCE: &str = "https://models.example/api";

const CLIENT: &str = "m2m";
const SECRET: &str = "known-to-the-tests-alone";
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
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("scope", scope),
        ];
        let request = http::request("POST", &format!("{}token", self.issuer))?.form(&form);
        let reply = http::send(request)?.expect(200)?.json()?;
        http::text(&reply, "access_token")
    }

    /// Starts one more.
    pub fn start() -> Result<Self> {
        let part = setup::part(PART).context("not installed")?;
        let folder = tempfile::tempdir()?;
        fs::copy(
            setup::repository().join("tests/issuer/server.mjs"),
            folder.path().join("server.mjs"),
        )?;
        symlink(
            part.join("node_modules"),
            folder.path().join("node_modules"),
        )?;
        let mut node = Command::new("node");
        node.arg("server.mjs")
            .current_dir(folder.path())
            .env("SECOND_CLIENT_ID", CLIENT)
            .env("SECOND_CLIENT_SECRET", SECRET)
            .env("SECOND_AUDIENCE", AUDIENCE);
        let process = Process::start(&mut node)?;
        let issuer = process.wait_for_line("issuer ", READY)?;
        Ok(Self {
            issuer,
            process,
            _folder: folder,
        })
    }
}
