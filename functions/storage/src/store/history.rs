//! A task's history: one row a move.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use uuid::Uuid;

use super::Store;
use super::rows::{self, EVENT};
use crate::error::{Error, Result};
use easel_domain::task::{Change, Event};

/// The last version whose row sorts where it should.
const LAST_VERSION: u64 = 9_999_999_999;

/// How many events are read at once to be erased.
const ERASED_AT_ONCE: usize = 50;

#[derive(Deserialize)]
struct Newest {
    version: u64,
    newest_event: Option<String>,
}

/// A part of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// Oldest first.
    pub events: Vec<Event>,
    /// Where the next part begins: behind this version. `None` if there is nothing more so far.
    pub next: Option<u64>,
}

impl Store {
    /// Everything that happened to the task, oldest first; empty if there is no such task.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn history(&self, id: Uuid) -> Result<Vec<Event>> {
        let query = self
            .partition(&rows::task_partition(id))
            .key_condition_expression("PK = :partition AND begins_with(SK, :event)")
            .expression_attribute_values(":event", AttributeValue::S(EVENT.to_owned()));
        rows::all(query, None).await?.into_iter().map(rows::read).collect()
    }

    /// Up to `limit` events that led to versions behind `behind`, oldest first; 0 is before the first.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn history_page(&self, id: Uuid, behind: u64, limit: usize) -> Result<HistoryPage> {
        let first = behind.saturating_add(1).min(LAST_VERSION);
        let (first, last) = (rows::event_sort_key(first), rows::event_sort_key(LAST_VERSION));
        let found = rows::all(self.between(&rows::task_partition(id), &first, &last), Some(limit + 1)).await?;
        let mut events: Vec<Event> = found.into_iter().map(rows::read).collect::<Result<_>>()?;
        let is_cut = events.len() > limit;
        events.truncate(limit);
        Ok(HistoryPage { next: events.last().filter(|_| is_cut).map(|event| event.version), events })
    }

    /// The version of the task and the hash of the event that led to it, as the task's own row has them; none if the task is
    /// gone, or from before events were chained.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn newest_event(&self, id: Uuid) -> Result<Option<(u64, String)>> {
        let key = rows::key(&rows::task_partition(id), rows::TASK);
        let query = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression("#version, newest_event")
            .expression_attribute_names("#version", "version")
            .set_key(Some(key));
        let Some(row) = query.send().await.map_err(rows::failed)?.item else { return Ok(None) };
        let Newest { version, newest_event } = rows::read(row)?;
        Ok(newest_event.map(|hash| (version, hash)))
    }

    /// Erases what the task's events brought: what people wrote, and what was made of it. Who did what and when stays, and
    /// so do the hashes. Safe to repeat.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn erase_history(&self, id: Uuid) -> Result<()> {
        let mut behind = 0;
        loop {
            let page = self.history_page(id, behind, ERASED_AT_ONCE).await?;
            for event in page.events.iter().filter(|event| !matches!(event.change, Change::Erased { .. })) {
                self.erase_event(event).await?;
            }
            let Some(next) = page.next else { return Ok(()) };
            behind = next;
        }
    }

    async fn erase_event(&self, event: &Event) -> Result<()> {
        let erased = serde_dynamo::to_attribute_value(event.change.erased());
        let erased = erased.map_err(|error| Error::Internal(format!("erasing an event: {error}")))?;
        let key = rows::key(&rows::task_partition(event.task), &rows::event_sort_key(event.version));
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET #change = :erased")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#change", "change")
            .expression_attribute_values(":erased", erased);
        update.send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// The event that led to this version, if there is one.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn event_at(&self, id: Uuid, version: u64) -> Result<Option<Event>> {
        self.row(&rows::task_partition(id), &rows::event_sort_key(version)).await
    }
}
