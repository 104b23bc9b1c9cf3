//! Hundreds of attack tokens, and their neighbours that are right, through the library and through the
//! running binary. The table itself lies in `support/attacks`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "test code"
)]
#![allow(clippy::too_many_lines, reason = "a table is as long as it is")]

#[path = "support/attacks/mod.rs"]
mod attacks;
#[path = "support/runtime.rs"]
mod runtime;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use authorizer::{Authorizer, Config, HandleError};
use serde_json::{Value, json};

async fn authorizer(access: &Path) -> Authorizer {
    let access = access.to_str().unwrap().to_owned();
    let config = Config::load(move |name| {
        let mut variables = attacks::VARIABLES.into_iter();
        let found = variables.find(|(variable, _)| *variable == name);
        let access = (name == "ACCESS_FILE").then(|| access.clone());
        access.or(found.map(|(_, value)| value.to_owned()))
    });
    Authorizer::start(config.unwrap()).await.unwrap()
}

/// The decision's log line.
fn decision(lines: &[String]) -> Value {
    let lines = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut decisions = lines.filter(|line| line["event"] == "decision");
    decisions.next().unwrap()
}

fn effect(answer: &Value) -> &Value {
    &answer["policyDocument"]["Statement"][0]["Effect"]
}

#[test]
fn every_attack_has_a_name_of_its_own() {
    let cases = attacks::all();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 500, "{}", cases.len());
}

#[tokio::test]
async fn unusable_keys_of_a_file_are_logged_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(&attacks::issuers::write(folder.path())).await;
    let lines = authorizer.log.iter();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let skipped: Vec<_> = lines
        .filter(|line| line["event"] == "key_skipped")
        .collect();
    assert!(skipped.len() > 10, "{skipped:?}");
    let issuers = skipped.iter().map(|line| line["issuer"].as_str().unwrap());
    assert!(
        issuers
            .into_iter()
            .all(|issuer| issuer == "https://weak.example")
    );
}

#[tokio::test]
async fn every_attack_is_refused_for_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(&attacks::issuers::write(folder.path())).await;
    let mut wrong = Vec::new();
    for case in attacks::all() {
        let outcome = authorizer
            .handle(&case.event.to_string(), "request-1")
            .await;
        let answer = outcome.answer.map(|answer| answer.value());
        let answer = answer.map_err(|error| error.to_string());
        let line = decision(&outcome.log);
        if answer != Err("Unauthorized".to_owned())
            || line["reason"] != case.reason
            || line["decision"] != "refuse"
        {
            wrong.push(format!(
                "{}: {} instead of {}: {answer:?}",
                case.name, line["reason"], case.reason
            ));
        }
        let log = outcome.log.concat();
        assert!(!log.contains("eyJ") && !log.contains("user-1"), "{log}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn tokens_that_are_right_are_answered_with_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(&attacks::issuers::write(folder.path())).await;
    for (name, event) in attacks::good() {
        let outcome = authorizer.handle(&event.to_string(), "request-1").await;
        let answer = outcome
            .answer
            .map_or_else(|_| json!({}), |answer| answer.value());
        assert_eq!(effect(&answer), "Allow", "{name}: {:?}", outcome.log);
    }
}

/// Pieces of the events above are removed, doubled and swapped: whatever comes of it, the answer is a policy,
/// `Unauthorized`, or that it is no event, and never an outage.
#[tokio::test]
async fn broken_events_are_answered_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(&attacks::issuers::write(folder.path())).await;
    let attacks = attacks::all().into_iter().map(|case| case.event);
    let good = attacks::good().into_iter().map(|(_, event)| event);
    let events: Vec<Vec<char>> = attacks
        .chain(good)
        .map(|event| event.to_string().chars().collect())
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % limit
    };
    for _ in 0..10_000 {
        let mut event = events[below(events.len())].clone();
        let (start, other) = (below(event.len()), below(event.len()));
        let end = (start + 1 + below(8)).min(event.len());
        match below(3) {
            0 => drop(event.drain(start..end)),
            1 => event
                .splice(other..other, event[start..end].to_vec())
                .for_each(drop),
            _ => event.swap(start, other),
        }
        let event: String = event.into_iter().collect();
        match authorizer.handle(&event, "request-1").await.answer {
            Ok(answer) => assert!(effect(&answer.value()).is_string(), "{event}"),
            Err(HandleError::Unauthorized | HandleError::Event(_)) => {}
            Err(error @ (HandleError::Unavailable(_) | HandleError::Answer(_))) => {
                panic!("{error}: {event}")
            }
        }
    }
}

/// The checks that are told are those that were made: they end where the answer comes from.
#[tokio::test]
async fn every_refusal_is_explained_by_the_check_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let authorizer = authorizer(&attacks::issuers::write(folder.path())).await;
    for case in attacks::all() {
        let told = authorizer.explain(&case.event.to_string()).await.unwrap();
        assert_eq!(
            (told.decision, told.reason),
            ("refuse", case.reason),
            "{}",
            case.name
        );
        let (last, earlier) = told.checks.split_last().unwrap();
        assert!(!last.passed, "{}: {:?}", case.name, told.checks);
        assert!(earlier.iter().all(|step| step.passed), "{}", case.name);
        let text = serde_json::to_string(&told).unwrap();
        assert!(!text.contains("eyJ"), "{}: {text}", case.name);
    }
    for (name, event) in attacks::good() {
        let told = authorizer.explain(&event.to_string()).await.unwrap();
        assert_eq!(told.decision, "allow", "{name}");
        assert!(told.checks.iter().all(|step| step.passed), "{name}");
        assert_eq!(effect(&told.answer.unwrap()), "Allow", "{name}");
    }
}

/// The same through process, runtime and HTTP: what API Gateway sees is one word.
#[tokio::test]
async fn the_running_binary_answers_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (cases, good) = (attacks::all(), attacks::good());
    // The good ones stand last: the process has lived through all attacks.
    let events = cases.iter().map(|case| &case.event);
    let events: Vec<_> = events
        .chain(good.iter().map(|(_, event)| event))
        .map(ToString::to_string)
        .collect();
    let start = runtime::Start {
        access: &attacks::issuers::write(folder.path()),
        log: &log,
        authorities: None,
    };
    let answers = runtime::run(&events, &start).await;
    let reasons = logged_reasons(&log);
    for (number, case) in cases.iter().enumerate() {
        let error = answers[&number].as_ref().expect_err(&case.name);
        assert_eq!(error["errorMessage"], "Unauthorized", "{}", case.name);
        assert_eq!(
            reasons[&format!("request-{number}")],
            case.reason,
            "{}",
            case.name
        );
    }
    for (number, (name, _)) in (cases.len()..).zip(&good) {
        let answer = answers[&number].as_ref().expect(name);
        assert_eq!(effect(answer), "Allow", "{name}");
    }
}

/// A proof is used up by the request that it was good for, and by none that was refused.
#[tokio::test]
async fn a_proof_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let access = attacks::issuers::write(folder.path());
    let event = attacks::proofs::honest_request();
    let mut other = event.clone();
    other["httpMethod"] = json!("GET");
    let (event, other) = (event.to_string(), other.to_string());
    let library = authorizer(&access).await;
    let mut reasons = Vec::new();
    for event in [&other, &event, &event, &other] {
        let outcome = library.handle(event, "request-1").await;
        reasons.push(decision(&outcome.log)["reason"].clone());
    }
    assert_eq!(
        reasons,
        ["proof_method", "allowed", "proof_replayed", "proof_method"]
    );
    let log = folder.path().join("log");
    let start = runtime::Start {
        access: &access,
        log: &log,
        authorities: None,
    };
    let answers = runtime::run(&[event.clone(), event], &start).await;
    assert_eq!(effect(answers[&0].as_ref().unwrap()), "Allow");
    assert_eq!(
        answers[&1].as_ref().unwrap_err()["errorMessage"],
        "Unauthorized"
    );
    assert_eq!(logged_reasons(&log)["request-1"], "proof_replayed");
}

/// Request id to reason, from what the process has printed.
fn logged_reasons(log: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let decisions = lines.filter(|line| line["event"] == "decision");
    let member = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    decisions
        .map(|line| (member(&line, "request_id"), member(&line, "reason")))
        .collect()
}
