//! Tokens for the comparison: honest ones with none to three things changed. The same on every run.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::signature;
use crate::support::{self, AUDIENCE, ISSUER, Key};
use crate::words::{CLAIM_NAMES, EDGES, HEADER_NAMES, TELLING, VALUES};

/// The time at which all tokens are looked at.
pub(crate) const NOW: u64 = 1_800_000_000;
/// The tolerance of all who look.
pub(crate) const LEEWAY: u64 = 30;

/// A token, what was done to it, and the key set it is looked at with.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) changes: Vec<String>,
    pub(crate) token: String,
    pub(crate) keys: usize,
}

/// A small generator of the family of Marsaglia's xorshift.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Members of an object, by name and JSON text: a name may come twice, and a text may be no JSON.
type Members = Vec<(String, String)>;

/// A token before it is signed.
struct Draft {
    changes: Vec<String>,
    signer: (Key, &'static str),
    header: Members,
    claims: Members,
    /// What is done to the text of header or claims, to the signature, and to the compact form.
    text: Option<(bool, TextChange)>,
    signature: Option<signature::Change>,
    compact: Option<fn(&mut Random, &str) -> String>,
    keys: usize,
}

type TextChange = fn(&[u8]) -> Vec<u8>;

/// The key sets that tokens are looked at with: as published, without ids, with a second key on P-256 without
/// ids, with algorithms named, with purposes other than signatures, and with one id twice.
pub(crate) fn sets() -> Vec<Value> {
    let each = |change: fn(Value) -> Value| -> Value {
        json!({"keys": Key::PUBLISHED.map(|key| change(key.jwk()))})
    };
    let without_id = |key| support::with(key, "kid", json!(null));
    let mut two = each(without_id);
    let keys = two["keys"].as_array_mut().unwrap();
    keys.push(without_id(Key::Other.jwk()));
    let named = json!({"keys": [
        support::with(Key::Rsa.jwk(), "alg", json!("PS256")),
        support::with(Key::P256.jwk(), "alg", json!("ES256")),
        support::with(Key::P384.jwk(), "alg", json!("ES384")),
        support::with(Key::Ed25519.jwk(), "alg", json!("EdDSA")),
    ]});
    let purposes = json!({"keys": [
        support::with(Key::Rsa.jwk(), "use", json!("enc")),
        support::with(Key::P256.jwk(), "key_ops", json!(["sign"])),
        support::with(Key::P384.jwk(), "key_ops", json!(["verify"])),
        support::with(Key::Ed25519.jwk(), "use", json!(null)),
    ]});
    let mut twice = support::key_set();
    let keys = twice["keys"].as_array_mut().unwrap();
    keys.push(support::with(Key::Other.jwk(), "kid", json!("p256")));
    vec![
        support::key_set(),
        each(without_id),
        two,
        named,
        purposes,
        twice,
    ]
}

pub(crate) fn case(random: &mut Random) -> Case {
    let mut draft = Draft::honest(random);
    for _ in 0..random.below(4) {
        draft.change(random);
    }
    draft.finish(random)
}

impl Draft {
    fn honest(random: &mut Random) -> Self {
        let signer = random.of(&[
            (Key::P256, "ES256"),
            (Key::P256, "ES256"),
            (Key::P256, "ES256"),
            (Key::P384, "ES384"),
            (Key::Ed25519, "EdDSA"),
            (Key::P384, "ES384"),
            (Key::Ed25519, "EdDSA"),
            (Key::Ed25519, "EdDSA"),
            (Key::Rsa, "RS256"),
            (Key::Rsa, "PS384"),
        ]);
        let text = |name: &str, value: &str| (name.to_owned(), json!(value).to_string());
        let number = |name: &str, value: u64| (name.to_owned(), value.to_string());
        Self {
            changes: vec![signer.1.to_owned()],
            signer,
            header: vec![
                text("alg", signer.1),
                text("typ", "at+jwt"),
                text("kid", signer.0.id()),
            ],
            claims: vec![
                text("iss", ISSUER),
                text("aud", AUDIENCE),
                text("sub", "user-1"),
                text("client_id", "web"),
                text("jti", "1"),
                text("scope", "predict"),
                number("iat", NOW - 60),
                number("exp", NOW + 600),
            ],
            text: None,
            signature: None,
            compact: None,
            keys: 0,
        }
    }

    fn change(&mut self, random: &mut Random) {
        match random.below(15) {
            0 | 1 => set(&mut self.changes, &mut self.header, random, &HEADER_NAMES),
            2..=4 => set(&mut self.changes, &mut self.claims, random, &CLAIM_NAMES),
            5 => remove(&mut self.changes, &mut self.header, random),
            6 => remove(&mut self.changes, &mut self.claims, random),
            7..=9 => self.move_time(random),
            10 => {
                let (name, change) = random.of(&TEXT_CHANGES);
                let of_header = random.below(2) == 0;
                self.changes.push(format!("{name}, header: {of_header}"));
                self.text = Some((of_header, change));
            }
            11 => {
                let (name, change) = random.of(&COMPACT_CHANGES);
                self.changes.push(name.to_owned());
                self.compact = Some(change);
            }
            12 => {
                let (name, value) = random.of(&TELLING);
                self.changes.push(format!("{name}: {value}"));
                self.claims.retain(|(other, _)| other != name);
                self.claims.push((name.to_owned(), value.to_owned()));
            }
            13 => {
                let (name, change) = random.of(&signature::CHANGES);
                self.changes.push(name.to_owned());
                self.signature = Some(change);
            }
            _ => {
                self.keys = 1 + random.below(5);
                self.changes.push(format!("key set {}", self.keys));
                if random.below(3) == 0 {
                    self.header.retain(|(name, _)| name != "kid");
                }
                if random.below(4) == 0 {
                    self.signer = (Key::Other, "ES256");
                    self.changes.push("another key".to_owned());
                }
            }
        }
    }

    fn move_time(&mut self, random: &mut Random) {
        let name = random.of(&["exp", "nbf", "iat"]);
        let at = NOW.checked_add_signed(random.of(&EDGES)).unwrap();
        let fraction = random.of(&["", "", ".0", ".5", ".5", "e0"]);
        self.changes.push(format!("{name} {at}{fraction}"));
        self.claims.retain(|(other, _)| other != name);
        self.claims
            .push((name.to_owned(), format!("{at}{fraction}")));
    }

    fn finish(self, random: &mut Random) -> Case {
        let mut texts = [written(&self.header), written(&self.claims)];
        if let Some((of_header, change)) = self.text {
            let text = &mut texts[usize::from(!of_header)];
            *text = change(text);
        }
        let signed = texts.map(|text| URL_SAFE_NO_PAD.encode(text)).join(".");
        let (key, algorithm) = self.signer;
        let mut token = support::sign_text(key, algorithm, &signed);
        if let Some(change) = self.signature {
            let bytes = URL_SAFE_NO_PAD.decode(&token[signed.len() + 1..]).unwrap();
            let bytes = change(random, bytes);
            token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
        }
        if let Some(change) = self.compact {
            token = change(random, &token);
        }
        Case {
            changes: self.changes,
            token,
            keys: self.keys,
        }
    }
}

fn written(members: &Members) -> Vec<u8> {
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes()
}

/// Sets a member in its place, or adds it at the end: then it may be there twice.
fn set(changes: &mut Vec<String>, members: &mut Members, random: &mut Random, names: &[&str]) {
    let (name, value) = (random.of(names), random.of(&VALUES));
    let twice = random.below(4) == 0;
    changes.push(format!("{name}: {value}, added: {twice}"));
    match members.iter_mut().find(|(other, _)| other == name) {
        Some(member) if !twice => value.clone_into(&mut member.1),
        Some(_) | None => members.push((name.to_owned(), value.to_owned())),
    }
}

fn remove(changes: &mut Vec<String>, members: &mut Members, random: &mut Random) {
    if !members.is_empty() {
        let (name, _) = members.remove(random.below(members.len()));
        changes.push(format!("without {name}"));
    }
}

const TEXT_CHANGES: [(&str, TextChange); 9] = [
    ("byte order mark", |text| [b"\xef\xbb\xbf", text].concat()),
    ("white space around", |text| {
        [b" \r\n\t", text, b"\n"].concat()
    }),
    ("other space around", |text| {
        ["\u{a0}".as_bytes(), text].concat()
    }),
    ("something behind", |text| [text, b"{}"].concat()),
    ("in a list", |text| [b"[", text, b"]"].concat()),
    ("not UTF-8", |text| {
        [b"{\"x\":\"\xff\",", &text[1..]].concat()
    }),
    ("trailing comma", |text| {
        [&text[..text.len() - 1], b",}"].concat()
    }),
    ("nested 100 deep", |text| nested(text, 100)),
    ("nested 200 deep", |text| nested(text, 200)),
];

fn nested(text: &[u8], depth: usize) -> Vec<u8> {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let member = format!("{{\"x\":{open}{close},");
    [member.as_bytes(), &text[1..]].concat()
}

type CompactChange = fn(&mut Random, &str) -> String;

const COMPACT_CHANGES: [(&str, CompactChange); 13] = [
    ("padding at the end", |_, token| format!("{token}==")),
    ("padding in each part", |_, token| {
        format!("{}=", token.replace('.', "=."))
    }),
    ("other alphabet", |_, token| {
        token.replace('-', "+").replace('_', "/")
    }),
    ("a dot behind", |_, token| format!("{token}.")),
    ("a dot before", |_, token| format!(".{token}")),
    ("two more parts", |_, token| format!("{token}.e30.e30")),
    ("without the last part", |_, token| {
        token.rsplit_once('.').unwrap().0.to_owned()
    }),
    ("trailing bits", |_, token| {
        // The next letter differs in the last bit, which no byte of most signatures has a use for.
        let (rest, last) = token.split_at(token.len() - 1);
        let next = char::from(last.as_bytes()[0] + 1);
        format!("{rest}{next}")
    }),
    ("a space inside", |random, token| {
        inserted(random, token, " ")
    }),
    ("a line break inside", |random, token| {
        inserted(random, token, "\n")
    }),
    ("a letter of another script inside", |random, token| {
        inserted(random, token, "é")
    }),
    ("a letter inside", |random, token| {
        inserted(random, token, "A")
    }),
    ("a comma inside", |random, token| {
        inserted(random, token, ",")
    }),
];

fn inserted(random: &mut Random, token: &str, text: &str) -> String {
    // Neither first nor last: around a credential, white space means nothing.
    let (before, after) = token.split_at(1 + random.below(token.len() - 1));
    format!("{before}{text}{after}")
}
