//! A task's history: one row a move.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::Store;
use super::rows::{self, EVENT};
use crate::error::Result;
use easel_domain::task::Event;

/// The last version whose row sorts where it should.
const LAST_VERSION: u64 = 9_999_999_999;

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

    /// Up to `limit` events that led to versions behind `behind`, oldest first; 0 is before the first.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn history_page(&self, id: Uuid, behind: u64, limit: usize) -> Result<HistoryPage> {
        let first = behind.saturating_add(1).min(LAST_VERSION);
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .key_condition_expression("PK = :partition AND SK BETWEEN :first AND :last")
            .expression_attribute_values(":partition", AttributeValue::S(rows::task_partition(id)))
            .expression_attribute_values(":first", AttributeValue::S(rows::event_sort_key(first)))
            .expression_attribute_values(":last", AttributeValue::S(rows::event_sort_key(LAST_VERSION)));
        let mut pages = query.into_paginator().items().send();
        let mut events: Vec<Event> = Vec::new();
        while events.len() <= limit
            && let Some(row) = pages.next().await
        {
            events.push(rows::read(row.map_err(rows::failed)?)?);
        }
        let is_cut = events.len() > limit;
        events.truncate(limit);
        Ok(HistoryPage { next: events.last().filter(|_| is_cut).map(|event| event.version), events })
    }

    /// The event that led to this version, if there is one.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn event_at(&self, id: Uuid, version: u64) -> Result<Option<Event>> {
        let key = rows::key(&rows::task_partition(id), &rows::event_sort_key(version));
        let query = self.client.get_item().table_name(&self.table).consistent_read(true).set_key(Some(key));
        query.send().await.map_err(rows::failed)?.item.map(rows::read).transpose()
    }
}
