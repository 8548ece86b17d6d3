//! How many tasks stand where, without counting them.
//!
//! Each move changes a counter in its own transaction, so that the counters are exact. They are spread over [`SHARDS`] rows
//! by the task's id, so that moves of different tasks seldom meet. A task is counted from its first row on; a row that was
//! written before there were counters has no key of an index by state, and is counted when it gets one.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use easel_domain::task::{Status, Task};
use uuid::Uuid;

use super::indexes::{BY_OWNER, BY_STATUS, shard};
use super::{Store, rows};
use crate::error::{Error, Result};

pub(super) const COUNTERS: &str = "COUNTERS";
const SHARDS: u8 = 64;

impl Store {
    /// How many tasks stand at each state.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn counts(&self) -> Result<BTreeMap<Status, u64>> {
        let mut counts = BTreeMap::from(Status::ALL.map(|status| (status, 0)));
        for row in rows::all(self.partition(COUNTERS), None).await? {
            for (status, count) in &mut counts {
                let counter = row.get(status.as_str()).and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
                *count += counter.unwrap_or_default();
            }
        }
        Ok(counts.into_iter().map(|(status, count)| (status, u64::try_from(count).unwrap_or_default())).collect())
    }

    /// What a move from one state to another changes in the counters; nothing if the state stays the same. A task that is
    /// made comes from no state, one that is removed goes to none.
    pub(super) fn counted(&self, id: Uuid, from: Option<Status>, to: Option<Status>) -> Result<Vec<TransactWriteItem>> {
        if from == to {
            return Ok(Vec::new());
        }
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(COUNTERS, &format!("{:02}", shard(id, SHARDS)))));
        let mut changes = Vec::new();
        for (status, name, value, by) in [(from, "#from", ":less", -1), (to, "#to", ":more", 1)] {
            let Some(status) = status else { continue };
            changes.push(format!("{name} {value}"));
            update = update
                .expression_attribute_names(name, status.as_str())
                .expression_attribute_values(value, rows::number(by));
        }
        let update = update.update_expression(format!("ADD {}", changes.join(", "))).build();
        let update = update.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(vec![TransactWriteItem::builder().update(update).build()])
    }

    /// Removes the task's row and takes it off the counters.
    pub(super) async fn discount(&self, task: &Task) -> Result<()> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&rows::task_partition(task.id), rows::TASK)))
            .condition_expression("#version = :seen")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":seen", rows::number(task.version))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let writes = [vec![delete], self.counted(task.id, Some(task.status), None)?].concat();
        // Where the row is gone already, it was taken off then.
        self.write_all(writes).await.map(drop)
    }

    /// Counts every task that was made before there were counters, and lists it; how many these were. Safe to repeat, and
    /// to run while tasks move.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails. What is counted by then stays counted.
    pub async fn recount(&self) -> Result<usize> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("SK = :task AND attribute_not_exists(#shard)")
            .expression_attribute_names("#shard", BY_STATUS.key)
            .expression_attribute_values(":task", AttributeValue::S(rows::TASK.to_owned()));
        let mut pages = scan.into_paginator().items().send();
        let mut counted = 0;
        while let Some(row) = pages.next().await {
            self.adopt(&rows::read(row.map_err(rows::failed)?)?).await?;
            counted += 1;
        }
        Ok(counted)
    }

    /// Gives the row of a task that was made before there were counters what rows have since, and counts it, unless
    /// somebody else does at the same moment.
    pub(super) async fn adopt(&self, task: &Task) -> Result<()> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&rows::task_partition(task.id), rows::TASK)))
            .update_expression("SET #by_status = :by_status, #by_owner = :by_owner")
            .condition_expression("#version = :seen AND attribute_not_exists(#by_status)")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#by_status", BY_STATUS.key)
            .expression_attribute_names("#by_owner", BY_OWNER.key)
            .expression_attribute_values(":seen", rows::number(task.version))
            .expression_attribute_values(
                ":by_status",
                AttributeValue::S(BY_STATUS.value_for(task.status.as_str(), task.id)),
            )
            .expression_attribute_values(":by_owner", AttributeValue::S(BY_OWNER.value_for(&task.owner, task.id)))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let update = TransactWriteItem::builder().update(update).build();
        let writes = [vec![update], self.tagged(task)?, self.counted(task.id, None, Some(task.status))?].concat();
        self.write_all(writes).await.map(drop)
    }
}
