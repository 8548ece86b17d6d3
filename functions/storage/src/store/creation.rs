//! Making a task, once per idempotency key.

use aws_sdk_dynamodb::types::Put;
use backon::Retryable;
use easel_domain::Error::Conflict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answers::{REMEMBERED, partition};
use super::changes::{WriteRefusal, conflict_pauses, put, refusals, report};
use super::{Store, rows};
use crate::error::{Error, Result};
use easel_domain::task::{Event, Task};

const IDEMPOTENCY: &str = "IDEMPOTENCY";

/// A client's promise that everything sent with this key is the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Who sent it.
    pub owner: String,
    /// The key.
    pub key: String,
    /// Hash of the body that came with it.
    pub body_hash: String,
}

impl IdempotencyKey {
    fn partition(&self) -> String {
        partition(&[&self.owner, &self.key])
    }
}

/// What became of a task that was to be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is made.
    New,
    /// The key made this one before, as it was then.
    Before(Box<Task>),
    /// The key made a task of another body before.
    KeyReused,
    /// A task with this id is there, or was and is gone for good.
    Exists,
}

/// How an attempt at a transaction failed.
enum CreationAttempt {
    /// Others wrote the same rows at that moment: the next attempt may succeed.
    Conflicted(Error),
    /// For good.
    Failed(Error),
}

#[derive(Serialize, Deserialize)]
struct IdempotencyRow {
    body_hash: String,
    made: Uuid,
    expires: i64,
}

impl Store {
    /// Saves a new task with its first event and its idempotency key, all or none.
    ///
    /// # Errors
    /// Returns [`TooMany`](easel_domain::Error::TooMany) if the owner has too much waiting,
    /// [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn create(&self, task: &Task, event: &Event, key: Option<&IdempotencyKey>) -> Result<Created> {
        self.note_names(&task.owner, &task.tags).await?;
        let row = rows::task(task)?;
        let mut writes = vec![self.new_row(row)?, self.event(event)?];
        if let Some(key) = key {
            let expires = task.created_at.as_second() + REMEMBERED.as_secs();
            let row = IdempotencyRow { body_hash: key.body_hash.clone(), made: task.id, expires };
            let row = rows::write(&key.partition(), IDEMPOTENCY, &row)?;
            // Rows that are past their time stay for a while: DynamoDB removes them when it pleases.
            writes.push(put(Put::builder()
                .table_name(&self.table)
                .set_item(Some(row))
                .condition_expression("attribute_not_exists(PK) OR #expires < :now")
                .expression_attribute_names("#expires", rows::EXPIRES)
                .expression_attribute_values(":now", rows::number(task.created_at.as_second())))?);
        }
        writes.extend(self.tagged(task)?);
        writes.extend(self.references(task)?);
        writes.extend(self.counted(task.id, None, Some(task.status))?);
        let waiting = self.waiting(task, event)?;
        let limited = waiting.limited.map(|index| index + writes.len());
        writes.extend(waiting.writes);
        let send = || async {
            let request = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = request.send().await else {
                report(event);
                return Ok(Created::New);
            };
            let refusals = refusals(error.as_service_error());
            if Self::is_too_much(&refusals, limited) {
                return Err(CreationAttempt::Failed(self.too_much()));
            }
            match (refusals.as_slice(), key) {
                ([_, _, Some(WriteRefusal::Condition), ..], Some(key)) => match self.made_before(key).await {
                    Ok(Some(before)) => Ok(before),
                    Ok(None) => Err(CreationAttempt::Failed(rows::failed(error))),
                    Err(error) => Err(CreationAttempt::Failed(error)),
                },
                ([Some(WriteRefusal::Condition), ..] | [_, Some(WriteRefusal::Condition), ..], _) => {
                    Ok(Created::Exists)
                }
                ([_, ..], _) => Err(CreationAttempt::Conflicted(Error::Contended)),
                ([], _) => Err(CreationAttempt::Failed(rows::failed(error))),
            }
        };
        let created =
            send.retry(conflict_pauses()).when(|attempt| matches!(attempt, CreationAttempt::Conflicted(_))).await;
        created.map_err(|(CreationAttempt::Conflicted(error) | CreationAttempt::Failed(error))| error)
    }

    /// Saves a new task that has failed already, with its first two events: nobody draws it in between. Whether it is
    /// new; a task with this id that is there stays.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn create_failed(&self, task: &Task, events: &[Event; 2]) -> Result<bool> {
        let mut writes = vec![self.new_row(rows::task(task)?)?];
        for event in events {
            writes.push(self.event(event)?);
        }
        writes.extend(self.tagged(task)?);
        writes.extend(self.references(task)?);
        writes.extend(self.counted(task.id, None, Some(task.status))?);
        let is_new = self.write_all(writes).await?.is_empty();
        if is_new {
            events.iter().for_each(report);
        }
        Ok(is_new)
    }

    /// What the key made before, if anything.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn made_before(&self, key: &IdempotencyKey) -> Result<Option<Created>> {
        let Some(row) = self.row::<IdempotencyRow>(&key.partition(), IDEMPOTENCY).await? else { return Ok(None) };
        if row.expires < Timestamp::now().as_second() {
            return Ok(None);
        }
        if row.body_hash != key.body_hash {
            return Ok(Some(Created::KeyReused));
        }
        let made = self.event_at(row.made, 1).await?.and_then(|event| Task::replay(&[event]));
        let gone = || Conflict("the task that this idempotency key made is gone: use a new key".to_owned());
        Ok(Some(Created::Before(Box::new(made.ok_or_else(gone)?))))
    }
}
