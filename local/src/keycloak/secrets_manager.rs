//! AWS Secrets Manager: a secret whose text is a JSON object with `client_id` and `client_secret`, of which the authorizer reads
//! the second (`member: client_secret`). Other members stay.

use std::time::{Duration, SystemTime};

use aws_requests::{Account, Reach, Service, Unsigned};
use reqwest::Method;
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
        let question = json!({"SecretId": self.name});
        let (operation, name, old) = match self.ask("GetSecretValue", question, now).await? {
            Ok(answer) => ("PutSecretValue", "SecretId", stored(&answer)),
            Err(kind) if kind == NOT_THERE => ("CreateSecret", "Name", Some(Map::new())),
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
        let question = json!({name: self.name, "ClientRequestToken": token, "SecretString": text});
        let answer = self.ask(operation, question, now).await?;
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
        let request = self.account.sign(unsigned, now)?;
        let answer = web::send(request, MAX_ANSWER_BYTES).await;
        let answer = answer.map_err(|source| KeycloakError::Unreachable {
            url: "AWS Secrets Manager".to_owned(),
            source,
        })?;
        Ok(read(&answer))
    }

    fn refused(&self, kind: String) -> KeycloakError {
        KeycloakError::SecretsManager {
            name: self.name.clone(),
            kind,
        }
    }
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
