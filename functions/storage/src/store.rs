//! Tasks in DynamoDB: one table, one transaction a move.
//!
//! | `PK` | `SK` | row |
//! |---|---|---|
//! | `TASK#{id}` | `TASK` | the task, with its `version` and `text` to find it by; in the indexes `tasks_by_status` and `tasks_by_owner` |
//! | `TASK#{id}` | `TASK#ATTEMPT#{number}` | an attempt before the task's current one |
//! | `TASK#{id}` | `EVENT#{version}` | one row a move |
//! | `DISCUSSION#{id of a task}` | `COMMENT#{id}` | a comment on the task |
//! | `DISCUSSION#{id of a task}` | `DISCUSSION` | the reviewer who looks at the task, and how many comments it has |
//! | `TASK#{id}` | `PROGRESS` | how far a running attempt is, and the lease on it |
//! | `IDEMPOTENCY#{hash of owner and key}` | `IDEMPOTENCY` | the task that a create with that key made; `expires` |
//! | `IDEMPOTENCY#{hash of caller, route and key}` | `ANSWER` | what any other request with that key was answered; `expires` |
//! | `INPUT#{key of an object}` | `{id of a task}` | that an attempt of the task starts from the object |
//! | `UPLOADS#{owner}` | `{day}` | how many uploads they have asked for on that day (UTC); `expires` |
//! | `COMMENTS#{name}` | `{id of a comment}` | that they wrote the comment, and on which task |
//! | `MENTIONS#{name}` | `{id of a comment}` | a comment that mentions them |
//! | `COUNTERS` | `{shard}` | how many tasks stand at each state |
//! | `WAITING` | `{owner}` | how much of theirs waits, and when a worker last took a task of theirs |
//! | `WAITING#{owner}` | `{id}` | a task of theirs that waits |
//! | `QUEUE` | `QUEUE` | whether nothing is to be drawn for now |
//! | `QUEUE` | `FIRST#{id}` | a task that is drawn before others; `expires` |
//! | `TAGGED#{shard}` | `{tag}…{id of a task}` | that the task has the tag |
//! | `TAGGED#{owner}#{shard}` | `{tag}…{id of a task}` | the same of their tasks alone |
//! | `TAGGED` | `TAGGED` | how far tasks from before these rows have them |
//! | `NAMES` | `{kind}#{name}…` | a name that tasks have, an owner or a tag, to suggest; `expires` |
//! | `NAMES#{owner}` | `{kind}#{name}…` | the same of their tasks alone |
//! | `KEPT#{kind}` | `{key}` | what somebody keeps for everybody: a view, a style, a collection |
//! | `KEPT#{kind}#{owner}` | `{key}` | what they keep for themselves |
//! | `OFFERS` | `{worker}` | what the worker last offered by name; `expires` |
//! | `WORKERS` | `{worker}` | what the worker last reported of itself; `expires` |

mod answers;
mod changes;
mod comments;
mod counters;
mod creation;
mod discussions;
mod filter;
mod history;
mod indexes;
mod listing;
mod names;
mod noted;
mod offers;
mod progress;
mod querying;
mod queue;
mod references;
mod remarks;
mod rights;
mod rows;
mod shelves;
#[cfg(test)]
mod sizes;
mod table;
mod tags;
mod turns;
mod uploads;
mod waiting;
mod workers;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

pub use answers::{Begun, KeptAnswer, RequestKey};
pub use changes::Saved;
pub use comments::CommentPage;
pub use creation::{Created, IdempotencyKey};
pub use discussions::{CLAIMED_FOR, Discussion, Reviewer};
pub use filter::Filter;
pub use history::HistoryPage;
pub use listing::Page;
pub use names::NameKind;
pub use offers::WorkerOffers;
pub use queue::{MAX_FIRST, MAX_PRIORITY, Prioritized, QueuePause, QueueState};
pub use shelves::{Kept, MAX_KEPT, ShelfKind};
pub use turns::{Turn, turns};
pub use uploads::UploadCount;
pub use waiting::{Owner, WaitingTask};
pub use workers::{DeviceRung, ModelDefaults, WorkerReport};

use crate::error::Result;
use easel_domain::ApprovalsNeeded;
use easel_domain::Error::NotFound;
use easel_domain::limits::Limits;
use easel_domain::task::{Attempt, Progress, Task};
use indexes::BY_STATUS;
use rows::{ATTEMPT, GOING, PROGRESS, TASK};

/// The table of tasks.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    limits: Limits,
    approvals_needed: ApprovalsNeeded,
    /// The names that this process has noted lately, and whether all tags are.
    noted: noted::Noted,
}

impl Store {
    /// The store in `table`, with the usual limits.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
            limits: Limits::default(),
            approvals_needed: ApprovalsNeeded::default(),
            noted: noted::Noted::default(),
        }
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

    /// The same where images take approvals from so many reviewers.
    #[must_use]
    pub fn with_approvals_needed(self, approvals_needed: ApprovalsNeeded) -> Self {
        Self { approvals_needed, ..self }
    }

    /// From how many reviewers images take an approval.
    #[must_use]
    pub fn approvals_needed(&self) -> &ApprovalsNeeded {
        &self.approvals_needed
    }

    /// The task as it is now, with its current attempt alone.
    ///
    /// # Errors
    /// Returns [`NotFound`] if there is none, [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn task(&self, id: Uuid) -> Result<Task> {
        Ok(self.find(id).await?.ok_or(NotFound(id))?)
    }

    /// The task as it is now, with its current attempt alone, if it is there and is not being removed for good.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn find(&self, id: Uuid) -> Result<Option<Task>> {
        let key = rows::key(&rows::task_partition(id), TASK);
        let query = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        let Some(row) = query.send().await.map_err(rows::failed)?.item else { return Ok(None) };
        if row.contains_key(GOING) {
            return Ok(None);
        }
        let is_counted = row.contains_key(BY_STATUS.key);
        let task = rows::read_task(row)?;
        // Whoever reads a task like this may move it next, and moves only tasks that are counted.
        if !is_counted {
            self.adopt(&task).await?;
        }
        Ok(Some(task))
    }

    /// The whole task as it is now, and how far its running attempt is.
    ///
    /// # Errors
    /// Returns [`NotFound`] if there is none, [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn task_and_progress(&self, id: Uuid) -> Result<(Task, Option<Progress>)> {
        let (mut task, mut progress, mut earlier) = (None, None, Vec::new());
        for row in self.rows_from(id, PROGRESS).await? {
            match rows::sort_key(&row) {
                TASK => task = Some(rows::read_task(row)?),
                PROGRESS => progress = Some(rows::read::<Progress>(row)?),
                sort if sort.starts_with(ATTEMPT) => earlier.push(rows::read::<Attempt>(row)?),
                _ => {}
            }
        }
        let mut task = task.ok_or(NotFound(id))?;
        task.earlier_attempts.append(&mut earlier);
        // Progress left behind by an earlier claim does not belong to the current one.
        let fence = task.attempt.claim.as_ref().map(|claim| claim.fence);
        Ok((task, progress.filter(|progress| Some(progress.fence) == fence)))
    }

    /// The task with its earlier attempts, where they were not read with it.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn with_earlier_attempts(&self, mut task: Task) -> Result<Task> {
        if task.attempt.number > 1 {
            let rows = self.rows_from(task.id, ATTEMPT).await?.into_iter();
            let attempts = rows.filter(|row| rows::sort_key(row).starts_with(ATTEMPT)).map(rows::read);
            task.earlier_attempts = attempts.collect::<Result<_>>()?;
        }
        Ok(task)
    }

    /// The rows of the task's partition from a sort key on.
    async fn rows_from(&self, id: Uuid, first: &str) -> Result<Vec<rows::Row>> {
        let query = self
            .partition(&rows::task_partition(id))
            .key_condition_expression("PK = :partition AND SK >= :first")
            .expression_attribute_values(":first", AttributeValue::S(first.to_owned()));
        rows::all(query, None).await
    }

    /// Says of a deleted task that it is being removed for good, so that nobody restores it meanwhile; `false` if somebody
    /// has just restored it.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn let_go(&self, task: &Task) -> Result<bool> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rows::key(&rows::task_partition(task.id), TASK)))
            .update_expression("SET #going = :going")
            .condition_expression("#version = :seen")
            .expression_attribute_names("#going", GOING)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":going", AttributeValue::Bool(true))
            .expression_attribute_values(":seen", rows::number(task.version));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(rows::failed(error)),
        }
    }

    /// Removes a deleted task; its history stays.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn remove(&self, task: &Task) -> Result<()> {
        // The task goes last: as long as it is there, whoever is interrupted here begins again.
        for row in self.rows_from(task.id, PROGRESS).await?.iter().filter(|row| rows::sort_key(row) != TASK) {
            self.remove_row(rows::key(&rows::task_partition(task.id), rows::sort_key(row))).await?;
        }
        self.untag(task).await?;
        self.discount(task).await
    }

    async fn remove_row(&self, key: rows::Row) -> Result<()> {
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.map_err(rows::failed)?;
        Ok(())
    }
}
