//! Requests to AWS, signed as the function itself (Signature Version 4). What is asked of which service is the
//! modules' below; the signature is `aws-sigv4`'s.

pub(crate) mod dynamodb;
pub(crate) mod s3;

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use thiserror::Error;

use crate::address;
use crate::exchange::ExchangeError;
use crate::http::EXCHANGE_TIMEOUT;

/// As whom, where, and at which address AWS is asked.
#[derive(Clone)]
pub(crate) struct Account {
    client: Client,
    credentials: Credentials,
    region: String,
    /// An emulator on this machine, in place of AWS.
    emulator: Option<Url>,
}

/// Keys are neither shown nor needed to be told apart.
impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Account({})", self.region)
    }
}

/// A request to be signed.
#[derive(Debug)]
struct Unsigned<'a> {
    service: Service,
    method: Method,
    url: Url,
    headers: Vec<(&'a str, &'a str)>,
    body: String,
}

#[derive(Debug, Clone, Copy)]
enum Service {
    DynamoDb,
    S3,
}

/// Why AWS has not answered.
#[derive(Debug, Error)]
pub(crate) enum AwsError {
    #[error("the request cannot be signed")]
    Parameters(#[from] v4::signing_params::BuildError),
    #[error("the request cannot be signed")]
    Signing(#[from] SigningError),
    #[error("the address is none")]
    Address,
    #[error("AWS has not answered")]
    Exchange(#[from] ExchangeError),
    #[error("AWS answers with status {0} and `{1}`")]
    Refused(u16, String),
    #[error("AWS does not answer in the documented shape")]
    Shape,
    #[error("AWS has answered about some of the keys only")]
    Partial,
}

impl Account {
    /// Reads what Lambda gives a function; what is missing is added to `problems`.
    pub(crate) fn load(
        lookup: &dyn Fn(&str) -> Option<String>,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let mut required = |name: &str| {
            let value = lookup(name).filter(|value| !value.is_empty());
            let problem = format!("`{name}`, which Lambda sets, is not set");
            if value.is_none() && !problems.contains(&problem) {
                problems.push(problem);
            }
            value
        };
        let key_id = required("AWS_ACCESS_KEY_ID");
        let key = required("AWS_SECRET_ACCESS_KEY");
        let region = required("AWS_REGION");
        let session = lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
        let emulator = emulator(lookup, problems)?;
        let client = client().inspect_err(|error| {
            problems.push(format!("the HTTP client for AWS cannot be made: {error}"));
        });
        Some(Self {
            client: client.ok()?,
            credentials: Credentials::new(key_id?, key?, session, None, "environment"),
            region: region.filter(|region| is_region(region, problems))?,
            emulator,
        })
    }

    /// The address of a service, with a name before its host where it is addressed so.
    fn address(&self, service: Service, name: Option<&str>) -> Result<Url, AwsError> {
        if let Some(emulator) = &self.emulator {
            let path = name.map_or("/".to_owned(), |name| format!("/{name}/"));
            return emulator.join(&path).map_err(|_| AwsError::Address);
        }
        let name = name.map_or(String::new(), |name| format!("{name}."));
        let (service, region) = (service.name(), &self.region);
        let partition = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let address = format!("https://{name}{service}.{region}.{partition}/");
        Url::parse(&address).map_err(|_| AwsError::Address)
    }

    fn sign(&self, unsigned: Unsigned<'_>, now: SystemTime) -> Result<RequestBuilder, AwsError> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(unsigned.service.name())
            .time(now)
            .settings(unsigned.service.settings())
            .build()?
            .into();
        let signable = SignableRequest::new(
            unsigned.method.as_str(),
            unsigned.url.as_str(),
            unsigned.headers.iter().copied(),
            SignableBody::Bytes(unsigned.body.as_bytes()),
        )?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let mut request = self.client.request(unsigned.method, unsigned.url);
        for (name, value) in unsigned.headers.into_iter().chain(signature.headers()) {
            request = request.header(name, value);
        }
        Ok(request.body(unsigned.body))
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::S3 => "s3",
        }
    }

    /// S3 signs a path as it is sent, and wants the digest of the body in a header.
    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        match self {
            Self::DynamoDb => {}
            Self::S3 => {
                settings.percent_encoding_mode = PercentEncodingMode::Single;
                settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            }
        }
        settings
    }
}

/// AWS's own authorities are the machine's, and nothing of it is behind a proxy of an issuer's.
fn client() -> Result<Client, reqwest::Error> {
    let client = Client::builder().no_proxy();
    let client = client.redirect(redirect::Policy::none());
    client.timeout(EXCHANGE_TIMEOUT).build()
}

/// `AWS_ENDPOINT_URL`: on this machine alone, for whoever can set it elsewhere reads what is sent.
fn emulator(
    lookup: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> Option<Option<Url>> {
    let Some(address) = lookup("AWS_ENDPOINT_URL").filter(|address| !address.is_empty()) else {
        return Some(None);
    };
    let url = address::check(&address, &address).ok();
    let url = url.filter(|url| url.scheme() == "http");
    if url.is_none() {
        problems.push("`AWS_ENDPOINT_URL` is no `http://` address of this machine".to_owned());
    }
    url.map(Some)
}

fn is_region(region: &str, problems: &mut Vec<String>) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = region.bytes().all(plain);
    if !good {
        problems.push("`AWS_REGION` is no region".to_owned());
    }
    good
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN" => "session",
            "AWS_REGION" => "eu-west-1",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn with(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| {
            if asked == name {
                return Some(value.to_owned());
            }
            environment(asked)
        }
    }

    #[track_caller]
    fn check(lookup: &dyn Fn(&str) -> Option<String>, expected: &[&str]) {
        let mut problems = Vec::new();
        let account = Account::load(lookup, &mut problems);
        assert_eq!(account.is_some(), expected.is_empty());
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    #[test]
    fn everything_comes_from_what_lambda_sets() {
        check(&environment, &[]);
        check(&with("AWS_SESSION_TOKEN", ""), &[]);
        check(&with("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"), &[]);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
            check(&with(name, ""), &[&format!("`{name}`, which Lambda sets")]);
        }
        for odd in [
            "http://192.0.2.1",
            "https://evil.example",
            "ftp://127.0.0.1",
            "x",
        ] {
            check(&with("AWS_ENDPOINT_URL", odd), &["`AWS_ENDPOINT_URL`"]);
        }
        check(
            &with("AWS_REGION", "evil.example/"),
            &["`AWS_REGION` is no region"],
        );
    }

    fn account(lookup: &dyn Fn(&str) -> Option<String>) -> Account {
        Account::load(lookup, &mut Vec::new()).unwrap()
    }

    #[test]
    fn services_are_at_their_addresses() {
        let address =
            |account: &Account, service, name| account.address(service, name).unwrap().to_string();
        let ireland = account(&environment);
        assert_eq!(
            address(&ireland, Service::DynamoDb, None),
            "https://dynamodb.eu-west-1.amazonaws.com/"
        );
        assert_eq!(
            address(&ireland, Service::S3, Some("bucket")),
            "https://bucket.s3.eu-west-1.amazonaws.com/"
        );
        let china = account(&with("AWS_REGION", "cn-north-1"));
        assert_eq!(
            address(&china, Service::DynamoDb, None),
            "https://dynamodb.cn-north-1.amazonaws.com.cn/"
        );
        let emulated = account(&with("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"));
        assert_eq!(
            address(&emulated, Service::DynamoDb, None),
            "http://127.0.0.1:4566/"
        );
        assert_eq!(
            address(&emulated, Service::S3, Some("b")),
            "http://127.0.0.1:4566/b/"
        );
    }

    #[track_caller]
    fn signature(unsigned: Unsigned<'_>, names: &str, expected: &str) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let signed = account(&environment).sign(unsigned, now);
        let request = signed.unwrap().build().unwrap();
        let found = request.headers()["authorization"].to_str().unwrap();
        let expected = format!("SignedHeaders={names}, Signature={expected}");
        assert!(found.ends_with(&expected), "{found}");
        assert_eq!(request.headers()["x-amz-security-token"], "session");
    }

    /// The signatures were recorded from botocore 1.43.106, `SigV4Auth` and `S3SigV4Auth`.
    #[test]
    fn signatures_are_those_of_a_second_implementation() {
        let unsigned = Unsigned {
            service: Service::DynamoDb,
            method: Method::POST,
            url: Url::parse("https://dynamodb.eu-west-1.amazonaws.com/").unwrap(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", "DynamoDB_20120810.BatchGetItem"),
            ],
            body: r#"{"a":1}"#.to_owned(),
        };
        signature(
            unsigned,
            "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            "21a8f9b7e4c8907278b594634890db29fac6794c8f479a50e9a40cdcd3b823b4",
        );
        let unsigned = Unsigned {
            service: Service::S3,
            method: Method::GET,
            url: Url::parse("https://bucket.s3.eu-west-1.amazonaws.com/a/b_c.json").unwrap(),
            headers: vec![("if-none-match", "\"1\"")],
            body: String::new(),
        };
        signature(
            unsigned,
            "host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            "b4014b86aff1ee2d06ebdc237aa79fa5b46c97caf9beb034707c3566e82433fc",
        );
    }

    #[test]
    fn keys_are_not_shown() {
        let shown = format!("{:?}", account(&environment));
        assert_eq!(shown, "Account(eu-west-1)");
    }
}
