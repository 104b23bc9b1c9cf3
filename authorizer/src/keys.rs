//! An issuer's published keys (RFC 7517, RFC 8037): which of them may verify a token, and with
//! which algorithms. When to fetch them is `cache`'s business, how is `issuer`'s.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::algorithm::Algorithm;
use crate::json;
use crate::reply::hex;
use crate::signature::{Material, PublicKey};

/// Most keys read from one set. Real sets have two to a dozen.
pub const MAX_KEYS: usize = 100;
/// RSA below 2048 bits is breakable (RFC 7518 section 3.3); above 8192 it costs CPU for nothing.
const RSA_MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// An exponent is 65537 everywhere; more than four bytes only make each verification dear.
const MAX_EXPONENT_BYTES: usize = 4;
/// The points of Ed25519 with an order of 1, 2, 4 or 8 (RFC 8032 section 5.1.3), in every encoding, without the
/// bit for the sign of x. Under such a key anybody can sign, and `aws-lc-rs` verifies with it.
const ED25519_SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// A public key that may verify tokens. Its copies share what was parsed.
#[derive(Clone)]
pub struct VerificationKey {
    id: Option<Arc<str>>,
    /// The key, once for each algorithm that its type allows.
    public: Arc<[PublicKey]>,
    /// The one of them that it is used with, where the issuer accepts several.
    only: Option<Algorithm>,
}

/// The usable keys of one issuer.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
    /// The keys left out, for the log: each with the reason.
    pub skipped: Vec<SkippedKey>,
}

/// A published key that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, if it has one.
    pub id: Option<String>,
    /// Why it is left out.
    pub reason: KeyError,
}

/// Why a single key is left out. The others are used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A member stands twice, in the key or below it: which of the two counts would be a guess.
    #[error("not JSON without duplicate members")]
    Json,
    /// A member is missing, mistyped or not base64url.
    #[error("a member is missing or malformed")]
    Malformed,
    /// `use` or `key_ops` rule out verification, or it is no key for signatures at all.
    #[error("not a key for verifying signatures")]
    Purpose,
    /// Key type or curve without an accepted algorithm.
    #[error("no accepted algorithm uses this key type or curve")]
    Kind,
    /// `alg` is unknown or does not go with the key type.
    #[error("the key's algorithm does not fit its type")]
    Algorithm,
    /// An RSA modulus outside 2048 to 8192 bits, an even or tiny exponent, or a coordinate of the wrong length.
    #[error("the key's size is not accepted")]
    Size,
    /// Not a point of the curve, or one of so small an order that signatures can be guessed.
    #[error("the key is not a point that is safe on its curve")]
    Point,
    /// Several keys with this `kid`: which one is meant would be a guess.
    #[error("several keys have this key id")]
    Duplicate,
}

/// Why a document is no key set.
#[derive(Debug, Error)]
pub enum KeySetError {
    /// Not JSON, or without a list `keys`.
    #[error("not a JSON Web Key Set")]
    NotAKeySet(#[source] serde_json::Error),
    /// More than [`MAX_KEYS`].
    #[error("the key set has {0} keys, more than {MAX_KEYS}")]
    TooMany(usize),
    /// There are keys, and not one is usable: as good as an outage, and not a reason to drop the keys
    /// at hand. A set without any key is no error: so an issuer withdraws all it had.
    #[error("the key set has no usable key")]
    NoneUsable,
}

/// What a key set has for a token.
#[derive(Debug)]
pub enum Selection<'a> {
    /// This key is to be tried.
    Key(&'a VerificationKey),
    /// There is a key with this id, but not for this algorithm.
    Unfit,
    /// The token names no key, and several would fit.
    Ambiguous,
    /// There is none: perhaps the issuer has rotated its keys.
    Unknown,
}

impl KeySet {
    /// Reads a key set. Keys that cannot be used are skipped, each for itself.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let document: Document<'_> =
            serde_json::from_slice(document).map_err(KeySetError::NotAKeySet)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(document.keys.len()));
        }
        let mut set = Self::default();
        for key in document.keys {
            set.add(key.get());
        }
        set.drop_duplicates();
        if set.keys.is_empty() && !set.skipped.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        Ok(set)
    }

    /// One algorithm a key (RFC 8725 section 3.1): a key that names none is used with the first of `accepted` that
    /// its type allows.
    #[must_use]
    pub fn with_one_algorithm_each(mut self, accepted: &[Algorithm]) -> Self {
        for key in &mut self.keys {
            let mut accepted = accepted.iter().copied();
            key.only = accepted.find(|algorithm| key.algorithms().any(|fit| fit == *algorithm));
        }
        self
    }

    /// Finds the key for a token header. Without a `kid` there must be one fitting key only.
    pub fn select(&self, key_id: Option<&str>, algorithm: Algorithm) -> Selection<'_> {
        let fits = |key: &&VerificationKey| key.algorithms().any(|fit| fit == algorithm);
        match key_id {
            Some(id) => match self.keys.iter().find(|key| key.id.as_deref() == Some(id)) {
                Some(key) if fits(&key) => Selection::Key(key),
                Some(_) => Selection::Unfit,
                None => Selection::Unknown,
            },
            None => {
                let mut fitting = self.keys.iter().filter(fits);
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => Selection::Key(key),
                    (Some(_), Some(_)) => Selection::Ambiguous,
                    (None, _) => Selection::Unknown,
                }
            }
        }
    }

    /// Each key is read for itself: one that says something twice spoils no other.
    fn add(&mut self, key: &str) {
        #[derive(Deserialize)]
        struct Named {
            kid: Option<String>,
        }
        let Ok(key) = json::value(key.as_bytes()) else {
            let named = serde_json::from_str::<Named>(key).ok();
            let (id, reason) = (named.and_then(|named| named.kid), KeyError::Json);
            return self.skipped.push(SkippedKey { id, reason });
        };
        let id = key.get("kid").and_then(Value::as_str).map(str::to_owned);
        match VerificationKey::read(key) {
            Ok(key) => self.keys.push(key),
            Err(reason) => self.skipped.push(SkippedKey { id, reason }),
        }
    }

    fn drop_duplicates(&mut self) {
        let mut seen: HashMap<Arc<str>, usize> = HashMap::new();
        for id in self.keys.iter().filter_map(|key| key.id.clone()) {
            *seen.entry(id).or_default() += 1;
        }
        let ambiguous =
            |key: &VerificationKey| key.id.as_ref().is_some_and(|id| seen.get(id) > Some(&1));
        let dropped = self.keys.extract_if(.., |key| ambiguous(key));
        self.skipped.extend(dropped.map(|key| SkippedKey {
            id: key.id.as_deref().map(str::to_owned),
            reason: KeyError::Duplicate,
        }));
    }
}

impl VerificationKey {
    /// Reads one key, with every check that those of a set go through.
    pub(crate) fn read(key: Value) -> Result<Self, KeyError> {
        let jwk = serde_json::from_value::<Jwk>(key).map_err(|_| KeyError::Malformed);
        jwk.and_then(Jwk::verification_key)
    }

    /// True if the key may be used with the algorithm.
    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|fit| fit == algorithm)
    }

    /// True if `signature` covers `signed`. With an algorithm that is not this key's, nothing verifies.
    pub fn verifies(&self, algorithm: Algorithm, signed: &str, signature: &[u8]) -> bool {
        let mut keys = self
            .public
            .iter()
            .filter(|key| self.only.is_none_or(|only| only == key.algorithm));
        let key = keys.find(|key| key.algorithm == algorithm);
        key.is_some_and(|key| key.verifies(signed.as_bytes(), signature))
    }

    fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let possible = self.public.iter().map(|key| key.algorithm);
        possible.filter(|algorithm| self.only.is_none_or(|only| only == *algorithm))
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The members of RFC 7517 section 4, RFC 7518 section 6 and RFC 8037 section 2 that matter here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn verification_key(self) -> Result<VerificationKey, KeyError> {
        let signs = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let verifies = |operations: &Vec<String>| operations.iter().any(|name| name == "verify");
        if !signs || !self.key_ops.as_ref().is_none_or(verifies) {
            return Err(KeyError::Purpose);
        }
        let public = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => self.rsa()?,
            ("EC", Some("P-256")) => self.curve_point(Algorithm::Es256, 32)?,
            ("EC", Some("P-384")) => self.curve_point(Algorithm::Es384, 48)?,
            ("OKP", Some("Ed25519")) => self.ed25519()?,
            _ => return Err(KeyError::Kind),
        };
        Ok(VerificationKey {
            id: self.kid.map(Arc::from),
            public: public.into(),
            only: None,
        })
    }

    /// A key that names its algorithm is used with that one alone.
    fn algorithms(&self, possible: &[Algorithm]) -> Result<Vec<Algorithm>, KeyError> {
        let Some(name) = &self.alg else {
            return Ok(possible.to_vec());
        };
        // RFC 9864 names EdDSA over Ed25519 by its curve; tokens still say `EdDSA`.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        match name.parse() {
            Ok(named) if possible.contains(&named) => Ok(vec![named]),
            _ => Err(KeyError::Algorithm),
        }
    }

    fn rsa(&self) -> Result<Vec<PublicKey>, KeyError> {
        let modulus = integer(self.n.as_ref())?;
        let exponent = integer(self.e.as_ref())?;
        let leading = modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len() * 8 - leading;
        let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
        let tiny = exponent.as_slice() == [1];
        if !RSA_MODULUS_BITS.contains(&bits) || exponent.len() > MAX_EXPONENT_BYTES || !odd || tiny
        {
            return Err(KeyError::Size);
        }
        let key = Material::Rsa(&modulus, &exponent);
        self.parse(&Algorithm::RSA, key, KeyError::Malformed)
    }

    fn curve_point(
        &self,
        algorithm: Algorithm,
        coordinate_bytes: usize,
    ) -> Result<Vec<PublicKey>, KeyError> {
        let (Some(x), Some(y)) = (&self.x, &self.y) else {
            return Err(KeyError::Malformed);
        };
        let (x, y) = (exactly(x, coordinate_bytes)?, exactly(y, coordinate_bytes)?);
        self.parse(&[algorithm], Material::Point(&x, &y), KeyError::Point)
    }

    fn ed25519(&self) -> Result<Vec<PublicKey>, KeyError> {
        let point = exactly(self.x.as_ref().ok_or(KeyError::Malformed)?, 32)?;
        let mut unsigned = point.clone();
        if let Some(last) = unsigned.last_mut() {
            *last &= 0x7f;
        }
        if ED25519_SMALL_ORDER.contains(&hex(&unsigned).as_str()) {
            return Err(KeyError::Point);
        }
        let key = Material::Edwards(&point);
        self.parse(&[Algorithm::EdDsa], key, KeyError::Point)
    }

    /// The key for each of its algorithms. `otherwise` is why it is left out if it cannot be parsed.
    fn parse(
        &self,
        possible: &[Algorithm],
        key: Material<'_>,
        otherwise: KeyError,
    ) -> Result<Vec<PublicKey>, KeyError> {
        let algorithms = self.algorithms(possible)?.into_iter();
        let keys = algorithms.map(|algorithm| PublicKey::parse(algorithm, key).ok_or(otherwise));
        keys.collect()
    }
}

/// A big-endian integer. Some issuers still send the leading zero byte that RFC 7518 section 6.3.1.1 forbids.
fn integer(text: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let bytes = decode(text.ok_or(KeyError::Malformed)?)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn exactly(text: &str, bytes: usize) -> Result<Vec<u8>, KeyError> {
    let decoded = decode(text)?;
    if decoded.len() == bytes {
        Ok(decoded)
    } else {
        Err(KeyError::Size)
    }
}

fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::support::Key;

    const N_2048: usize = 256;

    fn rsa(modulus_bytes: usize, exponent: &[u8]) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "RSA", "kid": "1", "n": encode(&vec![0xff; modulus_bytes]), "e": encode(exponent)})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    #[track_caller]
    fn check(key: Value, expected: Result<usize, KeyError>) {
        let jwk = serde_json::from_value::<Jwk>(key).map_err(|_| KeyError::Malformed);
        let found = jwk.and_then(Jwk::verification_key);
        assert_eq!(found.map(|key| key.public.len()), expected);
    }

    #[test]
    fn purpose_algorithm_and_size_must_fit() {
        let good = || rsa(N_2048, &[1, 0, 1]);
        check(good(), Ok(6));
        check(with(good(), "alg", json!("RS256")), Ok(1));
        check(
            with(good(), "alg", json!("ES256")),
            Err(KeyError::Algorithm),
        );
        check(
            with(good(), "alg", json!("RSA-OAEP")),
            Err(KeyError::Algorithm),
        );
        check(with(good(), "use", json!("sig")), Ok(6));
        check(with(good(), "use", json!("enc")), Err(KeyError::Purpose));
        check(with(good(), "key_ops", json!(["verify"])), Ok(6));
        check(
            with(good(), "key_ops", json!(["encrypt"])),
            Err(KeyError::Purpose),
        );
        check(with(good(), "key_ops", json!([])), Err(KeyError::Purpose));
        check(with(good(), "kty", json!("oct")), Err(KeyError::Kind));
        check(with(good(), "e", json!("!")), Err(KeyError::Malformed));
        check(with(good(), "n", Value::Null), Err(KeyError::Malformed));
        check(rsa(N_2048 - 1, &[1, 0, 1]), Err(KeyError::Size));
        check(rsa(1024, &[1, 0, 1]), Ok(6));
        check(rsa(1025, &[1, 0, 1]), Err(KeyError::Size));
        check(rsa(N_2048, &[3]), Ok(6));
        check(rsa(N_2048, &[1]), Err(KeyError::Size));
        check(rsa(N_2048, &[1, 0, 0]), Err(KeyError::Size));
        check(rsa(N_2048, &[1, 0, 0, 0, 1]), Err(KeyError::Size));
    }

    #[test]
    fn curves_have_one_algorithm_and_one_length() {
        let coordinate = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![7; bytes]);
        let point = |curve: &str, bytes: usize| json!({"kty": "EC", "crv": curve, "x": coordinate(bytes), "y": coordinate(bytes)});
        check(Key::P256.jwk(), Ok(1));
        check(Key::P384.jwk(), Ok(1));
        check(point("P-256", 31), Err(KeyError::Size));
        check(point("P-256", 48), Err(KeyError::Size));
        check(point("P-521", 66), Err(KeyError::Kind));
        check(point("secp256k1", 32), Err(KeyError::Kind));
        let octets =
            |curve: &str, bytes: usize| json!({"kty": "OKP", "crv": curve, "x": coordinate(bytes)});
        check(Key::Ed25519.jwk(), Ok(1));
        check(with(Key::Ed25519.jwk(), "alg", json!("Ed25519")), Ok(1));
        check(octets("Ed25519", 33), Err(KeyError::Size));
        check(octets("X25519", 32), Err(KeyError::Kind));
        check(
            json!({"kty": "EC", "crv": "P-256", "x": coordinate(32)}),
            Err(KeyError::Malformed),
        );
    }

    #[test]
    fn points_lie_on_their_curve_and_have_a_large_order() {
        let zero = |bytes: usize| json!(URL_SAFE_NO_PAD.encode(vec![0; bytes]));
        for (key, bytes) in [(Key::P256, 32), (Key::P384, 48)] {
            check(with(key.jwk(), "y", zero(bytes)), Err(KeyError::Point));
            check(with(key.jwk(), "x", zero(bytes)), Err(KeyError::Point));
            let y = key.jwk()["y"].clone();
            check(with(key.jwk(), "x", y), Err(KeyError::Point));
        }
        for point in ED25519_SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point: Vec<_> = (0..64)
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&point[at..at + 2], 16).unwrap())
                    .collect();
                point[31] |= sign;
                let x = json!(URL_SAFE_NO_PAD.encode(point));
                check(with(Key::Ed25519.jwk(), "x", x), Err(KeyError::Point));
            }
        }
    }

    #[test]
    fn one_bad_key_does_not_cost_the_others() {
        let keys = json!({"keys": [{"kty": 1}, "text", with(rsa(N_2048, &[1]), "kid", json!("tiny")), rsa(N_2048, &[3])]});
        let set = KeySet::parse(keys.to_string().as_bytes()).unwrap();
        assert!(matches!(
            set.select(Some("1"), Algorithm::Rs256),
            Selection::Key(_)
        ));
        assert_eq!(set.skipped.len(), 3);
        assert_eq!(set.skipped[2].id.as_deref(), Some("tiny"));
    }

    #[test]
    fn keys_are_chosen_by_id_or_because_only_one_fits() {
        let named = |id: &str, algorithm: &str| {
            with(
                with(rsa(N_2048, &[3]), "kid", json!(id)),
                "alg",
                json!(algorithm),
            )
        };
        let keys = json!({"keys": [named("a", "RS256"), named("b", "PS256"), named("c", "RS384"), named("d", "RS384"), named("e", "RS512"), named("e", "RS512")]});
        let set = KeySet::parse(keys.to_string().as_bytes()).unwrap();
        let select = |id, algorithm| match set.select(id, algorithm) {
            Selection::Key(key) => key.id.as_deref().unwrap().to_owned(),
            Selection::Unfit => "unfit".to_owned(),
            Selection::Ambiguous => "ambiguous".to_owned(),
            Selection::Unknown => "unknown".to_owned(),
        };
        assert_eq!(select(Some("a"), Algorithm::Rs256), "a");
        assert_eq!(select(Some("a"), Algorithm::Ps256), "unfit");
        assert_eq!(select(Some("z"), Algorithm::Rs256), "unknown");
        assert_eq!(select(Some("e"), Algorithm::Rs512), "unknown");
        assert_eq!(select(None, Algorithm::Ps256), "b");
        assert_eq!(select(None, Algorithm::Rs384), "ambiguous");
        assert_eq!(select(None, Algorithm::Es256), "unknown");
    }

    #[test]
    fn a_key_that_names_no_algorithm_has_the_first_accepted_one() {
        let document = json!({"keys": [rsa(N_2048, &[3])]}).to_string();
        let used = |accepted: &[Algorithm]| {
            let set = KeySet::parse(document.as_bytes()).unwrap();
            let set = set.with_one_algorithm_each(accepted);
            let fits =
                |algorithm: &Algorithm| matches!(set.select(None, *algorithm), Selection::Key(_));
            Algorithm::ALL.into_iter().filter(fits).collect::<Vec<_>>()
        };
        let (rs256, ps256, es256) = (Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256);
        assert_eq!(used(&Algorithm::ALL), [rs256]);
        assert_eq!(used(&[es256, ps256, rs256]), [ps256]);
        // No token of this issuer gets as far as its keys with another one.
        assert_eq!(used(&[es256]), Algorithm::RSA);
    }

    /// Without a `kid` a key that is for another algorithm is none at all: a fitting one may have been published since.
    #[test]
    fn a_key_that_names_no_algorithm_is_unfit_for_others_by_name_and_unknown_without() {
        let document = json!({"keys": [rsa(N_2048, &[3])]}).to_string();
        let set = KeySet::parse(document.as_bytes()).unwrap();
        let set = set.with_one_algorithm_each(&Algorithm::ALL);
        let check = |id: Option<&str>, algorithm: Algorithm, expected: &str| {
            let found = match set.select(id, algorithm) {
                Selection::Key(_) => "key",
                Selection::Unfit => "unfit",
                Selection::Ambiguous => "ambiguous",
                Selection::Unknown => "unknown",
            };
            assert_eq!(found, expected, "{id:?} {algorithm:?}");
        };
        for other in [Algorithm::Rs384, Algorithm::Ps256, Algorithm::Es256] {
            check(Some("1"), other, "unfit");
            check(None, other, "unknown");
        }
        check(Some("1"), Algorithm::Rs256, "key");
        check(None, Algorithm::Rs256, "key");
    }

    #[test]
    fn a_key_that_says_something_twice_is_skipped_and_does_not_cost_the_others() {
        let twice = |member: &str| {
            let key = with(rsa(N_2048, &[3]), "kid", json!("twice")).to_string();
            format!("{}, {member}}}", key.strip_suffix('}').unwrap())
        };
        let good = rsa(N_2048, &[3]);
        for (member, id) in [
            (r#""alg": "RS256", "alg": "PS256""#, Some("twice")),
            (r#""kty": "RSA""#, Some("twice")),
            (r#""k\u0069d": "other""#, None),
            (r#""x-note": {"a": 1, "a": 2}"#, Some("twice")),
        ] {
            let document = format!(r#"{{"keys": [{}, {good}]}}"#, twice(member));
            let set = KeySet::parse(document.as_bytes()).unwrap();
            let id = id.map(str::to_owned);
            let reason = KeyError::Json;
            assert_eq!(set.skipped, [SkippedKey { id, reason }], "{member}");
            assert_eq!(set.keys.len(), 1, "{member}");
        }
        let document = format!(r#"{{"keys": [{}]}}"#, twice(r#""alg": "RS256""#));
        assert_eq!(KeySet::parse(document.as_bytes()).unwrap().keys.len(), 1);
    }

    #[test]
    fn a_document_without_usable_keys_is_an_error() {
        let refused = |text: &str| KeySet::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused("<html>"), "not a JSON Web Key Set");
        assert_eq!(refused("{}"), "not a JSON Web Key Set");
        assert_eq!(
            refused(r#"{"keys": [], "keys": []}"#),
            "not a JSON Web Key Set"
        );
        assert_eq!(
            refused(r#"{"keys": [{"kty": "oct"}]}"#),
            "the key set has no usable key"
        );
        assert!(KeySet::parse(br#"{"keys": []}"#).is_ok());
        let many = json!({"keys": vec![json!({}); MAX_KEYS + 1]}).to_string();
        assert_eq!(refused(&many), "the key set has 101 keys, more than 100");
    }
}
