//! Denylists in S3 and DynamoDB, and used proofs in DynamoDB, against MiniStack, an AWS emulator that is installed by `tests/parts/ministack.sh`.
//! Where it is not, the tests are skipped, with `CI=true` they fail. It checks no signatures: those are compared
//! with a second implementation beside the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "test code"
)]

#[allow(
    dead_code,
    unused_imports,
    clippy::too_many_lines,
    reason = "one request of the table is used"
)]
#[path = "support/attacks/mod.rs"]
mod attacks;
#[path = "support/ministack.rs"]
mod ministack;
mod support;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use authorizer::{Authorizer, Config, HandleError, Outage};
use ministack::Ministack;
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, good_claims, key_set, token, with};

impl Ministack {
    async fn dynamodb(&self, operation: &str, body: Value) {
        let request = self.client.post(&self.url);
        let request = request
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0");
        let reply = request.body(body.to_string()).send().await.unwrap();
        let status = reply.status();
        assert!(status.is_success(), "{status}: {:?}", reply.text().await);
    }

    async fn create_table(&self, name: &str) {
        let table = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        });
        self.dynamodb("CreateTable", table).await;
    }

    async fn put_item(&self, item: Value) {
        let item = json!({"TableName": "revoked", "Item": item});
        self.dynamodb("PutItem", item).await;
    }

    async fn authorizer(&self, denylist: &str) -> Authorizer {
        let keys = self.folder.path().join("jwks.json");
        std::fs::write(&keys, key_set().to_string()).unwrap();
        let access = self.folder.path().join("access.yaml");
        let text = format!(
            "issuers: [{{issuer: '{ISSUER}', audience: {AUDIENCE}, jwks: {{file: '{}'}}}}]\n\
             rules: [{{allow: [POST /predict], require: {{scope: predict}}}}]\ndenylist: {denylist}\n",
            keys.display()
        );
        std::fs::write(&access, text).unwrap();
        self.start_with(&access).await
    }

    async fn start_with(&self, access: &Path) -> Authorizer {
        let (access, url) = (access.to_str().unwrap().to_owned(), self.url.clone());
        let config = Config::load(move |name| match name {
            "ACCESS_FILE" => Some(access.clone()),
            "AWS_ENDPOINT_URL" => Some(url.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AUTHORIZER_TTL" => Some("0".to_owned()),
            "PUBLIC_BASE_URL" => Some("https://api.example/v1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        });
        Authorizer::start(config.unwrap()).await.unwrap()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// `Ok` if the token opens the route, or the error of the invocation.
async fn outcome(authorizer: &Authorizer, claim: &str, value: Value) -> Result<(), String> {
    let token = token(&with(good_claims(now()), claim, value));
    let event = json!({"type": "TOKEN", "authorizationToken": format!("Bearer {token}"), "methodArn": "arn:aws:execute-api:r:1:a/b/POST/predict"});
    let outcome = authorizer.handle(&event.to_string(), "request-1").await;
    let log = outcome.log.concat();
    match outcome.answer {
        Ok(_) => Ok(()),
        Err(HandleError::Unauthorized) => {
            assert!(log.contains(r#""reason":"revoked""#), "{log}");
            Err("revoked".to_owned())
        }
        Err(HandleError::Unavailable(Outage::Denylist)) => Err(log),
        Err(error) => panic!("{error}"),
    }
}

fn revoked() -> Result<(), String> {
    Err("revoked".to_owned())
}

#[track_caller]
fn is_outage(outcome: Result<(), String>, part: &str) {
    let log = outcome.unwrap_err();
    assert!(
        log.contains("denylist_unavailable") && log.contains(part),
        "{log}"
    );
}

#[tokio::test]
async fn a_list_in_s3_is_fetched_at_start_and_again_when_there_was_none() {
    let Some(aws) = Ministack::start() else {
        return;
    };
    aws.put_object("bucket", "").await;
    let list = json!({"entries": [{"jti": "a"}]}).to_string();
    aws.put_object("bucket/lists/denylist.json", list).await;
    let authorizer = aws
        .authorizer("{s3: 's3://bucket/lists/denylist.json'}")
        .await;
    assert!(authorizer.log.concat().contains(r#""outcome":"renewed""#));
    assert_eq!(outcome(&authorizer, "jti", json!("a")).await, revoked());
    assert_eq!(outcome(&authorizer, "jti", json!("b")).await, Ok(()));
    // Within the interval nobody looks.
    aws.delete_object("bucket/lists/denylist.json").await;
    assert_eq!(outcome(&authorizer, "jti", json!("a")).await, revoked());

    let late = aws.authorizer("{s3: 's3://bucket/late.json'}").await;
    assert!(
        late.log.concat().contains("the answer has status 404"),
        "{:?}",
        late.log
    );
    is_outage(outcome(&late, "jti", json!("a")).await, "");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    is_outage(
        outcome(&late, "jti", json!("a")).await,
        "the answer has status 404",
    );
    aws.put_object(
        "bucket/late.json",
        r#"{"entries": [{"jit": "a"}]}"#.to_owned(),
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    is_outage(
        outcome(&late, "jti", json!("a")).await,
        "entry 1: `jit` is none of",
    );
    aws.put_object(
        "bucket/late.json",
        r#"{"entries": [{"jti": "a"}]}"#.to_owned(),
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(outcome(&late, "jti", json!("a")).await, revoked());
}

#[tokio::test]
async fn a_table_of_dynamodb_is_asked_about_each_token() {
    let Some(aws) = Ministack::start() else {
        return;
    };
    aws.create_table("revoked").await;
    let authorizer = aws.authorizer("{dynamodb: revoked}").await;
    let text = |text: &str| json!({"S": text});
    let time = |time: u64| json!({"N": time.to_string()});
    assert_eq!(outcome(&authorizer, "jti", json!("a")).await, Ok(()));
    aws.put_item(json!({"id": text("jti#a")})).await;
    assert_eq!(outcome(&authorizer, "jti", json!("a")).await, revoked());
    assert_eq!(outcome(&authorizer, "jti", json!("b")).await, Ok(()));
    aws.put_item(json!({"id": text("sid#s"), "issuer": text("https://other.example")}))
        .await;
    assert_eq!(outcome(&authorizer, "sid", json!("s")).await, Ok(()));
    aws.put_item(json!({"id": text("sid#s"), "issuer": text(ISSUER)}))
        .await;
    assert_eq!(outcome(&authorizer, "sid", json!("s")).await, revoked());
    aws.put_item(json!({"id": text("sub#user-1"), "issued_before": time(now() - 100)}))
        .await;
    assert_eq!(outcome(&authorizer, "iat", json!(now() - 90)).await, Ok(()));
    assert_eq!(
        outcome(&authorizer, "iat", json!(now() - 110)).await,
        revoked()
    );
    let all = format!("issued_before#{ISSUER}");
    aws.put_item(json!({"id": text(&all), "issued_before": time(now() - 50)}))
        .await;
    assert_eq!(
        outcome(&authorizer, "iat", json!(now() - 60)).await,
        revoked()
    );
    assert_eq!(outcome(&authorizer, "iat", json!(now() - 40)).await, Ok(()));
    assert_eq!(
        outcome(&authorizer, "jti", json!("x".repeat(3_000))).await,
        Ok(())
    );
    aws.put_item(json!({"id": text("issued_before#")})).await;
    let doubtful = outcome(&authorizer, "jti", json!("b")).await;
    is_outage(doubtful, "`issued_before#…` has no `issued_before`");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_an_outage() {
    let Some(aws) = Ministack::start() else {
        return;
    };
    let authorizer = aws.authorizer("{dynamodb: none}").await;
    let outcome = outcome(&authorizer, "jti", json!("a")).await;
    is_outage(outcome, "status 400 and `ResourceNotFoundException`");
}

/// Two authorizers are two sandboxes: neither has seen what the other has.
#[tokio::test]
async fn a_proof_counts_once_for_all_sandboxes_that_share_a_table() {
    let Some(aws) = Ministack::start() else {
        return;
    };
    let access = attacks::issuers::write(aws.folder.path());
    let bare = std::fs::read_to_string(&access).unwrap();
    std::fs::write(&access, format!("{bare}replay: {{dynamodb: proofs}}\n")).unwrap();
    let (one, other) = (aws.start_with(&access).await, aws.start_with(&access).await);
    let event = attacks::proofs::honest_request().to_string();
    let ask = async |authorizer: &Authorizer| authorizer.handle(&event, "request-1").await;
    let outage = ask(&one).await;
    assert!(matches!(
        outage.answer,
        Err(HandleError::Unavailable(Outage::Replay))
    ));
    let log = outage.log.concat();
    assert!(log.contains("replay_store_unavailable"), "{log}");
    assert!(
        log.contains("status 400 and `ResourceNotFoundException`"),
        "{log}"
    );
    aws.create_table("proofs").await;
    assert!(ask(&one).await.answer.is_ok());
    for sandbox in [&other, &one] {
        let again = ask(sandbox).await;
        assert!(matches!(again.answer, Err(HandleError::Unauthorized)));
        assert!(
            again.log.concat().contains("proof_replayed"),
            "{:?}",
            again.log
        );
    }
    // In memory alone, each sandbox takes it once.
    std::fs::write(&access, bare).unwrap();
    let (one, other) = (aws.start_with(&access).await, aws.start_with(&access).await);
    assert!(ask(&one).await.answer.is_ok() && ask(&other).await.answer.is_ok());
}
