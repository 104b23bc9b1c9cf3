//! A table of DynamoDB whose partition key is the text `id`.

use std::time::SystemTime;

use aws_requests::{Account, Service, Unsigned};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::AwsError;
use crate::exchange;
use crate::json;

/// Name of the partition key.
const KEY: &str = "id";
/// Name of the attribute after which an item may go.
const TIME_TO_LIVE: &str = "expires_at";
/// The error of a write whose condition does not hold.
const THERE_ALREADY: &str = "ConditionalCheckFailedException";
/// Longest partition key (DynamoDB's quota): an id over it can be in no table.
const MAX_ID_BYTES: usize = 2048;
/// Largest answer: some ten small items.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A table, and as whom it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) account: Account,
    pub(crate) name: String,
}

impl Table {
    /// The items with these ids, as DynamoDB writes them, read consistently: what was written counts at once.
    pub(crate) async fn items(
        &self,
        ids: &[String],
        now: SystemTime,
    ) -> Result<Vec<Value>, AwsError> {
        let ids = ids.iter().filter(|id| id.len() <= MAX_ID_BYTES);
        let keys: Vec<_> = ids.map(|id| json!({KEY: {"S": id}})).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let question =
            json!({"RequestItems": {&self.name: {"Keys": keys, "ConsistentRead": true}}});
        let answer = self.ask("BatchGetItem", &question, now).await?;
        let member = |name: &str| answer.get(name).and_then(Value::as_object);
        if member("UnprocessedKeys").is_some_and(|keys| !keys.is_empty()) {
            return Err(AwsError::Partial);
        }
        let items = member("Responses").and_then(|tables| tables.get(&self.name)?.as_array());
        items.cloned().ok_or(AwsError::Shape)
    }

    /// Writes an item unless there is one with this id already. Answers whether it was written. DynamoDB removes
    /// it some time after `until`, seconds since 1970, where that attribute is the table's time to live.
    pub(crate) async fn put_new(
        &self,
        id: &str,
        until: u64,
        now: SystemTime,
    ) -> Result<bool, AwsError> {
        let question = json!({
            "TableName": self.name,
            "Item": {KEY: {"S": id}, TIME_TO_LIVE: {"N": until.to_string()}},
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": KEY},
        });
        match self.ask("PutItem", &question, now).await {
            Ok(_) => Ok(true),
            Err(AwsError::Refused(_, kind)) if kind == THERE_ALREADY => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ask(
        &self,
        operation: &str,
        question: &Value,
        now: SystemTime,
    ) -> Result<Value, AwsError> {
        let target = format!("DynamoDB_20120810.{operation}");
        let unsigned = Unsigned {
            service: Service::DynamoDb,
            method: Method::POST,
            url: self.account.address(Service::DynamoDb, None)?,
            headers: vec![
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", &target),
            ],
            body: question.to_string(),
        };
        let request = self.account.sign(unsigned, now)?;
        let reply = exchange::send(request, MAX_ANSWER_BYTES).await?;
        let answer = json::value(&reply.body).map_err(|_| AwsError::Shape);
        if reply.status == StatusCode::OK {
            return answer;
        }
        let kind = answer
            .as_ref()
            .ok()
            .and_then(|answer| answer.get("__type")?.as_str());
        // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`, for instance.
        let kind = kind.and_then(|kind| kind.rsplit('#').next());
        let kind = kind.unwrap_or("no type of error").to_owned();
        Err(AwsError::Refused(reply.status.as_u16(), kind))
    }
}
