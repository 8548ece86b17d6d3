//! Which tasks start from an image that somebody uploaded: the image goes with the last of them.

use aws_sdk_dynamodb::types::{AttributeValue, Put, Select, TransactWriteItem};
use uuid::Uuid;

use super::changes::put;
use super::{Store, rows};
use crate::error::Result;
use easel_domain::task::Task;

impl Store {
    /// The row that says that the task's current attempt starts from an image; none if it starts from none. It is written
    /// in one transaction with the move that brings the image.
    pub(super) fn reference(&self, task: &Task) -> Result<Option<TransactWriteItem>> {
        let Some(key) = &task.attempt.settings.init_image else { return Ok(None) };
        let row = rows::key(&partition(key), &task.id.to_string());
        put(Put::builder().table_name(&self.table).set_item(Some(row))).map(Some)
    }

    /// Forgets that the task starts from the object under `key`; whether no task does any more.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn release(&self, key: &str, task: Uuid) -> Result<bool> {
        let row = rows::key(&partition(key), &task.to_string());
        self.client.delete_item().table_name(&self.table).set_key(Some(row)).send().await.map_err(rows::failed)?;
        Ok(!self.is_used(key).await?)
    }

    /// Whether a task starts from the object under `key`.
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
