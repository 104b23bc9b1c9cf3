//! Keys over HTTPS, as they come in production: the real binary, and an issuer on this machine with a
//! certificate of an authority that the binary is told to trust, or not; directly or through a proxy.

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
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use runtime::Answer;
use serde_json::json;
use support::{AUDIENCE, good_claims, key_set, token, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// An issuer, and how the binary is told to reach it.
#[derive(Debug, Clone, Copy)]
struct Setting<'a> {
    /// The issuer calls itself by this host, and shows the certificate of this name.
    host: &'a str,
    certificate: &'a str,
    /// The machine's authorities.
    machine: &'a str,
    /// More lines of `access.yaml`, and more keys of the issuer in it.
    file: &'a str,
    issuer: &'a str,
}

const DIRECT: Setting<'_> = Setting {
    host: "localhost",
    certificate: "localhost",
    machine: "authority.pem",
    file: "",
    issuer: "",
};

/// Starts the issuer, and answers its port.
async fn issuer(setting: Setting<'_>) -> u16 {
    let file = |ending: &str| key_file(&format!("{}.{ending}", setting.certificate));
    let certificate = CertificateDer::from_pem_file(file("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
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
    let port = listener.local_addr().unwrap().port();
    let name = format!("https://{}:{port}", setting.host);
    let discovery = json!({"issuer": name, "jwks_uri": format!("{name}/keys")}).to_string();
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(|| async { discovery }),
        )
        .route("/keys", get(|| async { key_set().to_string() }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// What a good token of this issuer comes to, and the log.
async fn outcome(setting: Setting<'_>) -> (Answer, String) {
    let issuer = format!("https://{}:{}", setting.host, issuer(setting).await);
    let folder = tempfile::tempdir().unwrap();
    let (access, log) = (folder.path().join("access.yaml"), folder.path().join("log"));
    let text = format!(
        "issuers: [{{issuer: '{issuer}', audience: {AUDIENCE}, {}}}]\n\
         rules: [{{allow: [POST /predict], require: {{scope: predict}}}}]\n{}\n",
        setting.issuer, setting.file
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
        authorities: Some(&key_file(setting.machine)),
    };
    let mut answers = runtime::run(&[event.to_string()], &start).await;
    (
        answers.remove(&0).unwrap(),
        std::fs::read_to_string(&log).unwrap(),
    )
}

/// A proxy that leads every tunnel to this machine, and what it was asked for.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = format!("proxy: 'http://{}'", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(tunnel(stream, Arc::clone(&seen)));
        }
    });
    (line, asked)
}

async fn tunnel(mut client: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.strip_prefix("CONNECT ").unwrap();
    let target = target.split(' ').next().unwrap().to_owned();
    let port: u16 = target.rsplit(':').next().unwrap().parse().unwrap();
    asked.lock().unwrap().push(target);
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let ready = b"HTTP/1.1 200 Connected\r\n\r\n";
    client.write_all(ready).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[track_caller]
fn is_allowed((answer, log): (Answer, String)) {
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {log}"));
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
}

#[tokio::test]
async fn keys_of_a_trusted_server_are_used() {
    is_allowed(outcome(DIRECT).await);
}

#[track_caller]
fn is_an_outage((answer, log): (Answer, String)) {
    let message = answer.unwrap_err()["errorMessage"].to_string();
    assert!(message.contains("cannot be fetched"), "{message}");
    assert!(log.contains("certificate"), "{log}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_an_outage() {
    let machine = "stranger.pem";
    is_an_outage(outcome(Setting { machine, ..DIRECT }).await);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_an_outage() {
    let host = "127.0.0.1";
    is_an_outage(outcome(Setting { host, ..DIRECT }).await);
}

#[tokio::test]
async fn named_authorities_count_in_place_of_the_machines() {
    let named = |name: &str| format!("authorities: '{}'", key_file(name).display());
    let (right, wrong) = (named("authority.pem"), named("stranger.pem"));
    let with = |machine, file, issuer| Setting {
        machine,
        file,
        issuer,
        ..DIRECT
    };
    is_allowed(outcome(with("stranger.pem", &right, "")).await);
    is_allowed(outcome(with("stranger.pem", "", &right)).await);
    is_allowed(outcome(with("stranger.pem", &wrong, &right)).await);
    is_an_outage(outcome(with("authority.pem", &wrong, "")).await);
    is_an_outage(outcome(with("authority.pem", &right, &wrong)).await);
}

#[tokio::test]
async fn a_proxy_is_asked_for_every_host_but_this_machine() {
    let (file, asked) = proxy().await;
    let idp = format!("authorities: '{}'", key_file("idp.pem").display());
    let far = Setting {
        host: "idp.example",
        certificate: "idp",
        file: &file,
        issuer: &idp,
        ..DIRECT
    };
    is_allowed(outcome(far).await);
    let targets = std::mem::take(&mut *asked.lock().unwrap());
    assert!(!targets.is_empty());
    for target in targets {
        assert!(target.starts_with("idp.example:"), "{target}");
    }
    let near = Setting {
        file: &file,
        ..DIRECT
    };
    is_allowed(outcome(near).await);
    assert_eq!(asked.lock().unwrap().len(), 0);
}
