//! One object of S3.

use std::time::SystemTime;

use aws_requests::{Account, RequestError, Service, Unsigned};
use reqwest::{Method, StatusCode};
use thiserror::Error;

use super::AwsError;
use crate::exchange;

/// An object, and as whom it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    account: Account,
    bucket: String,
    key: String,
}

/// Why an address names no object that is asked for.
#[derive(Debug, PartialEq, Eq, Error)]
#[error(
    "write `s3://BUCKET/KEY`, the bucket of lower-case letters, digits and `-`, the key of letters, digits, `.`, `_`, `-` and `/`"
)]
pub(crate) struct ObjectError;

impl Object {
    /// Reads `s3://BUCKET/KEY`. Characters that would have to be escaped in a signed path are refused, and so are
    /// buckets with dots, to whose hosts AWS's certificate does not extend.
    pub(crate) fn parse(address: &str, account: Account) -> Result<Self, ObjectError> {
        let address = address.strip_prefix("s3://").ok_or(ObjectError)?;
        let (bucket, key) = address.split_once('/').ok_or(ObjectError)?;
        let of_bucket =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_segment =
            |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(of_key);
        let good = bucket.bytes().all(of_bucket)
            && (3..=63).contains(&bucket.len())
            && key.split('/').all(is_segment);
        good.then(|| Self {
            account,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
        .ok_or(ObjectError)
    }

    /// The object and its version (`ETag`), unless it is the version that is known already.
    pub(crate) async fn get(
        &self,
        known: Option<&str>,
        max_bytes: usize,
        now: SystemTime,
    ) -> Result<Option<(Vec<u8>, String)>, AwsError> {
        let base = self.account.address(Service::S3, Some(&self.bucket))?;
        let unsigned = Unsigned {
            service: Service::S3,
            method: Method::GET,
            url: base.join(&self.key).map_err(|_| RequestError::Address)?,
            headers: known
                .map(|version| ("if-none-match", version))
                .into_iter()
                .collect(),
            body: String::new(),
        };
        let request = self.account.sign(unsigned, now)?;
        let reply = exchange::send(request, max_bytes).await?;
        if reply.status == StatusCode::NOT_MODIFIED && known.is_some() {
            return Ok(None);
        }
        let version = reply.header(reqwest::header::ETAG);
        let body = reply.ok()?.body;
        Ok(Some((body, version.ok_or(AwsError::Shape)?)))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::response::{IntoResponse, Response};
    use axum::routing::get;

    use super::*;

    fn account(emulator: Option<String>) -> Account {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL" => emulator.clone(),
            _ => Some("x".to_owned()),
        };
        crate::aws::account(&lookup, &mut Vec::new()).unwrap()
    }

    /// An object whose version is `"1"`, if it is asked for by a signed request.
    async fn bucket(headers: HeaderMap) -> Response {
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("/x/s3/aws4_request"));
        let known = headers.get("if-none-match");
        match known.map(|version| version.to_str().unwrap()) {
            Some("\"1\"") => StatusCode::NOT_MODIFIED.into_response(),
            Some("\"deny\"") => StatusCode::FORBIDDEN.into_response(),
            Some(_) | None => ([("etag", "\"1\"")], "list").into_response(),
        }
    }

    #[tokio::test]
    async fn a_known_version_is_not_sent_again() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/my-bucket/a/list.json", get(bucket))
            .route("/my-bucket/odd", get(async || StatusCode::NOT_MODIFIED))
            .route("/my-bucket/bare", get(async || "no version"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let account = account(Some(address));
        let get = async |key: &str, known: Option<&str>, max_bytes: usize| {
            let object = Object::parse(&format!("s3://my-bucket/{key}"), account.clone()).unwrap();
            let found = object.get(known, max_bytes, SystemTime::UNIX_EPOCH).await;
            found.map_err(|error| error.to_string())
        };
        let list = Some((b"list".to_vec(), "\"1\"".to_owned()));
        assert_eq!(get("a/list.json", None, 4).await, Ok(list.clone()));
        assert_eq!(get("a/list.json", Some("\"0\""), 4).await, Ok(list));
        assert_eq!(get("a/list.json", Some("\"1\""), 4).await, Ok(None));
        let not_answered = Err("AWS has not answered".to_owned());
        assert_eq!(get("a/list.json", Some("\"deny\""), 4).await, not_answered);
        assert_eq!(get("a/list.json", None, 3).await, not_answered);
        assert_eq!(get("none", None, 4).await, not_answered);
        // Not modified since when?
        assert_eq!(get("odd", None, 4).await, not_answered);
        let no_version = Err("AWS does not answer in the documented shape".to_owned());
        assert_eq!(get("bare", None, 100).await, no_version);
    }

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, &str)>) {
        let found = Object::parse(address, account(None)).ok();
        let found = found
            .as_ref()
            .map(|object| (object.bucket.as_str(), object.key.as_str()));
        assert_eq!(found, expected, "{address}");
    }

    #[test]
    fn an_object_has_a_bucket_and_a_plain_key() {
        check(
            "s3://my-bucket/a/B_c-1.json",
            Some(("my-bucket", "a/B_c-1.json")),
        );
        for odd in [
            "my-bucket/a",
            "https://my-bucket/a",
            "s3://my-bucket",
            "s3://my-bucket/",
            "s3:///a",
            "s3://my.bucket/a",
            "s3://My-bucket/a",
            "s3://evil.example:443/a",
            "s3://user@bucket/a",
            "s3://my-bucket//a",
            "s3://my-bucket/a/",
            "s3://my-bucket/../a",
            "s3://my-bucket/./a",
            "s3://my-bucket/a b",
            "s3://my-bucket/a?b",
            "s3://my-bucket/a%2fb",
            "s3://my-bucket/ä",
        ] {
            check(odd, None);
        }
    }
}
