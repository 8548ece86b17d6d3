//! Lists of tasks, newest first, page by page.
//!
//! Ids are `UUIDv7`, so the order of ids is the order of creation, and the last id of a page is where the next begins.

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use uuid::Uuid;

use super::{Store, rows};
use crate::error::Result;
use crate::task::{Status, Task};

pub(super) const BY_STATUS: &str = "by_status";
pub(super) const BY_OWNER: &str = "by_owner";
/// Rows that one page looks at when most are left out by a filter; the cursor goes on from there.
const MOST_READS: usize = 20;

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those that stand here; otherwise all but the deleted ones.
    pub status: Option<Status>,
    /// Only this person's.
    pub owner: Option<String>,
    /// Only those with this tag.
    pub tag: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub tasks: Vec<Task>,
    /// Where the next page begins: below this id. `None` is the end of the list.
    pub next: Option<Uuid>,
}

/// One index partition's part of a page.
struct Part {
    tasks: Vec<Task>,
    /// The id down to which the partition has been read; `None` if to its end.
    read_to: Option<Uuid>,
}

impl Store {
    /// Up to `limit` tasks created before the one with the id `below`, newest first.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn list(&self, filter: &Filter, limit: usize, below: Option<Uuid>) -> Result<Page> {
        let parts = match (&filter.owner, filter.status) {
            (Some(owner), _) => vec![self.part(BY_OWNER, "owner", owner, filter, limit, below).await?],
            (None, Some(status)) => {
                vec![self.part(BY_STATUS, "status", status.as_str(), filter, limit, below).await?]
            }
            (None, None) => {
                let statuses = Status::ALL.into_iter().filter(|status| *status != Status::Deleted);
                let reads = statuses.map(|status| {
                    let (store, filter) = (self.clone(), filter.clone());
                    tokio::spawn(async move {
                        store.part(BY_STATUS, "status", status.as_str(), &filter, limit, below).await
                    })
                });
                let mut parts = Vec::new();
                for read in reads.collect::<Vec<_>>() {
                    parts.push(read.await.map_err(|error| crate::Error::Internal(error.to_string()))??);
                }
                parts
            }
        };
        Ok(merge(parts, limit))
    }

    /// How many tasks stand at `status`.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn count(&self, status: Status) -> Result<u64> {
        let query = self.client.query().table_name(&self.table).index_name(BY_STATUS).select(Select::Count);
        let query = query.key_condition_expression("#key = :key").expression_attribute_names("#key", "status");
        let query = query.expression_attribute_values(":key", AttributeValue::S(status.as_str().to_owned()));
        let mut pages = query.into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::try_from(page.map_err(rows::failed)?.count).unwrap_or_default();
        }
        Ok(count)
    }

    async fn part(
        &self,
        index: &str,
        attribute: &str,
        value: &str,
        filter: &Filter,
        limit: usize,
        below: Option<Uuid>,
    ) -> Result<Part> {
        let mut part = Part { tasks: Vec::new(), read_to: below };
        for _ in 0..MOST_READS {
            let mut query = self.client.query().table_name(&self.table).index_name(index).scan_index_forward(false);
            query = query.limit(i32::try_from(limit + 1).unwrap_or(i32::MAX));
            let mut condition = "#key = :key".to_owned();
            query = query.expression_attribute_names("#key", attribute);
            query = query.expression_attribute_values(":key", AttributeValue::S(value.to_owned()));
            if let Some(below) = part.read_to {
                condition.push_str(" AND id < :below");
                query = query.expression_attribute_values(":below", AttributeValue::S(below.to_string()));
            }
            let mut left_out = Vec::new();
            if attribute == "owner" {
                query = query.expression_attribute_names("#status", "status");
                let (test, status) = filter.status.map_or(("<>", Status::Deleted), |status| ("=", status));
                left_out.push(format!("#status {test} :status"));
                query = query.expression_attribute_values(":status", AttributeValue::S(status.as_str().to_owned()));
            }
            if let Some(tag) = &filter.tag {
                left_out.push("contains(tags, :tag)".to_owned());
                query = query.expression_attribute_values(":tag", AttributeValue::S(tag.clone()));
            }
            if !left_out.is_empty() {
                query = query.filter_expression(left_out.join(" AND "));
            }
            let found = query.key_condition_expression(condition).send().await.map_err(rows::failed)?;
            for row in found.items.unwrap_or_default() {
                part.tasks.push(rows::read::<Task>(row)?);
            }
            let last = found.last_evaluated_key.as_ref().and_then(|key| key.get("id")?.as_s().ok()?.parse().ok());
            part.read_to = last;
            if last.is_none() || part.tasks.len() > limit {
                break;
            }
        }
        Ok(part)
    }
}

/// The newest of all parts, as far as every part has been read.
fn merge(parts: Vec<Part>, limit: usize) -> Page {
    // Below the highest of these ids, some part may hold tasks that have not been read.
    let read_to = parts.iter().filter_map(|part| part.read_to).max();
    let mut tasks: Vec<_> = parts.into_iter().flat_map(|part| part.tasks).collect();
    tasks.sort_unstable_by_key(|task| std::cmp::Reverse(task.id));
    // A task that moved between two of the reads is in two parts.
    tasks.dedup_by_key(|task| task.id);
    tasks.retain(|task| read_to.is_none_or(|read_to| task.id >= read_to));
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let next = if more { tasks.last().map(|task| task.id) } else { read_to };
    Page { tasks, next }
}
