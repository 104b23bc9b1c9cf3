//! The AWS Parameters and Secrets Lambda Extension: a layer of AWS's that reads Secrets Manager and Parameter
//! Store with the function's role and answers on this machine, during invocations only and not while a function
//! starts. The protocol is that of AWS's documents; the extension itself runs on Lambda alone.

use reqwest::{Client, redirect};
use serde_json::Value;

use super::{Secret, SecretError};
use crate::exchange;
use crate::http::EXCHANGE_TIMEOUT;
use crate::json;

/// The port unless `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT` names another.
pub(crate) const DEFAULT_PORT: u16 = 2773;
/// Largest answer: a secret has 64 kB at most, and is escaped in it.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Shows the extension that it is the function that asks.
const TOKEN_HEADER: &str = "X-Aws-Parameters-Secrets-Token";

/// Which secret of which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// The name or the ARN.
    pub(crate) name: String,
    /// The member that holds it, where the stored text is a JSON object, as the console makes them.
    pub(crate) member: Option<String>,
}

/// The stores that the extension reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    SecretsManager,
    ParameterStore,
}

/// How the extension is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) port: u16,
    /// `AWS_SESSION_TOKEN`.
    pub(crate) token: Secret,
}

/// A client for this machine: no proxy has a business here.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    let client = Client::builder().no_proxy();
    let client = client.redirect(redirect::Policy::none());
    client.timeout(EXCHANGE_TIMEOUT).build()
}

impl Extension {
    pub(super) async fn fetch(
        &self,
        place: &Place,
        client: &Client,
    ) -> Result<Secret, SecretError> {
        let address = format!("http://localhost:{}{}", self.port, place.path());
        let request = client.get(address);
        let request = request.header(TOKEN_HEADER, self.token.reveal());
        let reply = exchange::send(request, MAX_ANSWER_BYTES).await?;
        place.secret(&reply.ok()?.body)
    }
}

impl Place {
    fn path(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self.store {
            Store::SecretsManager => {
                query.append_pair("secretId", &self.name);
                format!("/secretsmanager/get?{}", query.finish())
            }
            Store::ParameterStore => {
                query.append_pair("name", &self.name);
                query.append_pair("withDecryption", "true");
                format!("/systemsmanager/parameters/get?{}", query.finish())
            }
        }
    }

    /// The answers are those of `GetSecretValue` and `GetParameter`.
    fn secret(&self, answer: &[u8]) -> Result<Secret, SecretError> {
        let answer = json::value(answer).map_err(|_| SecretError::Answer)?;
        let text = answer.pointer(match self.store {
            Store::SecretsManager => "/SecretString",
            Store::ParameterStore => "/Parameter/Value",
        });
        let text = text.and_then(Value::as_str).ok_or(SecretError::Answer)?;
        let Some(member) = &self.member else {
            return Secret::new(text);
        };
        let object = json::object(text.as_bytes()).ok();
        let text = object
            .as_ref()
            .and_then(|object| object.get(member)?.as_str());
        Secret::new(text.ok_or_else(|| SecretError::Member(member.clone()))?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(store: Store, name: &str, member: Option<&str>) -> Place {
        Place {
            store,
            name: name.to_owned(),
            member: member.map(str::to_owned),
        }
    }

    #[test]
    fn names_are_escaped_in_the_address() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:ml/api-AbC";
        assert_eq!(
            place(Store::SecretsManager, arn, None).path(),
            "/secretsmanager/get?secretId=arn%3Aaws%3Asecretsmanager%3Aeu-west-1%3A1%3Asecret%3Aml%2Fapi-AbC"
        );
        assert_eq!(
            place(Store::ParameterStore, "/a&b/c", None).path(),
            "/systemsmanager/parameters/get?name=%2Fa%26b%2Fc&withDecryption=true"
        );
    }

    #[track_caller]
    fn check(place: &Place, answer: &Value, expected: Result<&str, &str>) {
        let found = place.secret(answer.to_string().as_bytes());
        let found = found.map_err(|error| error.to_string());
        match expected {
            Ok(text) => assert_eq!(found.unwrap().reveal(), text),
            Err(part) => assert!(found.unwrap_err().contains(part), "{answer}"),
        }
    }

    #[test]
    fn each_store_answers_in_its_own_shape() {
        let secret = place(Store::SecretsManager, "s", None);
        let parameter = place(Store::ParameterStore, "/p", None);
        let of_secret = json!({"ARN": "arn", "Name": "s", "SecretString": "x y", "VersionStages": ["AWSCURRENT"]});
        let of_parameter = json!({"Parameter": {"Name": "/p", "Type": "SecureString", "Value": "x"}, "ResultMetadata": {}});
        check(&secret, &of_secret, Ok("x y"));
        check(&parameter, &of_parameter, Ok("x"));
        check(&secret, &of_parameter, Err("no text"));
        check(&parameter, &of_secret, Err("no text"));
        check(&secret, &json!({"SecretBinary": "eA=="}), Err("no text"));
        check(&secret, &json!({"SecretString": ""}), Err("is empty"));
        check(&secret, &json!("not ready"), Err("no text"));
    }

    #[test]
    fn a_member_of_a_json_secret_is_named() {
        let named = place(Store::SecretsManager, "s", Some("client_secret"));
        let stored = |text: &str| json!({"SecretString": text});
        check(&named, &stored(r#"{"client_secret":"x","a":1}"#), Ok("x"));
        for odd in [
            "x",
            "{}",
            r#"{"client_secret":1}"#,
            r#"{"client_secret":"x","client_secret":"y"}"#,
        ] {
            check(&named, &stored(odd), Err("text member `client_secret`"));
        }
    }
}
