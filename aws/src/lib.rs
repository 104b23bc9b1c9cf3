//! Requests to AWS's services, signed as the function itself (Signature Version 4). What is asked, and what an answer
//! means, is the functions' business; the signature is `aws-sigv4`'s.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use thiserror::Error;

/// As whom, where, and at which address AWS is asked.
#[derive(Clone)]
pub struct Account {
    client: Client,
    credentials: Credentials,
    region: String,
    /// Another address than AWS's own, which has buckets in its path.
    endpoint: Option<Url>,
}

/// How services are reached.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// The variables that may name another address than AWS's own: the first that is set counts.
    pub endpoints: &'a [&'a str],
    /// Whether that may be an `https://` address anywhere, and not only this machine.
    pub anywhere: bool,
    /// For a connection.
    pub connect_timeout: Duration,
    /// For a whole exchange.
    pub timeout: Duration,
}

/// A request to be signed.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// Whom it is for.
    pub service: Service,
    /// The method.
    pub method: Method,
    /// The address, with its path and query escaped as they are to be sent.
    pub url: Url,
    /// Headers, all of which are signed.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body.
    pub body: String,
}

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Tables.
    DynamoDb,
    /// Objects.
    S3,
    /// Secrets.
    SecretsManager,
}

/// Why a request cannot be made.
#[derive(Debug, Error)]
pub enum RequestError {
    /// What it is signed with is not complete.
    #[error("the request cannot be signed")]
    Parameters(#[from] v4::signing_params::BuildError),
    /// It cannot be put into the form that is signed.
    #[error("the request cannot be signed")]
    Signing(#[from] SigningError),
    /// The service has no such address.
    #[error("the address is none")]
    Address,
}

/// Keys are neither shown nor needed to be told apart.
impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Account({})", self.region)
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        let parts = |account: &Self| (account.region.clone(), account.endpoint.clone());
        self.credentials == other.credentials && parts(self) == parts(other)
    }
}

impl Eq for Account {}

impl Account {
    /// Reads what Lambda gives a function; what is missing is added to `problems`.
    pub fn load(
        lookup: &dyn Fn(&str) -> Option<String>,
        reach: Reach<'_>,
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
        let endpoint = endpoint(lookup, reach, problems)?;
        let client = client(reach).inspect_err(|error| {
            problems.push(format!("the HTTP client for AWS cannot be made: {error}"));
        });
        Some(Self {
            client: client.ok()?,
            credentials: Credentials::new(key_id?, key?, session, None, "environment"),
            region: region.filter(|region| is_region(region, problems))?,
            endpoint,
        })
    }

    /// The address of a service, with a name before its host where it is addressed so.
    pub fn address(&self, service: Service, name: Option<&str>) -> Result<Url, RequestError> {
        if let Some(endpoint) = &self.endpoint {
            let path = name.map_or("/".to_owned(), |name| format!("/{name}/"));
            return endpoint.join(&path).map_err(|_| RequestError::Address);
        }
        let name = name.map_or(String::new(), |name| format!("{name}."));
        let (service, region) = (service.name(), &self.region);
        let partition = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let address = format!("https://{name}{service}.{region}.{partition}/");
        Url::parse(&address).map_err(|_| RequestError::Address)
    }

    /// The request, ready to be sent.
    pub fn sign(
        &self,
        unsigned: Unsigned<'_>,
        now: SystemTime,
    ) -> Result<RequestBuilder, RequestError> {
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
            Self::SecretsManager => "secretsmanager",
        }
    }

    /// S3 signs a path as it is sent, and wants the digest of the body in a header.
    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        match self {
            Self::DynamoDb | Self::SecretsManager => {}
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
fn client(reach: Reach<'_>) -> Result<Client, reqwest::Error> {
    let client = Client::builder().no_proxy();
    let client = client.redirect(redirect::Policy::none());
    let client = client.connect_timeout(reach.connect_timeout);
    client.timeout(reach.timeout).build()
}

/// Another address than AWS's own: whoever can set it to a foreign one reads what is sent.
fn endpoint(
    lookup: &dyn Fn(&str) -> Option<String>,
    reach: Reach<'_>,
    problems: &mut Vec<String>,
) -> Option<Option<Url>> {
    let set = |name: &&str| {
        let address = lookup(name).filter(|address| !address.is_empty())?;
        Some(((*name).to_owned(), address))
    };
    let Some((name, address)) = reach.endpoints.iter().find_map(set) else {
        return Some(None);
    };
    let url = Url::parse(&address).ok();
    let url = url.filter(|url| match url.scheme() {
        "http" => is_this_machine(url),
        "https" => reach.anywhere,
        _ => false,
    });
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    // Buckets and services stand in the path: one that is there already would be asked for nothing.
    let url = url.filter(|url| url.path() == "/");
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
    if url.is_none() {
        let elsewhere = match reach.anywhere {
            true => "no `https://` address, and ",
            false => "",
        };
        problems.push(format!(
            "`{name}` is {elsewhere}no `http://` address of this machine, without a path"
        ));
    }
    url.map(Some)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<IpAddr, _> = address.parse();
    address.map_or(host == "localhost", |address| address.is_loopback())
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

    const REACH: Reach<'_> = Reach {
        endpoints: &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
        anywhere: false,
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
    };

    #[track_caller]
    fn check(lookup: &dyn Fn(&str) -> Option<String>, expected: &[&str]) {
        let mut problems = Vec::new();
        let account = Account::load(lookup, REACH, &mut problems);
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
            "http://127.0.0.1:4566/aws",
            "x",
        ] {
            check(&with("AWS_ENDPOINT_URL", odd), &["`AWS_ENDPOINT_URL`"]);
        }
        check(
            &with("AWS_REGION", "evil.example/"),
            &["`AWS_REGION` is no region"],
        );
    }

    #[test]
    fn an_endpoint_is_on_this_machine_or_where_that_is_wanted_behind_tls() {
        let found = |anywhere: bool, name: &'static str, address: &'static str| {
            let reach = Reach { anywhere, ..REACH };
            let mut problems = Vec::new();
            let account = Account::load(&with(name, address), reach, &mut problems);
            let base = account.map(|account| account.address(Service::S3, Some("b")).unwrap());
            base.map(String::from).ok_or(problems)
        };
        let (all, own) = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3");
        let local = Ok("http://localhost:9/b/".to_owned());
        assert_eq!(found(false, all, "http://localhost:9"), local);
        assert_eq!(found(true, own, "http://localhost:9/"), local);
        let tls = Ok("https://minio.example/b/".to_owned());
        assert_eq!(found(true, own, "https://minio.example"), tls);
        for odd in [
            "http://minio.example",
            "https://a@minio.example",
            "https://minio.example/?a",
            "https://minio.example/minio",
            "x",
        ] {
            let expected = format!(
                "`{all}` is no `https://` address, and no `http://` address of this machine, without a path"
            );
            assert_eq!(found(true, all, odd), Err(vec![expected]));
        }
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL_S3" => Some("http://[::1]:1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:2".to_owned()),
            _ => environment(name),
        };
        let account = Account::load(&lookup, REACH, &mut Vec::new()).unwrap();
        let address = account.address(Service::S3, Some("b")).unwrap();
        assert_eq!(address.as_str(), "http://[::1]:1/b/");
    }

    fn account(lookup: &dyn Fn(&str) -> Option<String>) -> Account {
        Account::load(lookup, REACH, &mut Vec::new()).unwrap()
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
            service: Service::SecretsManager,
            method: Method::POST,
            url: Url::parse("https://secretsmanager.eu-west-1.amazonaws.com/").unwrap(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "secretsmanager.GetSecretValue"),
            ],
            body: r#"{"SecretId": "api/secret"}"#.to_owned(),
        };
        signature(
            unsigned,
            "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            "ed81c53f35a625584876a25ef41a04c9116aa1ff324c0ee280207885b2bae6f5",
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
        let read = |path: &str, headers| Unsigned {
            service: Service::S3,
            method: Method::GET,
            url: Url::parse(&format!("https://bucket.s3.eu-west-1.amazonaws.com/{path}")).unwrap(),
            headers,
            body: String::new(),
        };
        signature(
            read(
                "?continuation-token=a%2Bb%2F%3D%3D&list-type=2&max-keys=1000&prefix=models%2Fa%20b%2F",
                Vec::new(),
            ),
            "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            "ea9da9ea077fbe978e10be17c09c793b84438f8834f17e57de7bd6118127da96",
        );
        let headers = vec![("if-match", "\"1\""), ("range", "bytes=0-9")];
        signature(
            read("models/a%20b/1/onnx%3A%3Aw%2B1", headers),
            "host;if-match;range;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            "fc36794b4d3da775fd1abef18daa1c23d09eac676c91d012e9f7aa8f05d22f96",
        );
    }

    #[test]
    fn keys_are_not_shown() {
        let shown = format!("{:?}", account(&environment));
        assert_eq!(shown, "Account(eu-west-1)");
    }
}
