//! Requests that their senders may send again: the first answer is kept for a day and given again.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Store, rows};
use crate::error::Result;

/// How long an idempotency key is remembered.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// After how long without an answer the process that should have given it is taken for dead: no call of the API takes as
/// long.
const DEAD: SignedDuration = SignedDuration::from_secs(60);
const ANSWER: &str = "ANSWER";

/// A caller's promise that everything sent to this route with this key is the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who sent it.
    pub caller: String,
    /// The method and the path that it was sent to.
    pub route: String,
    /// The key.
    pub key: String,
    /// Hash of everything that the answer depends on.
    pub content: String,
}

/// An answer as it was first given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers, as far as they say something of the answer.
    pub headers: BTreeMap<String, String>,
    /// Its body, in whatever form its keeper reads again.
    pub body: String,
}

/// What becomes of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first; it began at this millisecond, and its answer is to be kept.
    First(i64),
    /// It was answered before, like this.
    Answered(KeptAnswer),
    /// The first one is being answered at this moment.
    Running,
    /// The key came with another request before.
    KeyReused,
}

#[derive(Serialize, Deserialize)]
struct Row {
    content: String,
    began: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<KeptAnswer>,
    expires: i64,
}

impl Store {
    /// Begins to answer a request, unless one with its key was before.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn begin(&self, key: &RequestKey) -> Result<Begun> {
        let now = Timestamp::now();
        let (began, partition) = (now.as_millisecond(), partition(&[&key.caller, &key.route, &key.key]));
        let expires = (now + REMEMBERED).as_second();
        let row = Row { content: key.content.clone(), began, answer: None, expires };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(rows::write(&partition, ANSWER, &row)?))
            // Rows that are past their time stay for a while: DynamoDB removes them when it pleases.
            .condition_expression(
                "attribute_not_exists(PK) OR #expires < :now OR (attribute_not_exists(answer) AND began < :dead)",
            )
            .expression_attribute_names("#expires", rows::EXPIRES)
            .expression_attribute_values(":now", rows::number(now.as_second()))
            .expression_attribute_values(":dead", rows::number((now - DEAD).as_millisecond()));
        match put.send().await {
            Ok(_) => return Ok(Begun::First(began)),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {}
            Err(error) => return Err(rows::failed(error)),
        }
        let Some(row) = self.row::<Row>(&partition, ANSWER).await? else { return Ok(Begun::Running) };
        Ok(match row.answer {
            _ if row.content != key.content => Begun::KeyReused,
            Some(answer) => Begun::Answered(answer),
            None => Begun::Running,
        })
    }

    /// Keeps the answer to the request that began at `began`, or forgets the request so that it can be sent again.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn conclude(&self, key: &RequestKey, began: i64, answer: Option<KeptAnswer>) -> Result<()> {
        let partition = partition(&[&key.caller, &key.route, &key.key]);
        // Whoever took this process for dead has begun anew, and that answer counts.
        let (condition, began_value) = ("began = :began", rows::number(began));
        let concluded = match answer {
            Some(answer) => {
                let expires = (Timestamp::now() + REMEMBERED).as_second();
                let row = Row { content: key.content.clone(), began, answer: Some(answer), expires };
                let row = rows::write(&partition, ANSWER, &row)?;
                let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
                let put = put.condition_expression(condition).expression_attribute_values(":began", began_value);
                put.send().await.map(drop).map_err(|error| (is_condition(&error), rows::failed(error)))
            }
            None => {
                let delete = self.client.delete_item().table_name(&self.table);
                let delete = delete.set_key(Some(rows::key(&partition, ANSWER))).condition_expression(condition);
                let delete = delete.expression_attribute_values(":began", began_value);
                delete.send().await.map(drop).map_err(|error| (is_condition(&error), rows::failed(error)))
            }
        };
        match concluded {
            Ok(()) | Err((true, _)) => Ok(()),
            Err((false, error)) => Err(error),
        }
    }
}

fn is_condition(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// The partition of a key. Its parts are hashed with their lengths, so that no two keys share one, whatever is in them.
pub(super) fn partition(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("IDEMPOTENCY#{}", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_partition() {
        assert_ne!(partition(&["a", "b#c"]), partition(&["a#b", "c"]));
        assert_ne!(partition(&["ab", ""]), partition(&["a", "b"]));
        assert_ne!(partition(&["a", "b"]), partition(&["a", "b", ""]));
        assert_eq!(partition(&["a", "b"]), partition(&["a", "b"]));
    }
}
