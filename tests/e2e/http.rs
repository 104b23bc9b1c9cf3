//! Requests over plain HTTP to loopback, one blocking call each.

use std::future;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::runtime::{Builder, Handle};

/// Longer than any answer takes, a first request to a part that is still warming up included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    /// The same reply if it has this status; otherwise an error that shows what came instead.
    pub fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "{} instead of {status}: {}",
            self.status,
            self.body
        );
        Ok(self)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: `{}`", self.body))
    }

    /// The text of one header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Starts a request; add headers and body to it, then hand it to [`send`].
pub fn request(method: &str, url: &str) -> Result<RequestBuilder> {
    Ok(client()?.request(method.parse()?, url))
}

/// Sends a request and reads the whole answer, whatever its status.
pub fn send(request: RequestBuilder) -> Result<Reply> {
    runtime()?.block_on(async {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Reply {
            status,
            headers,
            body: response.text().await?,
        })
    })
}

/// `GET`, with a bearer token if there is one.
pub fn get(url: &str, token: Option<&str>) -> Result<Reply> {
    send(bearer(request("GET", url)?, token))
}

/// `POST` of JSON, with a bearer token if there is one.
pub fn post_json(url: &str, token: Option<&str>, body: &Value) -> Result<Reply> {
    send(bearer(request("POST", url)?, token).json(body))
}

/// The text of a field of a JSON object.
pub fn text(object: &Value, field: &str) -> Result<String> {
    let value = object.get(field).and_then(Value::as_str);
    Ok(value
        .with_context(|| format!("no `{field}` in {object}"))?
        .to_owned())
}

fn bearer(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

fn client() -> Result<&'static Client> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .build()?;
    Ok(CLIENT.get_or_init(|| client))
}

/// One runtime, driven by a thread of its own, so that pooled connections outlive a call.
fn runtime() -> Result<&'static Handle> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(future::pending::<()>()));
    Ok(RUNTIME.get_or_init(|| handle))
}
