//! AWS Secrets Manager: a secret whose text is a JSON object with `client_id` and `client_secret`, of which the authorizer reads
//! the second (`member: client_secret`). Other members stay.

use std::time::{Duration, SystemTime};

use aws_requests::{Account, Reach, Service, Unsigned};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use super::KeycloakError;
use super::destination::Written;
use crate::token::Secret;
use crate::web::{self, Answer};
use crate::{Environment, clock};

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a whole exchange.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer: a secret has 64 kB at most, and is escaped in it.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// A write to a secret that is there, and the member that names it.
const PUT: (&str, &str) = ("PutSecretValue", "SecretId");
/// A secret that is made, and the member that names it.
const CREATE: (&str, &str) = ("CreateSecret", "Name");
/// There is no such secret.
const NOT_THERE: &str = "ResourceNotFoundException";

/// A secret, by its name or ARN, and as whom it is written.
#[derive(Debug)]
pub(super) struct SecretsManager {
    account: Account,
    name: String,
}

impl SecretsManager {
    pub(super) fn load(name: &str, environment: Environment<'_>) -> Result<Self, KeycloakError> {
        let reach = Reach {
            endpoints: &["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"],
            anywhere: false,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
        };
        let mut problems = Vec::new();
        let account = Account::load(environment, reach, &mut problems);
        let account = account.ok_or_else(|| KeycloakError::Aws(problems.join("\n")))?;
        Ok(Self {
            account,
            name: name.to_owned(),
        })
    }

    /// The name or ARN.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes what differs: each write is a version of the secret, of which few are kept.
    pub(super) async fn write(
        &self,
        client: &str,
        secret: &Secret,
        now: SystemTime,
    ) -> Result<Written, KeycloakError> {
        let question = reading(&self.name);
        let (operation, old) = match self.ask("GetSecretValue", question, now).await? {
            Ok(answer) => (PUT, stored(&answer)),
            Err(kind) if kind == NOT_THERE => (CREATE, Some(Map::new())),
            Err(kind) => return Err(self.refused(kind)),
        };
        let old = old.ok_or_else(|| KeycloakError::NoObject {
            name: self.name.clone(),
        })?;
        let mut new = old.clone();
        new.insert("client_id".to_owned(), client.into());
        new.insert("client_secret".to_owned(), secret.reveal().into());
        if new == old {
            return Ok(Written::Same);
        }
        let token = clock::random_id().map_err(|_| KeycloakError::Random)?;
        let text = Value::Object(new).to_string();
        let question = writing(operation, &self.name, &token, &text);
        let answer = self.ask(operation.0, question, now).await?;
        answer.map_err(|kind| self.refused(kind))?;
        Ok(Written::New)
    }

    /// The answer, or the type of the error.
    async fn ask(
        &self,
        operation: &str,
        question: Value,
        now: SystemTime,
    ) -> Result<Result<Value, String>, KeycloakError> {
        let request = self.request(operation, &question, now)?;
        let answer = web::send(request, MAX_ANSWER_BYTES).await;
        let answer = answer.map_err(|source| KeycloakError::Unreachable {
            url: "AWS Secrets Manager".to_owned(),
            source,
        })?;
        Ok(read(&answer))
    }

    fn request(
        &self,
        operation: &str,
        question: &Value,
        now: SystemTime,
    ) -> Result<RequestBuilder, KeycloakError> {
        let service = Service::SecretsManager;
        let target = format!("secretsmanager.{operation}");
        let unsigned = Unsigned {
            service,
            method: Method::POST,
            url: self.account.address(service, None)?,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", &target),
            ],
            body: question.to_string(),
        };
        Ok(self.account.sign(unsigned, now)?)
    }

    fn refused(&self, kind: String) -> KeycloakError {
        KeycloakError::SecretsManager {
            name: self.name.clone(),
            kind,
        }
    }
}

fn reading(name: &str) -> Value {
    json!({"SecretId": name})
}

/// A question twice with one token is one write.
fn writing((_, member): (&str, &str), name: &str, token: &str, text: &str) -> Value {
    json!({member: name, "ClientRequestToken": token, "SecretString": text})
}

/// The members of what is stored; nothing where it is no JSON object.
fn stored(answer: &Value) -> Option<Map<String, Value>> {
    let text = answer.get("SecretString")?.as_str()?;
    serde_json::from_str(text).ok()
}

fn read(answer: &Answer) -> Result<Value, String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status == 200 {
        return Ok(body);
    }
    // `com.amazonaws.secretsmanager#ResourceNotFoundException`, for instance.
    let kind = body.get("__type").and_then(Value::as_str);
    let kind = kind.and_then(|kind| kind.rsplit('#').next());
    Err(kind.map_or(format!("status {}", answer.status), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager() -> SecretsManager {
        let environment = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "AWS_SESSION_TOKEN" => Some("session".to_owned()),
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        SecretsManager::load("api/secret", &environment).unwrap()
    }

    #[track_caller]
    fn check(operation: &str, question: Value, recorded: Value) {
        let signed = manager().request(operation, &question, SystemTime::UNIX_EPOCH);
        let request = signed.unwrap().build().unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(request.method(), "POST");
        let address = request.url().as_str();
        assert_eq!(address, "https://secretsmanager.eu-west-1.amazonaws.com/");
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        let target = format!("secretsmanager.{operation}");
        assert_eq!(header("x-amz-target"), target);
        let scope = "/19700101/eu-west-1/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
        let signature = header("authorization");
        assert!(signature.contains(scope), "{signature}");
        let body = request.body().unwrap().as_bytes().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), recorded);
    }

    /// Recorded from botocore 1.43.106: address, headers, those that are signed, and bodies of its client's requests. A
    /// signature of it is beside the others, in `aws-requests`.
    #[test]
    fn requests_are_those_of_a_second_implementation() {
        let (name, token) = ("api/secret", "00000000-0000-4000-8000-000000000000");
        let text = r#"{"a":"b"}"#;
        check(
            "GetSecretValue",
            reading(name),
            json!({"SecretId": "api/secret"}),
        );
        check(
            "PutSecretValue",
            writing(PUT, name, token, text),
            json!({"SecretId": "api/secret", "ClientRequestToken": "00000000-0000-4000-8000-000000000000", "SecretString": "{\"a\":\"b\"}"}),
        );
        check(
            "CreateSecret",
            writing(CREATE, name, token, text),
            json!({"Name": "api/secret", "ClientRequestToken": "00000000-0000-4000-8000-000000000000", "SecretString": "{\"a\":\"b\"}"}),
        );
    }

    #[test]
    fn an_error_is_known_by_its_type() {
        let answer = |status, body: &str| Answer {
            status,
            headers: Default::default(),
            body: body.as_bytes().to_vec(),
        };
        let of = |status, body| read(&answer(status, body)).unwrap_err();
        assert_eq!(
            of(
                400,
                r#"{"__type": "com.amazonaws#ResourceNotFoundException"}"#
            ),
            NOT_THERE
        );
        assert_eq!(
            of(400, r#"{"__type": "ResourceNotFoundException"}"#),
            NOT_THERE
        );
        assert_eq!(of(502, "<html>"), "status 502");
        assert_eq!(read(&answer(200, "{}")), Ok(json!({})));
    }

    #[test]
    fn what_is_no_object_is_not_written_over() {
        assert_eq!(
            stored(&json!({"SecretString": "{\"a\": 1}"})).map(|members| members.len()),
            Some(1)
        );
        for odd in [
            json!({"SecretString": "plain"}),
            json!({"SecretString": "[]"}),
            json!({"SecretBinary": "eA=="}),
        ] {
            assert_eq!(stored(&odd), None);
        }
    }
}
