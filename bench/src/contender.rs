//! Who is measured, in this process: the bare signature check, the authorizer's two ways, and the
//! one-call decode of `jsonwebtoken`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use authorizer::algorithm::Algorithm;
use authorizer::keys::{KeySet, Selection};
use authorizer::token::{BearerToken, TokenError, UnverifiedToken};
use authorizer::verify::{Trust, verify};
use authorizer::{Authorizer, Config};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{AUDIENCE, ISSUER};
use crate::workload::{Shape, Workload};

/// Tolerance for clocks, the same for all.
const LEEWAY_SECONDS: u64 = 30;

/// Something that verifies tokens.
pub(crate) trait Contender {
    fn name(&self) -> &str;
    /// How long `count` good tokens of this algorithm take, one after the other.
    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration>;
    /// Whether it accepts a token. `None` if it sees no whole tokens.
    fn accepts(&mut self, token: &str) -> Result<Option<bool>>;
}

/// Runs `check` on `count` of the items in turn; each must hold.
fn time<T>(items: &[T], count: usize, mut check: impl FnMut(&T) -> bool) -> Result<Duration> {
    let started = Instant::now();
    for item in items.iter().cycle().take(count) {
        ensure!(check(item), "a good token is refused");
    }
    Ok(started.elapsed())
}

/// aws-lc-rs with a parsed key, on decoded signatures: what nobody can go below.
pub(crate) struct Raw {
    items: BTreeMap<&'static str, (ParsedPublicKey, Vec<Signed>)>,
}

/// A text and its decoded signature.
type Signed = (String, Vec<u8>);

impl Raw {
    pub(crate) fn new(workload: &Workload) -> Result<Self> {
        let mut items = BTreeMap::new();
        for (algorithm, tokens) in &workload.tokens {
            let split = tokens.iter().filter_map(|token| token.rsplit_once('.'));
            let split = split
                .map(|(text, signature)| Ok((text.to_owned(), URL_SAFE_NO_PAD.decode(signature)?)));
            let key = parsed(algorithm, &workload.key_set)?;
            items.insert(*algorithm, (key, split.collect::<Result<_>>()?));
        }
        Ok(Self { items })
    }
}

fn parsed(algorithm: &str, key_set: &Value) -> Result<ParsedPublicKey> {
    let member = |key: usize, name: &str| -> Result<Vec<u8>> {
        let text = key_set.pointer(&format!("/keys/{key}/{name}"));
        let text = text.and_then(Value::as_str).context("no such member")?;
        Ok(URL_SAFE_NO_PAD.decode(text)?)
    };
    let key = match algorithm {
        "RS256" => RsaPublicKeyComponents {
            n: member(0, "n")?,
            e: member(0, "e")?,
        }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
        "ES256" => {
            let point = [vec![4], member(1, "x")?, member(1, "y")?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        _ => ParsedPublicKey::new(&ED25519, member(3, "x")?),
    };
    key.map_err(|_| anyhow!("the key cannot be parsed"))
}

impl Contender for Raw {
    fn name(&self) -> &'static str {
        "aws-lc-rs, parsed key"
    }

    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration> {
        let (key, items) = self.items.get(algorithm).context("no such algorithm")?;
        time(items, count, |(text, signature)| {
            key.verify_sig(text.as_bytes(), signature).is_ok()
        })
    }

    fn accepts(&mut self, _: &str) -> Result<Option<bool>> {
        Ok(None)
    }
}

/// The authorizer's library, without events and answers.
pub(crate) struct Verify {
    credentials: BTreeMap<&'static str, Vec<String>>,
    keys: KeySet,
    trust: Trust,
    now: SystemTime,
}

impl Verify {
    pub(crate) fn new(workload: &Workload) -> Result<Self> {
        let credential = |token: &String| format!("Bearer {token}");
        let tokens = workload.tokens.iter();
        Ok(Self {
            credentials: tokens
                .map(|(name, tokens)| (*name, tokens.iter().map(credential).collect()))
                .collect(),
            keys: KeySet::parse(workload.key_set.to_string().as_bytes())?,
            trust: trust(),
            now: workload.now,
        })
    }
}

fn trust() -> Trust {
    Trust {
        issuer: ISSUER.to_owned(),
        profile: Default::default(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: Algorithm::ALL.to_vec(),
        clients: None,
        token_types: None,
        leeway: Duration::from_secs(LEEWAY_SECONDS),
        max_age: None,
        proofs: Default::default(),
    }
}

/// From the header's value to the caller.
fn verified(credential: &str, verifier: &Verify) -> Result<(), TokenError> {
    let token = UnverifiedToken::parse(BearerToken::from_header(credential)?)?;
    verifier.trust.check_header(&token.header)?;
    let header = &token.header;
    match verifier.keys.select(header.key_id(), header.algorithm) {
        Selection::Key(key) => verify(token, key, &verifier.trust, verifier.now).map(|_| ()),
        Selection::Unfit | Selection::Ambiguous => Err(TokenError::KeyAlgorithm),
        Selection::Unknown => Err(TokenError::Key),
    }
}

impl Contender for Verify {
    fn name(&self) -> &'static str {
        "authorizer, verify"
    }

    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration> {
        let credentials = self
            .credentials
            .get(algorithm)
            .context("no such algorithm")?;
        time(credentials, count, |credential| {
            verified(credential, self).is_ok()
        })
    }

    fn accepts(&mut self, token: &str) -> Result<Option<bool>> {
        Ok(Some(verified(&format!("Bearer {token}"), self).is_ok()))
    }
}

/// Event JSON in, answer JSON and log lines out.
pub(crate) struct FullPath {
    name: &'static str,
    shape: Shape,
    events: BTreeMap<&'static str, Vec<String>>,
    authorizer: Authorizer,
    runtime: tokio::runtime::Runtime,
}

impl FullPath {
    /// `access` is the path of the access file.
    pub(crate) fn new(workload: &Workload, access: &str, shape: Shape) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let config = Config::load(|name| (name == "ACCESS_FILE").then(|| access.to_owned()))?;
        let events = |tokens: &[String]| tokens.iter().map(|token| shape.event(token)).collect();
        Ok(Self {
            name: match shape {
                Shape::Token => "authorizer, full path, TOKEN",
                Shape::Request => "authorizer, full path, REQUEST",
                Shape::Http => "authorizer, full path, HTTP API 2.0",
            },
            shape,
            events: workload
                .tokens
                .iter()
                .map(|(name, tokens)| (*name, events(tokens)))
                .collect(),
            authorizer: runtime.block_on(Authorizer::start(config))?,
            runtime,
        })
    }

    /// Answers events until there are no more; how many are allowed.
    pub(crate) fn answer(&self, events: impl Iterator<Item = String>) -> usize {
        self.runtime.block_on(async {
            let mut allowed = 0;
            for event in events {
                allowed += usize::from(answered(&self.authorizer, &event).await);
            }
            allowed
        })
    }
}

/// True if the event is answered with a policy. The runtime writes answer and lines as they are here.
async fn answered(authorizer: &Authorizer, event: &str) -> bool {
    let outcome = authorizer.handle(event, "request-1").await;
    let answer = outcome.answer.map(|answer| serde_json::to_string(&answer));
    std::hint::black_box((&answer, outcome.log));
    answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.contains(r#""Allow""#)))
}

impl Contender for FullPath {
    fn name(&self) -> &str {
        self.name
    }

    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration> {
        let events = self.events.get(algorithm).context("no such algorithm")?;
        self.runtime.block_on(async {
            let started = Instant::now();
            for event in events.iter().cycle().take(count) {
                ensure!(
                    answered(&self.authorizer, event).await,
                    "a good token is refused"
                );
            }
            Ok(started.elapsed())
        })
    }

    fn accepts(&mut self, token: &str) -> Result<Option<bool>> {
        let event = self.shape.event(token);
        let answered = answered(&self.authorizer, &event);
        Ok(Some(self.runtime.block_on(answered)))
    }
}

/// `jsonwebtoken::decode` into typed claims, as its documentation shows it, with every check it has.
pub(crate) struct Jsonwebtoken {
    tokens: BTreeMap<&'static str, Vec<String>>,
    keys: BTreeMap<String, (DecodingKey, Validation)>,
}

/// The claims that an API would read.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded, which is what is measured")]
struct Typed {
    iss: String,
    sub: Option<String>,
    exp: u64,
    azp: Option<String>,
    scope: Option<String>,
    realm_access: Option<Value>,
    resource_access: Option<Value>,
    permissions: Option<Vec<String>>,
}

impl Jsonwebtoken {
    pub(crate) fn new(workload: &Workload) -> Result<Self> {
        let set: JwkSet = serde_json::from_value(workload.key_set.clone())?;
        let ids = ["rsa", "p256", "ed25519"].into_iter().zip(ALGORITHMS);
        let key = |(id, algorithm): (&str, jsonwebtoken::Algorithm)| {
            let mut validation = Validation::new(algorithm);
            validation.set_issuer(&[ISSUER]);
            validation.set_audience(&[AUDIENCE]);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            validation.validate_nbf = true;
            validation.leeway = LEEWAY_SECONDS;
            let key = set.find(id).context("no such key")?;
            let key = DecodingKey::from_jwk(key)?;
            Ok((id.to_owned(), (key, validation)))
        };
        Ok(Self {
            tokens: workload.tokens.clone(),
            keys: ids.map(key).collect::<Result<_>>()?,
        })
    }
}

const ALGORITHMS: [jsonwebtoken::Algorithm; 3] = [
    jsonwebtoken::Algorithm::RS256,
    jsonwebtoken::Algorithm::ES256,
    jsonwebtoken::Algorithm::EdDSA,
];

impl Contender for Jsonwebtoken {
    fn name(&self) -> &'static str {
        "jsonwebtoken, one call"
    }

    fn time(&mut self, algorithm: &str, count: usize) -> Result<Duration> {
        let tokens = self.tokens.get(algorithm).context("no such algorithm")?;
        let id = match algorithm {
            "RS256" => "rsa",
            "ES256" => "p256",
            _ => "ed25519",
        };
        let (key, validation) = self.keys.get(id).context("no such key")?;
        time(tokens, count, |token| {
            jsonwebtoken::decode::<Typed>(token, key, validation).is_ok()
        })
    }

    /// Unlike the measured call, this one finds the key by its id.
    fn accepts(&mut self, token: &str) -> Result<Option<bool>> {
        let header = jsonwebtoken::decode_header(token).ok();
        let id = header.and_then(|header| header.kid).unwrap_or_default();
        let found = self.keys.get(&id).is_some_and(|(key, validation)| {
            jsonwebtoken::decode::<Typed>(token, key, validation).is_ok()
        });
        Ok(Some(found))
    }
}
