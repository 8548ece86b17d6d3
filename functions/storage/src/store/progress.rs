//! The progress row: a worker's heartbeat, preview and lease.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;

use super::{Filter, Store, rows};
use crate::error::Result;
use easel_domain::task::{Progress, Status, Task};
use jiff::Timestamp;
use uuid::Uuid;

/// How many tasks in progress are read at once.
const PAGE: usize = 100;

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

    /// For how long a worker still holds the task; `None` if none does, or if it is not in progress.
    ///
    /// # Errors
    /// Returns [`NotFound`](easel_domain::Error::NotFound) if there is none, [`Unavailable`](crate::Error::Unavailable) if
    /// DynamoDB fails.
    pub async fn lease_left(&self, id: Uuid, now: Timestamp) -> Result<Option<Duration>> {
        let (task, progress) = self.task_and_progress(id).await?;
        if task.status != Status::InProgress {
            return Ok(None);
        }
        let fence = task.attempt.claim.map_or(0, |claim| claim.fence);
        Ok(progress.filter(|progress| progress.holds(fence, now)).map(|progress| {
            let left = progress.lease_until.saturating_sub(now.as_millisecond());
            Duration::from_millis(u64::try_from(left).unwrap_or_default())
        }))
    }

    /// The tasks in progress that no worker has held for as long as `since`.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn stranded(&self, now: Timestamp, since: Duration) -> Result<Vec<Task>> {
        let filter = Filter { oldest_first: true, ..Filter::at(Status::InProgress) };
        let at = now.as_millisecond().saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let (mut stranded, mut behind) = (Vec::new(), None);
        loop {
            let page = self.list(&filter, PAGE, behind).await?;
            for task in page.tasks {
                // The list is a moment old.
                let Some(task) = self.find(task.id).await?.filter(|task| task.status == Status::InProgress) else {
                    continue;
                };
                let (task, progress) = self.task_and_progress(task.id).await?;
                let lease = progress.map_or(0, |progress| progress.lease_until);
                if task.status == Status::InProgress && lease <= at {
                    stranded.push(task);
                }
            }
            behind = page.next;
            if behind.is_none() {
                return Ok(stranded);
            }
        }
    }
}
