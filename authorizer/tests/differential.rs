//! Thousands of generated tokens, looked at by the authorizer's own checks and by two others: jose's `jwtVerify`,
//! and oauth4webapi's `validateJwtAccessToken`, which follows RFC 9068. Every difference has a row here that
//! says why it is right, and every row has a difference.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

#[path = "differential/generate.rs"]
mod generate;
#[path = "../../tests/e2e/node.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the end-to-end tests"
)]
mod node;
#[path = "../../tests/e2e/setup.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the end-to-end tests"
)]
mod setup;
#[path = "differential/signature.rs"]
mod signature;
mod support;
#[path = "differential/words.rs"]
mod words;

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use authorizer::algorithm::Algorithm;
use authorizer::keys::{KeySet, Selection};
use authorizer::proof::Proofs;
use authorizer::token::{BearerToken, TokenError, UnverifiedToken};
use authorizer::verify::{Trust, verify};
use libtest_mimic::{Arguments, Completion, Trial};
use serde::Deserialize;
use serde_json::{Value, json};

use generate::{Case, LEEWAY, NOW, Random};
use support::{AUDIENCE, ISSUER};

const PART: &str = "peers";
const CASES: usize = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Jose,
    Oauth4webapi,
}

/// How a peer's answer differs from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference<'a> {
    /// We refuse for this reason what the peer accepts.
    Stricter(Peer, TokenError),
    /// We accept what the peer refuses with this message.
    Looser(Peer, &'a str),
}

const JOSE: &[Peer] = &[Peer::Jose];
const BOTH: &[Peer] = &[Peer::Jose, Peer::Oauth4webapi];

/// What we refuse although a peer accepts it, and why.
const STRICTER: [(TokenError, &[Peer], &str); 23] = [
    (
        TokenError::SeveralCredentials,
        JOSE,
        "white space ends a credential; jose skips it in base64url, against RFC 7515 section 2",
    ),
    (
        TokenError::Base64,
        BOTH,
        "a token has one form: they take padding, the other alphabet or trailing bits",
    ),
    (
        TokenError::Json,
        BOTH,
        "two parsers may read duplicate members differently: they take the last; and they skip a byte order mark, and have no bound for depth or numbers",
    ),
    (
        TokenError::CriticalHeader,
        BOTH,
        "`b64` without `crit` breaks RFC 7797 section 6, and they skip it; jose takes `b64` that it understands",
    ),
    (
        TokenError::Claim("typ"),
        BOTH,
        "a `typ` that is no name says nothing of the token's kind; of the claim they know nothing, and jose was told no header type",
    ),
    (
        TokenError::HeaderType,
        JOSE,
        "jose takes one type or any, and was told none",
    ),
    (
        TokenError::Claim("aud"),
        BOTH,
        "a list with something other than names in it is mistyped; they look for the name alone",
    ),
    (
        TokenError::Claim("exp"),
        BOTH,
        "a date after the year 9999 has no form in a policy's condition",
    ),
    (
        TokenError::Claim("nbf"),
        BOTH,
        "a date before 1970 or after the year 9999 is no date of a token",
    ),
    (
        TokenError::Claim("iat"),
        BOTH,
        "a date before 1970 or after the year 9999 is no date of a token",
    ),
    (
        TokenError::Expired,
        BOTH,
        "fractions of seconds are cut off, so that `exp` comes earlier",
    ),
    (
        TokenError::NotYetValid,
        BOTH,
        "a token of the future is wrong, whatever its clock; they look at `iat` where there is a maximum age at most",
    ),
    (
        TokenError::NotAccessToken,
        BOTH,
        "ID, refresh and logout tokens are told by their claims as well, not by the header's type alone",
    ),
    (
        TokenError::Bound,
        BOTH,
        "a bound token needs its proof; jose knows no `cnf`, and oauth4webapi asks for a proof only where `jkt` is in it",
    ),
    (
        TokenError::Claim("sub"),
        BOTH,
        "a name enters policy, context and log: not empty, and text; oauth4webapi asks for text alone",
    ),
    (
        TokenError::Claim("client_id"),
        BOTH,
        "a name enters context and log: not empty, and text; oauth4webapi asks for text alone",
    ),
    (
        TokenError::Claim("azp"),
        BOTH,
        "a name enters context and log; they do not look at it",
    ),
    (
        TokenError::Claim("scope"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
    (
        TokenError::Claim("scp"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
    (
        TokenError::Claim("roles"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
    (
        TokenError::Claim("permissions"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
    (
        TokenError::Claim("realm_access"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
    (
        TokenError::Claim("resource_access"),
        BOTH,
        "half a grant is none; they leave grants to their callers",
    ),
];

/// What we accept although a peer refuses it, and why. There is nothing that both refuse: jose checks what RFC 7519
/// requires, and oauth4webapi what RFC 9068 adds, which many issuers do not follow.
const LOOSER: [(Peer, &str, &str); 6] = [
    (
        Peer::Oauth4webapi,
        "unexpected JWT \"typ\" header parameter value",
        "`JWT` and no type are usual outside RFC 9068; `token_types` is for issuers that follow it",
    ),
    (
        Peer::Oauth4webapi,
        "JWT \"iat\" (issued at) claim missing",
        "required where `max_age` needs it",
    ),
    (
        Peer::Oauth4webapi,
        "JWT \"jti\" (jwt id) claim missing",
        "nothing here depends on it",
    ),
    (
        Peer::Oauth4webapi,
        "unexpected JWT \"jti\" claim type",
        "nothing here depends on it",
    ),
    (
        Peer::Oauth4webapi,
        "JWT \"sub\" (subject) claim missing",
        "tokens of clients may name the client alone",
    ),
    (
        Peer::Oauth4webapi,
        "JWT \"client_id\" (client id) claim missing",
        "many issuers name the client in `azp`, or not at all",
    ),
];

/// The peers' answers: the message of an error, or none for a token that is accepted.
#[derive(Debug, Deserialize)]
struct Answers {
    jose: Option<String>,
    oauth4webapi: Option<String>,
}

fn main() {
    let name = "differences_to_other_implementations_are_explained";
    let trial = Trial::ignorable_test(name, || {
        if setup::part(PART).is_some() {
            compare().map_err(|error| format!("{error:#}"))?;
            return Ok(Completion::Completed);
        }
        let missing = format!("`{PART}` is not installed");
        if setup::in_ci() {
            Err(missing.into())
        } else {
            Ok(Completion::ignored_with(missing))
        }
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

fn compare() -> Result<()> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let cases: Vec<_> = (0..CASES).map(|_| generate::case(&mut random)).collect();
    let sets = generate::sets();
    let peers = answers(&cases, &sets)?;
    let sets = sets
        .iter()
        .map(|set| KeySet::parse(set.to_string().as_bytes()));
    let sets: Vec<_> = sets.collect::<Result<_, _>>()?;

    let explained = explained();
    let mut used = vec![false; explained.len()];
    let mut wrong = Vec::new();
    let mut accepted_by_all = 0;
    for (case, peers) in cases.iter().zip(&peers) {
        let own = accepted(case, &sets);
        let found = differences(own, peers);
        accepted_by_all += usize::from(own.is_ok() && found.is_empty());
        if own.is_ok() && found.len() == 2 {
            wrong.push(format!(
                "both refuse what is accepted: {found:?} after {:?}: {case:?}",
                case.changes
            ));
        }
        for difference in found {
            match explained.iter().position(|row| *row == difference) {
                Some(row) => used[row] = true,
                None => wrong.push(format!("not explained: {difference:?} {case:?}")),
            }
        }
    }
    let unused = explained.iter().zip(used).filter(|(_, used)| !used);
    wrong.extend(unused.map(|(row, _)| format!("explains nothing: {row:?}")));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A table of refusals alone would pass with everything refused.
    ensure!(
        (CASES / 4..CASES * 3 / 4).contains(&accepted_by_all),
        "{accepted_by_all} of {CASES} are accepted by all three"
    );
    Ok(())
}

/// The rows of both tables, one for each peer.
fn explained() -> Vec<Difference<'static>> {
    let stricter = STRICTER.iter().flat_map(|(reason, peers, _)| {
        let row = |peer: &Peer| Difference::Stricter(*peer, *reason);
        peers.iter().map(row)
    });
    let looser = LOOSER
        .iter()
        .map(|(peer, message, _)| Difference::Looser(*peer, message));
    stricter.chain(looser).collect()
}

fn differences(own: Result<(), TokenError>, answers: &Answers) -> Vec<Difference<'_>> {
    let peers = [
        (Peer::Jose, answers.jose.as_deref()),
        (Peer::Oauth4webapi, answers.oauth4webapi.as_deref()),
    ];
    let difference = |(peer, refused)| match (own, refused) {
        (Ok(()), Some(message)) => Some(Difference::Looser(peer, message)),
        (Err(reason), None) => Some(Difference::Stricter(peer, reason)),
        (Ok(()), None) | (Err(_), Some(_)) => None,
    };
    peers.into_iter().filter_map(difference).collect()
}

/// What the authorizer says of a token, with the time as an argument.
fn accepted(case: &Case, sets: &[KeySet]) -> Result<(), TokenError> {
    let trust = Trust {
        profile: authorizer::profile::Profile::Generic,
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: Algorithm::ALL.to_vec(),
        clients: None,
        token_types: None,
        leeway: Duration::from_secs(LEEWAY),
        max_age: None,
        proofs: Proofs::default(),
    };
    let credential = format!("Bearer {}", case.token);
    let token = UnverifiedToken::parse(BearerToken::from_header(&credential)?)?;
    trust.check_header(&token.header)?;
    let id = token.header.key_id();
    match sets[case.keys].select(id, token.header.algorithm) {
        Selection::Key(key) => {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
            verify(token, key, &trust, now).map(|_| ())
        }
        Selection::Unfit => Err(TokenError::KeyAlgorithm),
        Selection::Ambiguous => Err(TokenError::KeyAmbiguous),
        Selection::Unknown => Err(TokenError::Key),
    }
}

/// What the peers say of all tokens, in one run of Node.
fn answers(cases: &[Case], sets: &[Value]) -> Result<Vec<Answers>> {
    let cases: Vec<_> = cases
        .iter()
        .map(|case| json!({"token": case.token, "keys": case.keys}))
        .collect();
    let input = json!({
        "now": NOW,
        "leeway": LEEWAY,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithms": Algorithm::ALL.map(Algorithm::name),
        "sets": sets,
        "cases": cases,
    });
    let mut script = node::script(PART, "peers/verify.mjs")?;
    let streams = script.command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = streams.spawn()?;
    let mut stdin = process.stdin.take().context("no standard input")?;
    stdin.write_all(input.to_string().as_bytes())?;
    drop(stdin); // Its end is what the script waits for.
    let output = process.wait_with_output()?;
    ensure!(output.status.success(), "verify.mjs failed");
    let answers: Vec<Answers> = serde_json::from_slice(&output.stdout)?;
    ensure!(answers.len() == cases.len(), "answers are missing");
    Ok(answers)
}
