//! The progress row: a worker's heartbeat, preview and lease.

use aws_sdk_dynamodb::operation::put_item::PutItemError;

use super::{Store, rows};
use crate::error::Result;
use easel_domain::task::Progress;
use uuid::Uuid;

impl Store {
    /// Writes how far a worker is and extends its lease; `false` if another worker holds the task by now.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn report_progress(&self, id: Uuid, progress: &Progress) -> Result<bool> {
        let row = rows::write(&rows::task_partition(id), rows::PROGRESS, progress)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("#fence = :fence")
            .expression_attribute_names("#fence", "fence")
            .expression_attribute_values(":fence", rows::number(progress.fence));
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) =>
            {
                Ok(false)
            }
            Err(error) => Err(rows::failed(error)),
        }
    }
}
