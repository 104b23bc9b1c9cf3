//! Replies as the gateway wants them, and what is logged beside them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::coding::{Acceptable, Coding, CodingError, SMALLEST_COMPRESSED};
use crate::failure::{Failure, status};
use crate::protocol::Limits;
use crate::route::RouteError;

const JSON: &str = "application/json";

/// Bytes of an error's body: names and texts of a request may stand in it, and twice.
const LONGEST_ERROR: usize = 8192;

/// Characters of a message that are left where it is longer.
const LONGEST_WORDS: usize = 500;

/// A reply in the form of the gateway's proxy integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The HTTP status.
    pub status_code: u16,
    /// Headers with their names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// The body.
    pub body: String,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
}

/// What Lambda is given back.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// For a gateway.
    Http(Reply),
    /// The body alone, for whoever has invoked the function without one.
    Plain(Box<RawValue>),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The reply for the gateway.
    pub reply: Reply,
    /// Whether there is none, and the body is all that is wanted.
    pub is_direct: bool,
    /// JSON lines for the log; `main` prints them.
    pub log: Vec<String>,
}

/// What is answered, before it is put into a reply.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    /// Headers besides the type.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    /// Goes as it is.
    Text(String),
    /// Goes in base64.
    Bytes(Vec<u8>),
}

/// The shape of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// `error` is what to change.
    Ours,
    /// `error` is an object, as clients of OpenAI's API expect; `code` and `detail` stand beside it as ever.
    OpenAi,
}

/// `error` in either shape.
#[derive(Serialize)]
#[serde(untagged)]
enum ErrorWords {
    Text(String),
    Object {
        message: String,
        #[serde(rename = "type")]
        kind: &'static str,
        param: Option<Value>,
        code: &'static str,
    },
}

/// The body of every error.
#[derive(Serialize)]
struct ErrorBody {
    error: ErrorWords,
    code: &'static str,
    detail: Map<String, Value>,
    /// Clients of the Open Inference Protocol look for it: `false` where a model, or all, cannot be asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<bool>,
}

impl Outcome {
    /// What Lambda is given back, and the lines for the log.
    pub fn into_parts(self) -> (Payload, Vec<String>) {
        let is_plain = self.is_direct && !self.reply.is_base64_encoded;
        let plain = is_plain.then(|| RawValue::from_string(self.reply.body.clone()));
        let payload = match plain {
            Some(Ok(body)) => Payload::Plain(body),
            // Nobody asks without HTTP for what is no JSON.
            Some(Err(_)) | None => Payload::Http(self.reply),
        };
        (payload, self.log)
    }
}

impl Answer {
    /// The type is exactly this: some clients look for nothing else.
    pub(crate) fn json(body: String) -> Self {
        Self::text(body, JSON)
    }

    /// Text of any type.
    pub(crate) fn text(body: String, content_type: &'static str) -> Self {
        Self {
            content_type,
            headers: Vec::new(),
            body: Body::Text(body),
        }
    }
}

impl Body {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The body compressed, where that is what the caller wants and makes it smaller.
    fn compressed(&self, acceptable: Acceptable) -> Option<(Coding, Vec<u8>)> {
        let plain = self.as_bytes();
        let coding = acceptable.choose(plain.len())?;
        let encoded = coding.encode(plain).ok()?;
        let is_wanted = encoded.len() < plain.len() || acceptable.refuses_plain();
        is_wanted.then_some((coding, encoded))
    }
}

impl Reply {
    /// The answer that was asked for, compressed where the caller takes that and it is worth it.
    pub(crate) fn success(
        answer: Answer,
        acceptable: Acceptable,
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let plain_bytes = answer.body.as_bytes().len();
        if plain_bytes > limits.decoded_bytes.max(limits.reply_bytes) {
            let limit = limits.decoded_bytes;
            return Err(Failure::ReplyTooLarge { limit });
        }
        let mut headers = BTreeMap::from([("content-type", answer.content_type.to_owned())]);
        headers.extend(answer.headers);
        let body = match answer.body.compressed(acceptable) {
            Some((coding, encoded)) => {
                headers.insert("content-encoding", coding.name().to_owned());
                Body::Bytes(encoded)
            }
            None => answer.body,
        };
        if plain_bytes >= SMALLEST_COMPRESSED || headers.contains_key("content-encoding") {
            headers.insert("vary", "accept-encoding".to_owned());
        }
        let (body, is_base64_encoded) = match body {
            Body::Text(text) => (text, false),
            Body::Bytes(bytes) => (STANDARD.encode(bytes), true),
        };
        let limit = limits.reply_bytes;
        if escaped_bytes(&body) > limit {
            return Err(Failure::ReplyTooLarge { limit });
        }
        Ok(Self {
            status_code: 200,
            headers,
            body,
            is_base64_encoded,
        })
    }

    /// Nothing but headers.
    pub(crate) fn empty() -> Self {
        Self {
            status_code: 204,
            headers: BTreeMap::new(),
            body: String::new(),
            is_base64_encoded: false,
        }
    }

    /// The same with more headers; what the answer varies by is a list.
    pub(crate) fn with(mut self, headers: BTreeMap<&'static str, String>) -> Self {
        for (name, value) in headers {
            let known = self.headers.get(name).filter(|_| name == "vary");
            let value = known.map_or(value.clone(), |known| format!("{known}, {value}"));
            self.headers.insert(name, value);
        }
        self
    }

    /// What went wrong.
    pub(crate) fn failure(failure: &Failure, shape: ErrorShape) -> Self {
        let body = error_body(failure, shape);
        let mut headers = BTreeMap::from([("content-type", JSON.to_owned())]);
        if let Some(seconds) = failure.retry_after() {
            headers.insert("retry-after", seconds.to_string());
        }
        if let Failure::Route(RouteError::Method { allowed }) = failure {
            headers.insert("allow", (*allowed).to_owned());
        }
        if let Failure::Coding(CodingError::Unknown(_) | CodingError::Several(_)) = failure {
            headers.insert("accept-encoding", "gzip, deflate".to_owned());
        }
        Self {
            status_code: status(failure),
            headers,
            body,
            is_base64_encoded: false,
        }
    }
}

/// What went wrong, in words that may be the caller's own: cut where they are long.
fn error_body(failure: &Failure, shape: ErrorShape) -> String {
    let body = |error: String, detail: Map<String, Value>| {
        let code = failure.code();
        let error = match shape {
            ErrorShape::Ours => ErrorWords::Text(error),
            ErrorShape::OpenAi => ErrorWords::Object {
                message: error,
                kind: if status(failure) < 500 {
                    "invalid_request_error"
                } else {
                    "server_error"
                },
                param: detail.get("parameter").cloned(),
                code,
            },
        };
        serde_json::to_string(&ErrorBody {
            error,
            code,
            detail,
            ready: matches!(failure, Failure::Unavailable(_)).then_some(false),
        })
        .unwrap_or_default()
    };
    let error = failure.to_string();
    let whole = (error.len() <= LONGEST_ERROR).then(|| body(error.clone(), failure.detail()));
    whole
        .filter(|body| body.len() <= LONGEST_ERROR)
        .unwrap_or_else(|| {
            let words: String = error.chars().take(LONGEST_WORDS).collect();
            let is_cut = words.len() < error.len();
            body(
                format!("{words}{}", if is_cut { "…" } else { "" }),
                Map::new(),
            )
        })
}

/// How long the text is once quotes, line breaks and the like are escaped in the reply.
fn escaped_bytes(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        reply_bytes: 2000,
        decoded_bytes: 4000,
        ..Limits::DEFAULT
    };

    fn sent(body: Body, accept: &str) -> Result<Reply, String> {
        let answer = Answer {
            content_type: "text/csv",
            headers: vec![("x-more", "1".to_owned())],
            body,
        };
        let acceptable = Acceptable::of(accept);
        Reply::success(answer, acceptable, &LIMITS).map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn check(body: Body, accept: &str, headers: &[(&str, &str)], is_base64: bool) {
        let plain = body.as_bytes().to_vec();
        let reply = sent(body, accept).unwrap();
        let mut expected = BTreeMap::from([("content-type", "text/csv"), ("x-more", "1")]);
        expected.extend(headers.iter().copied());
        let given: BTreeMap<_, _> = reply
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!((given, reply.is_base64_encoded), (expected, is_base64));
        let body = if is_base64 {
            STANDARD.decode(reply.body).unwrap()
        } else {
            reply.body.into_bytes()
        };
        let coding = headers.iter().find(|(name, _)| *name == "content-encoding");
        let body = match coding.map(|(_, coding)| Coding::of(coding).unwrap().unwrap()) {
            Some(coding) => coding.decode(&body, 4000).unwrap(),
            None => body,
        };
        assert_eq!(body, plain);
    }

    fn text(bytes: usize) -> Body {
        Body::Text("1".repeat(bytes))
    }

    /// Bytes that no coding makes fewer.
    fn random(bytes: usize) -> Body {
        let mut state = 1u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Body::Bytes((0..bytes).map(next).collect())
    }

    #[test]
    fn text_goes_as_it_is_and_bytes_in_base64() {
        check(text(3), "", &[], false);
        check(random(3), "", &[], true);
    }

    #[test]
    fn large_replies_go_compressed_where_the_caller_takes_it() {
        let vary = ("vary", "accept-encoding");
        check(text(1023), "gzip", &[], false);
        check(
            text(1024),
            "gzip",
            &[("content-encoding", "gzip"), vary],
            true,
        );
        check(
            text(1024),
            "deflate",
            &[("content-encoding", "deflate"), vary],
            true,
        );
        check(text(1024), "", &[vary], false);
        check(text(1024), "gzip;q=0", &[vary], false);
        check(random(1024), "gzip", &[vary], true);
        let only = [("content-encoding", "gzip"), vary];
        check(random(1024), "gzip, identity;q=0", &only, true);
        check(text(3), "gzip, identity;q=0", &only, true);
    }

    #[test]
    fn the_limit_is_on_what_is_sent() {
        assert!(sent(text(2000), "").is_ok());
        let refused = "the answer has more than 2000 bytes: send fewer rows";
        assert_eq!(sent(text(2001), "").unwrap_err(), refused);
        assert!(sent(text(4000), "gzip").is_ok());
        let refused = "the answer has more than 4000 bytes: send fewer rows";
        assert_eq!(sent(text(4001), "gzip").unwrap_err(), refused);
        assert!(sent(random(1500), "").is_ok());
        assert!(sent(random(1501), "").is_err());
    }
}
