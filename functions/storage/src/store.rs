//! Tasks in DynamoDB: one table, one transaction a move.
//!
//! | `PK` | `SK` | row |
//! |---|---|---|
//! | `TASK#{id}` | `TASK` | the task, with its `version` and `text` to find it by; in the indexes `by_status` and `by_owner` |
//! | `TASK#{id}` | `EVENT#{version}` | one row a move |
//! | `TASK#{id}` | `PROGRESS` | how far a running attempt is, and the lease on it |
//! | `IDEMPOTENCY#{hash of owner and key}` | `IDEMPOTENCY` | the task that a create with that key made; `expires` |
//! | `IDEMPOTENCY#{hash of caller, route and key}` | `ANSWER` | what any other request with that key was answered; `expires` |
//! | `INPUT#{key of an object}` | `{id of a task}` | that an attempt of the task starts from the object |
//! | `UPLOADS#{owner}` | `{day}` | how many uploads they have asked for on that day (UTC); `expires` |
//! | `WORKERS` | `{worker}` | what the worker last reported of itself; `expires` |

mod answers;
mod changes;
mod creation;
mod history;
mod listing;
mod progress;
mod references;
mod rights;
mod rows;
mod table;
mod uploads;
mod workers;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

pub use answers::{Begun, KeptAnswer, RequestKey};
pub use changes::Saved;
pub use creation::{Created, IdempotencyKey};
pub use history::HistoryPage;
pub use listing::{Filter, Page};
pub use uploads::UploadCount;
pub use workers::WorkerReport;

use crate::error::Result;
use easel_domain::Error::NotFound;
use easel_domain::task::{Progress, Task};
use rows::{PROGRESS, TASK};

/// The table of tasks.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The store in `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
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
