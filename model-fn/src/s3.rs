//! Models from a bucket of S3: what is under a prefix is listed, read in parts at one time, and becomes a folder, which
//! is then served as any other.
//!
//! Nothing here decides what a model is. Objects that change while they are read are noticed, and files are compared
//! with the digests of `SHA256SUMS` where a model has such a file.

mod folder;
mod listing;
mod parts;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_requests::{Account, Reach, RequestError, Service, Unsigned};
use reqwest::{Method, RequestBuilder};

pub use folder::Folder;
use listing::Object;

/// A prefix in a bucket, and as whom it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    account: Account,
    name: String,
    /// Empty, or with a slash at the end.
    prefix: String,
}

/// Why an address names no models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `s3://BUCKET` or `s3://BUCKET/PREFIX`, the bucket of lower-case letters, digits and `-`, the prefix of letters, digits, `.`, `_`, `-` and `/`"
)]
pub struct AddressError;

/// Why the models have not been brought here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no thread or socket to read with.
    #[error("nothing can be read from the network")]
    Network(#[source] io::Error),
    /// S3 has not answered.
    #[error("S3 has not answered about {0}")]
    Unanswered(String, #[source] reqwest::Error),
    /// The request was too long on its way, as when the sandbox was frozen meanwhile.
    #[error("the request about {0} came too late to S3")]
    Late(String),
    /// S3 answers with an error.
    #[error("S3 answers with status {status} and `{code}` about {what}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// S3's own word.
        code: String,
    },
    /// The function may not do it.
    #[error("the function's role may not read {what}: it needs `{action}` ({code})")]
    Denied {
        /// What was asked for.
        what: String,
        /// What its role must allow.
        action: &'static str,
        /// S3's own word.
        code: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket `{0}`")]
    NoBucket(String),
    /// The bucket is in another region.
    #[error("the bucket is in region `{0}`, and the function is not")]
    Region(String),
    /// An answer is not what S3's are.
    #[error("S3 does not answer in the documented shape about {0}")]
    Shape(String),
    /// Nothing is there.
    #[error("no object under `s3://{0}/{1}` is a file of a model")]
    Empty(String, String),
    /// There are more objects than are read.
    #[error(
        "there are more than {} objects under the prefix",
        listing::MOST_OBJECTS
    )]
    TooMany,
    /// They are larger than a function's files can be.
    #[error("the objects have more than {} bytes", listing::MOST_BYTES)]
    TooLarge,
    /// The key of an object is no path of a file.
    #[error("the key `{0}` is no path of a file")]
    Key(String),
    /// An object is not the one that was listed.
    #[error("`{0}` has changed while it was read")]
    Changed(String),
    /// A file cannot be written: for want of space, most often.
    #[error("`{}` cannot be written: raise the function's ephemeral storage if it is full", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// `SHA256SUMS` is none.
    #[error("`{0}` is no list of digests, as `sha256sum` writes them")]
    Sums(String),
    /// A file that is there is not among the digests.
    #[error("`{0}` is not in `SHA256SUMS`")]
    Unpinned(String),
    /// A file that has a digest is not there.
    #[error("`{0}` is in `SHA256SUMS`, and not there")]
    Missing(String),
    /// A file has another digest.
    #[error("`{0}` is not the file whose digest is in `SHA256SUMS`")]
    Differs(String),
}

/// For a connection: S3 is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// For one part of an object; parts are small.
const TIMEOUT: Duration = Duration::from_secs(20);

impl Bucket {
    /// Reads `s3://BUCKET/PREFIX`, and what Lambda gives a function to ask S3 with.
    pub fn load(
        address: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let parsed = parse(address);
        if let Err(error) = &parsed {
            problems.push(format!("`MODEL_SOURCE` {error}, is `{address}`"));
        }
        let reach = Reach {
            endpoints: &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
            // Stores like S3 stand elsewhere too. What is sent is signed, and holds no secret.
            anywhere: true,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
        };
        let account = Account::load(lookup, reach, problems);
        let (name, prefix) = parsed.ok()?;
        Some(Self {
            account: account?,
            name,
            prefix,
        })
    }

    /// Brings what is there into a folder of its own, unless its digest is one of these. Blocks.
    pub fn fetch(
        &self,
        known: &[&str],
        clock: fn() -> SystemTime,
    ) -> Result<Option<Folder>, FetchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let fetch = self.fetch_changed(known, clock);
        runtime.map_err(FetchError::Network)?.block_on(fetch)
    }

    async fn fetch_changed(
        &self,
        known: &[&str],
        clock: fn() -> SystemTime,
    ) -> Result<Option<Folder>, FetchError> {
        let objects = self.list(clock).await?;
        let digest = folder::digest(&objects);
        if known.contains(&digest.as_str()) {
            return Ok(None);
        }
        let folder = Folder::new(digest)?;
        self.read(&objects, &folder, clock).await?;
        folder.check(&objects)?;
        Ok(Some(folder))
    }

    /// A signed request for an object, or for what `query` asks of the bucket.
    fn get(
        &self,
        key: &str,
        query: Option<&str>,
        headers: Vec<(&str, &str)>,
        now: SystemTime,
    ) -> Result<RequestBuilder, FetchError> {
        let mut url = self.account.address(Service::S3, Some(&self.name))?;
        let path = format!("{}{}", url.path(), listing::escaped(key, true));
        url.set_path(&path);
        url.set_query(query);
        let unsigned = Unsigned {
            service: Service::S3,
            method: Method::GET,
            url,
            headers,
            body: String::new(),
        };
        Ok(self.account.sign(unsigned, now)?)
    }

    fn key(&self, object: &Object) -> String {
        format!("{}{}", self.prefix, object.path)
    }
}

impl FetchError {
    /// Whether it may pass by itself: then the function waits, and does not fail.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Network(_) | Self::Unanswered(..) | Self::Changed(_) | Self::Late(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Request(_) | Self::Denied { .. } | Self::NoBucket(_) | Self::Region(_) => false,
            Self::Shape(_) | Self::Empty(..) | Self::TooMany | Self::TooLarge => false,
            Self::Key(_) | Self::File(..) => false,
            Self::Sums(_) | Self::Unpinned(_) | Self::Missing(_) | Self::Differs(_) => false,
        }
    }
}

/// Bucket and prefix. Buckets with dots are refused: AWS's certificate does not extend to their hosts.
fn parse(address: &str) -> Result<(String, String), AddressError> {
    let address = address.strip_prefix("s3://").ok_or(AddressError)?;
    let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let of_bucket = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_segment =
        |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(of_key);
    let is_bucket = (3..=63).contains(&bucket.len()) && bucket.bytes().all(of_bucket);
    if !is_bucket || !(prefix.is_empty() || prefix.split('/').all(is_segment)) {
        return Err(AddressError);
    }
    let slash = if prefix.is_empty() { "" } else { "/" };
    Ok((bucket.to_owned(), format!("{prefix}{slash}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, &str)>) {
        let parsed = parse(address).ok();
        let parsed = parsed
            .as_ref()
            .map(|(bucket, prefix)| (bucket.as_str(), prefix.as_str()));
        assert_eq!(parsed, expected, "{address}");
    }

    #[test]
    fn models_are_in_a_bucket_under_a_plain_prefix() {
        check("s3://my-bucket", Some(("my-bucket", "")));
        check("s3://my-bucket/", Some(("my-bucket", "")));
        check(
            "s3://my-bucket/a/B_c-1.0",
            Some(("my-bucket", "a/B_c-1.0/")),
        );
        check("s3://my-bucket/a/", Some(("my-bucket", "a/")));
        for odd in [
            "my-bucket/a",
            "https://my-bucket/a",
            "s3:///a",
            "s3://my.bucket/a",
            "s3://My-bucket",
            "s3://ab",
            "s3://evil.example:443/a",
            "s3://user@bucket/a",
            "s3://my-bucket//a",
            "s3://my-bucket/a//",
            "s3://my-bucket/../a",
            "s3://my-bucket/a b",
            "s3://my-bucket/a?b",
            "s3://my-bucket/a%2fb",
        ] {
            check(odd, None);
        }
    }
}
