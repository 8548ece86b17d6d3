//! Who has tasks waiting, how much, and which task is drawn next.
//!
//! An owner's row and the rows of their waiting tasks are written in the transaction that moves the task, so that they
//! agree with it at every moment. What is drawn next follows from them alone: neither the order of messages nor how
//! often they come decides over a task.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::changes::{WriteRefusal, put};
use super::{Store, rows};
use crate::error::{Error, Result};
use easel_domain::limits::{RETRY_AFTER_SECONDS, pixel_evaluations};
use easel_domain::task::{Change, Event, Status, Task};

/// The partition of owners.
pub(super) const WAITING: &str = "WAITING";
/// What megapixels have of pixels.
const MEGA: f64 = 1e6;
/// For how long an owner who has nothing waiting is remembered.
const REMEMBERED_MS: i64 = 24 * 3600 * 1000;

/// An owner: how much of theirs waits, and when a task of theirs was last taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner {
    /// The owner's name.
    #[serde(rename = "SK")]
    pub name: String,
    /// How many tasks wait.
    #[serde(default)]
    pub waiting: i64,
    /// Their work in evaluations of a pixel.
    #[serde(default)]
    pub work: i64,
    /// When a worker last took a task of theirs, in milliseconds since 1970.
    #[serde(default)]
    pub served: i64,
}

/// A task that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingTask {
    /// The task.
    #[serde(rename = "id")]
    pub task: Uuid,
    /// Its work in evaluations of a pixel.
    pub work: u64,
    /// Since when it waits, in milliseconds since 1970.
    pub since: i64,
}

/// The writes by which a move changes what waits.
pub(super) struct WaitingWrites {
    pub(super) writes: Vec<TransactWriteItem>,
    /// Which of them fails where the owner has too much waiting.
    pub(super) limited: Option<usize>,
}

impl Store {
    /// What the event changes in what waits. People are held to the limits; a worker's own moves are not, so that no
    /// task is lost to them.
    pub(super) fn waiting(&self, task: &Task, event: &Event) -> Result<WaitingWrites> {
        let (before, after) = (event.from == Some(Status::Pending), event.to == Status::Pending);
        let work = pixel_evaluations(&task.attempt.settings);
        let claimed = matches!(event.change, Change::Claim { .. }).then_some(event.at);
        let mut writes = WaitingWrites { writes: Vec::new(), limited: None };
        match (before, after) {
            (false, true) => {
                let row = WaitingTask { task: task.id, work, since: event.at.as_millisecond() };
                let row = rows::write(&tasks_of(&task.owner), &task.id.to_string(), &row)?;
                writes.writes.push(put(Put::builder().table_name(&self.table).set_item(Some(row)))?);
                let limited = !matches!(event.change, Change::HandOn { .. });
                writes.limited = limited.then_some(writes.writes.len());
                writes.writes.push(self.owner(&task.owner, 1, work, None, limited)?);
            }
            (true, false) => {
                writes.writes.push(self.gone(&task.owner, task.id)?);
                writes.writes.push(self.owner(&task.owner, -1, work, claimed, false)?);
            }
            _ if claimed.is_some() => writes.writes.push(self.owner(&task.owner, 0, work, claimed, false)?),
            _ => {}
        }
        Ok(writes)
    }

    /// The error of an owner who has too much waiting.
    pub(super) fn too_much(&self) -> Error {
        let limits = &self.limits;
        let what = format!(
            "you have as much waiting as one person may, {} tasks or {:.0} megapixel-evaluations of work: wait until \
             some are drawn, or cancel some",
            limits.max_waiting, limits.max_waiting_work
        );
        easel_domain::Error::TooMany { what, retry_after_seconds: RETRY_AFTER_SECONDS }.into()
    }

    /// The owner's row with `tasks` of this `work` more or fewer, taken by a worker at `claimed`.
    fn owner(
        &self,
        owner: &str,
        tasks: i64,
        work: u64,
        claimed: Option<Timestamp>,
        limited: bool,
    ) -> Result<TransactWriteItem> {
        let work = tasks.saturating_mul(i64::try_from(work).unwrap_or(i64::MAX));
        let mut update = Update::builder().table_name(&self.table).set_key(Some(rows::key(WAITING, owner)));
        let mut expression = String::new();
        if tasks != 0 {
            expression.push_str("ADD #waiting :tasks, #work :work ");
            update = update
                .expression_attribute_names("#waiting", "waiting")
                .expression_attribute_names("#work", "work")
                .expression_attribute_values(":tasks", rows::number(tasks))
                .expression_attribute_values(":work", rows::number(work));
        }
        if let Some(at) = claimed {
            expression.push_str("SET #served = :at");
            update = update
                .expression_attribute_names("#served", "served")
                .expression_attribute_values(":at", rows::number(at.as_millisecond()));
        }
        if limited {
            let most = (self.limits.max_waiting_work * MEGA) as i64;
            update = update
                .condition_expression(
                    "(attribute_not_exists(#waiting) OR #waiting < :most) AND \
                     (attribute_not_exists(#work) OR #work <= :most_work OR #waiting <= :none)",
                )
                .expression_attribute_values(":most", rows::number(self.limits.max_waiting))
                .expression_attribute_values(":most_work", rows::number(most.saturating_sub(work)))
                .expression_attribute_values(":none", rows::number(0));
        }
        let update = update.update_expression(expression.trim()).build();
        let update = update.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn gone(&self, owner: &str, task: Uuid) -> Result<TransactWriteItem> {
        let key = rows::key(&tasks_of(owner), &task.to_string());
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key)).build();
        let delete = delete.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// The task to draw next: one that is to be drawn before others; then, of the owner whose tasks were taken longest
    /// ago, the one that waits first. Workers that meet at the same task ask again with a `spread` above 1, and get one of
    /// about so many. Nothing is next while the queue is paused.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn next_waiting(&self, spread: usize) -> Result<Option<Task>> {
        let queue = self.queue().await?;
        if queue.is_paused() {
            return Ok(None);
        }
        let mut owners = self.owners_in_turn().await?;
        let spread = spread.max(1);
        if let Some(task) = self.next_of(queue.in_turn(&owners), spread).await? {
            return Ok(Some(task));
        }
        let first = owners.len().min(spread);
        if first > 1 {
            owners.swap(0, rand::random_range(0..first));
        }
        for owner in owners {
            let mut tasks = self.tasks_waiting(&owner.name, Some(spread + 4)).await?;
            let first = tasks.len().min(spread);
            if first > 1 {
                tasks.swap(0, rand::random_range(0..first));
            }
            for waiting in tasks {
                // Another worker may have taken it since.
                let task = self.find(waiting.task).await?;
                if let Some(task) = task.filter(|task| task.status == Status::Pending) {
                    return Ok(Some(task));
                }
            }
        }
        Ok(None)
    }

    /// Those who have tasks waiting, in the order in which one of theirs is taken.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn owners_in_turn(&self) -> Result<Vec<Owner>> {
        let mut owners = self.owners().await?;
        owners.retain(|owner| owner.waiting > 0);
        owners.sort_by(|one, other| (one.served, &one.name).cmp(&(other.served, &other.name)));
        Ok(owners)
    }

    /// Whether anybody but this owner has tasks waiting.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn others_wait(&self, owner: &str) -> Result<bool> {
        Ok(self.owners().await?.iter().any(|other| other.waiting > 0 && other.name != owner))
    }

    /// Everybody who has tasks waiting or had some lately.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn owners(&self) -> Result<Vec<Owner>> {
        self.all_of(WAITING, None).await
    }

    /// What an owner has waiting, oldest first; at most `limit`, if any.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn tasks_waiting(&self, owner: &str, limit: Option<usize>) -> Result<Vec<WaitingTask>> {
        self.all_of(&tasks_of(owner), limit).await
    }

    async fn all_of<T: serde::de::DeserializeOwned>(&self, partition: &str, limit: Option<usize>) -> Result<Vec<T>> {
        rows::all(self.partition(partition), limit).await?.into_iter().map(rows::read).collect()
    }

    /// Notes down a task that waits without a row that says so, as one does that was made before there were such rows.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn note_waiting(&self, task: &Task) -> Result<()> {
        let work = pixel_evaluations(&task.attempt.settings);
        let row = WaitingTask { task: task.id, work, since: task.updated_at.as_millisecond() };
        let row = self.new_row(rows::write(&tasks_of(&task.owner), &task.id.to_string(), &row)?)?;
        let owner = self.owner(&task.owner, 1, work, None, false)?;
        // Otherwise it is noted down by now, or does not wait any more.
        self.write_unless_moved(vec![self.unmoved(task)?, row, owner]).await
    }

    /// Counts what the owner has waiting, `tasks`, again, and forgets an owner who has had nothing for a day.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn count_waiting(&self, owner: &Owner, tasks: &[WaitingTask], now: Timestamp) -> Result<()> {
        let waiting = i64::try_from(tasks.len()).unwrap_or(i64::MAX);
        let work = tasks.iter().fold(0, |sum: i64, task| sum.saturating_add_unsigned(task.work));
        let idle = waiting == 0 && owner.served < now.as_millisecond() - REMEMBERED_MS;
        if (waiting, work) == (owner.waiting, owner.work) && !idle {
            return Ok(());
        }
        let key = rows::key(WAITING, &owner.name);
        // Only what was counted is changed: a row that moved on meanwhile is counted by the next call.
        let condition =
            "#waiting = :waiting AND #work = :work AND (attribute_not_exists(#served) OR #served = :served)";
        let names = [("#waiting", "waiting"), ("#work", "work"), ("#served", "served")];
        let values = [(":waiting", owner.waiting), (":work", owner.work), (":served", owner.served)];
        let names = names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned()));
        let values = values.map(|(name, value)| (name.to_owned(), rows::number(value)));
        let write = if idle {
            let delete = Delete::builder().table_name(&self.table).set_key(Some(key)).condition_expression(condition);
            let delete = delete.set_expression_attribute_names(Some(names.into()));
            let delete = delete.set_expression_attribute_values(Some(values.into())).build();
            delete.map(|delete| TransactWriteItem::builder().delete(delete).build())
        } else {
            let update = Update::builder().table_name(&self.table).set_key(Some(key)).condition_expression(condition);
            let update = update
                .update_expression("SET #waiting = :counted, #work = :counted_work")
                .set_expression_attribute_names(Some(names.into()))
                .set_expression_attribute_values(Some(values.into()))
                .expression_attribute_values(":counted", rows::number(waiting))
                .expression_attribute_values(":counted_work", rows::number(work))
                .build();
            update.map(|update| TransactWriteItem::builder().update(update).build())
        };
        let write = write.map_err(|error| Error::Internal(error.to_string()))?;
        self.write_unless_moved(vec![write]).await
    }

    /// Writes all, or nothing where the rows have moved on or are moving: the next call sees to what is left.
    async fn write_unless_moved(&self, writes: Vec<TransactWriteItem>) -> Result<()> {
        match self.write_all(writes).await {
            Ok(_) | Err(Error::Contended) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a transaction failed because the owner has too much waiting.
    pub(super) fn is_too_much(refusals: &[Option<WriteRefusal>], limited: Option<usize>) -> bool {
        let condition = |index: usize| refusals.get(index) == Some(&Some(WriteRefusal::Condition));
        let others = (0..refusals.len()).any(|index| Some(index) != limited && condition(index));
        limited.is_some_and(condition) && !others
    }
}

/// The partition of an owner's waiting tasks.
pub(super) fn tasks_of(owner: &str) -> String {
    format!("{WAITING}#{owner}")
}
