//! Saving a move: the task and its event in one transaction, or not at all.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem};

use backon::{ExponentialBuilder, Retryable};

use super::indexes::BY_STATUS;
use super::{Store, rows};
use crate::error::{Error, Result};
use easel_domain::task::{Event, Move, Progress, Task};
use easel_telemetry::{Metrics, Unit};

/// How often a transaction that met another one is tried again, and the shortest and longest pauses.
const RETRIES: usize = 8;
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Whether a move was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is.
    Done,
    /// The task has changed since it was read; nothing was written.
    Stale,
}

impl Store {
    /// Saves `task` and the `event` that led to it, if the task still is as it was before the event.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn save(&self, task: &Task, event: &Event) -> Result<Saved> {
        let mut writes = vec![self.moved(task, event)?, self.event(event)?];
        if event.change.action() == Some(Move::Relabel) {
            self.note_names(&task.owner, &task.tags).await?;
            writes.extend(self.retagged(task).await?);
        }
        if event.change.action() == Some(Move::Retry) {
            writes.extend(self.references(task)?);
        }
        self.transact(task, event, writes).await
    }

    /// Saves a claim together with the progress row that holds its lease.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn save_claim(&self, task: &Task, event: &Event, progress: &Progress) -> Result<Saved> {
        let row = rows::write(&rows::task_partition(task.id), rows::PROGRESS, progress)?;
        let lease = put(Put::builder().table_name(&self.table).set_item(Some(row)))?;
        self.transact(task, event, vec![self.moved(task, event)?, self.event(event)?, lease]).await
    }

    /// The task's row, on the condition that nobody moved it since.
    fn moved(&self, task: &Task, event: &Event) -> Result<TransactWriteItem> {
        let from = event.from.ok_or_else(|| Error::Internal("a first event is not a move".to_owned()))?;
        let row = rows::task(task)?;
        put(Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(
                "#version = :seen AND #status = :from AND attribute_exists(#shard) AND attribute_not_exists(#going)",
            )
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#shard", BY_STATUS.key)
            .expression_attribute_names("#going", rows::GOING)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":seen", rows::number(event.version - 1))
            .expression_attribute_values(":from", AttributeValue::S(from.as_str().to_owned())))
    }

    /// The condition that nobody moved the task since it was read.
    pub(super) fn unmoved(&self, task: &Task) -> Result<TransactWriteItem> {
        let unmoved = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&rows::task_partition(task.id), rows::TASK)))
            .condition_expression("#version = :seen")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":seen", rows::number(task.version))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().condition_check(unmoved).build())
    }

    /// The rows of the attempts before the current one, as far as the task that was moved had them: the one that a retry
    /// ends, and all of a task whose row is from before attempts had their own.
    fn earlier(&self, task: &Task) -> Result<Vec<TransactWriteItem>> {
        let rows = task.earlier_attempts.iter().map(|attempt| rows::attempt(task.id, attempt));
        rows.map(|row| put(Put::builder().table_name(&self.table).set_item(Some(row?)))).collect()
    }

    /// The event's row, which nothing overwrites.
    pub(super) fn event(&self, event: &Event) -> Result<TransactWriteItem> {
        let row = rows::write(&rows::task_partition(event.task), &rows::event_sort_key(event.version), event)?;
        self.new_row(row)
    }

    /// A row that must not be there yet.
    pub(super) fn new_row(&self, row: rows::Row) -> Result<TransactWriteItem> {
        put(Put::builder().table_name(&self.table).set_item(Some(row)).condition_expression("attribute_not_exists(PK)"))
    }

    /// Writes all or nothing; what stood in the way of each write if a condition does not hold, and nothing if they are
    /// written. Rows that another transaction writes at the same moment are waited for.
    pub(super) async fn write_all(&self, writes: Vec<TransactWriteItem>) -> Result<Vec<Option<WriteRefusal>>> {
        let send = || async {
            let request = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = request.send().await else { return Ok(Vec::new()) };
            let refusals = refusals(error.as_service_error());
            match Cancelled::by(&refusals) {
                Some(Cancelled::Condition) => Ok(refusals),
                Some(Cancelled::Conflict) => Err(Error::Contended),
                None => Err(rows::failed(error)),
            }
        };
        send.retry(conflict_pauses()).when(|error| matches!(error, Error::Contended)).await
    }

    /// Writes all or nothing, with what the event changes elsewhere.
    async fn transact(&self, task: &Task, event: &Event, mut writes: Vec<TransactWriteItem>) -> Result<Saved> {
        writes.extend(self.earlier(task)?);
        writes.extend(self.counted(event.task, event.from, Some(event.to))?);
        let waiting = self.waiting(task, event)?;
        let limited = waiting.limited.map(|index| index + writes.len());
        writes.extend(waiting.writes);
        let refusals = self.write_all(writes).await?;
        if refusals.is_empty() {
            report(event);
            return Ok(Saved::Done);
        }
        if Self::is_too_much(&refusals, limited) { Err(self.too_much()) } else { Ok(Saved::Stale) }
    }
}

/// The pauses after transactions that met others on the same rows.
pub(super) fn conflict_pauses() -> ExponentialBuilder {
    let pauses = ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_max_delay(LAST_WAIT);
    pauses.with_jitter().with_max_times(RETRIES)
}

/// Why a transaction was cancelled as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// A condition does not hold: trying again does not help.
    Condition,
    /// Nothing but other transactions on the same rows stood in the way.
    Conflict,
}

impl Cancelled {
    pub(super) fn by(refusals: &[Option<WriteRefusal>]) -> Option<Self> {
        let any = |refusal| refusals.contains(&Some(refusal));
        if any(WriteRefusal::Condition) {
            return Some(Self::Condition);
        }
        any(WriteRefusal::Conflict).then_some(Self::Conflict)
    }
}

/// Every move is logged and counted here.
pub(super) fn report(event: &Event) {
    let action = event.change.action().map_or("create", Move::as_str);
    let status = event.to.as_str();
    tracing::info!(task = %event.task, action, status, version = event.version, by = event.by.name, "moved");
    let metrics = Metrics::new().dimension("status", status).value("TasksMoved", Unit::Count, 1.0);
    metrics.property("task", event.task.to_string()).property("move", action).emit();
}

pub(super) fn put(put: aws_sdk_dynamodb::types::builders::PutBuilder) -> Result<TransactWriteItem> {
    let put = put.build().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Why a transaction was cancelled: for each of its writes, what stood in the way. Empty if it failed otherwise.
pub(super) fn refusals(error: Option<&TransactWriteItemsError>) -> Vec<Option<WriteRefusal>> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error else { return Vec::new() };
    let refusals: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| match reason.code() {
            Some("ConditionalCheckFailed") => Some(WriteRefusal::Condition),
            Some("TransactionConflict") => Some(WriteRefusal::Conflict),
            _ => None,
        })
        .collect();
    if refusals.iter().any(Option::is_some) { refusals } else { Vec::new() }
}

/// What stands in the way of one write of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteRefusal {
    /// Its condition does not hold.
    Condition,
    /// Another transaction writes the same row at this moment.
    Conflict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_does_not_hold_counts_more_than_a_conflict() {
        let (condition, conflict) = (Some(WriteRefusal::Condition), Some(WriteRefusal::Conflict));
        assert_eq!(Cancelled::by(&[]), None);
        assert_eq!(Cancelled::by(&[None, conflict]), Some(Cancelled::Conflict));
        assert_eq!(Cancelled::by(&[conflict, condition]), Some(Cancelled::Condition));
        assert_eq!(Cancelled::by(&[condition, None]), Some(Cancelled::Condition));
    }
}
