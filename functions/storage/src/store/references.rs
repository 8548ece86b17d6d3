//! Which tasks need an image that somebody uploaded: the image goes with the last of them.

use aws_sdk_dynamodb::types::{AttributeValue, Put, Select, TransactWriteItem};
use uuid::Uuid;

use super::changes::put;
use super::{Store, rows};
use crate::error::Result;
use easel_domain::task::Task;

impl Store {
    /// The rows that say which images the task's current attempt needs. They are written in one transaction with the move
    /// that brings the images.
    pub(super) fn references(&self, task: &Task) -> Result<Vec<TransactWriteItem>> {
        let rows = task.attempt.settings.image_keys().into_iter().map(|key| {
            let row = rows::key(&partition(key), &task.id.to_string());
            put(Put::builder().table_name(&self.table).set_item(Some(row)))
        });
        rows.collect()
    }

    /// Forgets that the task needs the object under `key`; whether no task does any more.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn release(&self, key: &str, task: Uuid) -> Result<bool> {
        let row = rows::key(&partition(key), &task.to_string());
        self.client.delete_item().table_name(&self.table).set_key(Some(row)).send().await.map_err(rows::failed)?;
        Ok(!self.is_used(key).await?)
    }

    /// Whether a task needs the object under `key`.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn is_used(&self, key: &str) -> Result<bool> {
        let tasks = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .select(Select::Count)
            .limit(1)
            .key_condition_expression("PK = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(partition(key)));
        Ok(tasks.send().await.map_err(rows::failed)?.count > 0)
    }
}

fn partition(key: &str) -> String {
    format!("INPUT#{key}")
}
