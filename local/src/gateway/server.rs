//! The HTTP side of the gateway: requests in, replies out, with the gateway's limits on their size.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use super::Gateway;
use super::events::Call;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::clock;

/// The largest body a REST API takes.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// How much of a body that is too large is read and dropped: most clients only
/// listen for the answer once they have sent all.
const MAX_DROPPED_BYTES: usize = 64 * 1024 * 1024;
/// Request line and headers together, as a REST API limits them.
const MAX_HEADER_BYTES: usize = 10_240;

/// Every request goes through the gateway.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(serve).with_state(gateway)
}

async fn serve(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let Ok(request_id) = clock::random_id() else {
        return respond(gateway.refuse(Refusal::Function, ""));
    };
    let (parts, body) = request.into_parts();
    if header_bytes(&parts) > MAX_HEADER_BYTES {
        return respond(gateway.refuse(Refusal::HeadersTooLarge, &request_id));
    }
    let Some(body) = read(body).await else {
        return respond(gateway.refuse(Refusal::BodyTooLarge, &request_id));
    };
    let call = call(&parts, body, peer, request_id);
    respond(gateway.answer(&call).await)
}

fn header_bytes(parts: &Parts) -> usize {
    // `: ` and the end of the line; the same for the two spaces and the version of the request line.
    let headers: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    headers + parts.method.as_str().len() + parts.uri.to_string().len() + 12
}

/// The whole body; none if it is too large or breaks off.
async fn read(mut body: Body) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.ok()?.into_data() else {
            continue;
        };
        received += chunk.len();
        if received > MAX_DROPPED_BYTES {
            return None;
        }
        if received <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    (received <= MAX_BODY_BYTES).then_some(bytes)
}

fn call(parts: &Parts, body: Vec<u8>, peer: SocketAddr, request_id: String) -> Call {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body,
        source_ip: peer.ip(),
        request_id,
        received_at: clock::now(),
    }
}

/// A header that HTTP does not allow is left out, as the gateway does with what it cannot send.
fn respond(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
