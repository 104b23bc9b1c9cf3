//! Keys over HTTPS, as they come in production: the real binary, and an issuer on this machine with a
//! certificate of an authority that the binary is told to trust, or not.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

#[path = "support/runtime.rs"]
mod runtime;
mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use runtime::Answer;
use serde_json::json;
use support::{AUDIENCE, good_claims, key_set, token, with};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/keys")
        .join(name)
}

/// Connections that are encrypted, with the certificate for `localhost`.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            // A client that trusts nothing here hangs up.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Starts an issuer that calls itself by this host, and answers its name.
async fn issuer(host: &str) -> String {
    let certificate = CertificateDer::from_pem_file(key_file("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(key_file("localhost.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = Encrypted {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        acceptor: TlsAcceptor::from(Arc::new(config)),
    };
    let name = format!("https://{host}:{}", listener.local_addr().unwrap().port());
    let discovery = json!({"issuer": name, "jwks_uri": format!("{name}/keys")}).to_string();
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(|| async { discovery }),
        )
        .route("/keys", get(|| async { key_set().to_string() }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    name
}

/// What a good token of an issuer at this host comes to, if these authorities are trusted, and the log.
async fn outcome(host: &str, authorities: &str) -> (Answer, String) {
    let issuer = issuer(host).await;
    let folder = tempfile::tempdir().unwrap();
    let (access, log) = (folder.path().join("access.yaml"), folder.path().join("log"));
    let text = format!(
        "issuers: [{{issuer: '{issuer}', audience: {AUDIENCE}}}]\n\
         rules: [{{allow: [POST /predict], require: {{scope: predict}}}}]\n"
    );
    std::fs::write(&access, text).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = token(&with(good_claims(now), "iss", json!(issuer)));
    let event = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": "arn:aws:execute-api:r:1:a/b/POST/predict"});
    let start = runtime::Start {
        access: &access,
        log: &log,
        authorities: Some(&key_file(authorities)),
    };
    let mut answers = runtime::run(&[event.to_string()], &start).await;
    (
        answers.remove(&0).unwrap(),
        std::fs::read_to_string(&log).unwrap(),
    )
}

#[tokio::test]
async fn keys_of_a_trusted_server_are_used() {
    let (answer, log) = outcome("localhost", "authority.pem").await;
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
}

#[track_caller]
fn is_an_outage((answer, log): (Answer, String)) {
    let message = answer.unwrap_err()["errorMessage"].to_string();
    assert!(message.contains("cannot be fetched"), "{message}");
    assert!(log.contains("certificate"), "{log}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_an_outage() {
    is_an_outage(outcome("localhost", "stranger.pem").await);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_an_outage() {
    is_an_outage(outcome("127.0.0.1", "authority.pem").await);
}
