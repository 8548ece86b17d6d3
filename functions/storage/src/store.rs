//! Tasks in DynamoDB: one table, one transaction a move.
//!
//! | `PK` | `SK` | row |
//! |---|---|---|
//! | `TASK#{id}` | `TASK` | the task, with its `version` and `text` to find it by; in the indexes `by_status` and `by_owner` |
//! | `TASK#{id}` | `EVENT#{version}` | one row a move |
//! | `TASK#{id}` | `PROGRESS` | how far a running attempt is, and the lease on it |
//! | `IDEMPOTENCY#{owner}#{key}` | `IDEMPOTENCY` | what a create with that key was answered; `expires` |
//! | `WAITING` | `{owner}` | how much of theirs waits, and when a worker last took a task of theirs |
//! | `WAITING#{owner}` | `{id}` | a task of theirs that waits |
//! | `WORKERS` | `NEWEST` | what a worker last reported of itself |

mod changes;
mod creation;
mod listing;
mod progress;
mod rights;
mod rows;
mod table;
mod waiting;
mod workers;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

pub use changes::Saved;
pub use creation::{Created, IdempotencyKey};
pub use listing::{Filter, Page};
pub use waiting::{Owner, WaitingTask};
pub use workers::WorkerReport;

use crate::error::Result;
use easel_domain::Error::NotFound;
use easel_domain::limits::Limits;
use easel_domain::task::{Event, Progress, Task};
use rows::{EVENT, PROGRESS, TASK};

/// The table of tasks.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    limits: Limits,
}

impl Store {
    /// The store in `table`, with the usual limits.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), limits: Limits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How much may be asked for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The task as it is now.
    ///
    /// # Errors
    /// Returns [`NotFound`] if there is none, [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn task(&self, id: Uuid) -> Result<Task> {
        Ok(self.find(id).await?.ok_or(NotFound(id))?)
    }

    /// The task as it is now, if it is there.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn find(&self, id: Uuid) -> Result<Option<Task>> {
        let key = rows::key(&rows::task_partition(id), TASK);
        let query = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        let found = query.send().await.map_err(rows::failed)?;
        found.item.map(rows::read).transpose()
    }

    /// The task as it is now, and how far its running attempt is.
    ///
    /// # Errors
    /// Returns [`NotFound`] if there is none, [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn task_and_progress(&self, id: Uuid) -> Result<(Task, Option<Progress>)> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :partition AND SK >= :first")
            .expression_attribute_values(":partition", AttributeValue::S(rows::task_partition(id)))
            .expression_attribute_values(":first", AttributeValue::S(PROGRESS.to_owned()));
        let found = query.send().await.map_err(rows::failed)?;
        let (mut task, mut progress) = (None, None);
        for row in found.items.unwrap_or_default() {
            match rows::sort_key(&row) {
                TASK => task = Some(rows::read::<Task>(row)?),
                PROGRESS => progress = Some(rows::read::<Progress>(row)?),
                _ => {}
            }
        }
        let task = task.ok_or(NotFound(id))?;
        // Progress left behind by an earlier claim does not belong to the current one.
        let fence = task.attempt.claim.as_ref().map(|claim| claim.fence);
        Ok((task, progress.filter(|progress| Some(progress.fence) == fence)))
    }

    /// Everything that happened to the task, oldest first; empty if there is no such task.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn history(&self, id: Uuid) -> Result<Vec<Event>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :partition AND begins_with(SK, :event)")
            .expression_attribute_values(":partition", AttributeValue::S(rows::task_partition(id)))
            .expression_attribute_values(":event", AttributeValue::S(EVENT.to_owned()));
        let mut pages = query.into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(row) = pages.next().await {
            events.push(rows::read(row.map_err(rows::failed)?)?);
        }
        Ok(events)
    }

    /// Removes a deleted task; its history stays.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn remove(&self, task: &Task) -> Result<()> {
        for sort in [PROGRESS, TASK] {
            let key = rows::key(&rows::task_partition(task.id), sort);
            self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.map_err(rows::failed)?;
        }
        Ok(())
    }
}
