//! Failing tasks that cannot be completed.

use easel_domain::task::{Change, Status, Task};
use easel_storage::gallery::keys;
use easel_storage::store::Saved;
use jiff::Timestamp;

use super::generation_error::GenerationError;
use super::{DeliveryOutcome, Worker, uploads};

impl Worker {
    /// Fails the task, unless someone has moved it since it was read.
    pub(super) async fn fail(&self, task: &Task, reason: &str) -> Result<(), GenerationError> {
        let change = Change::Fail { reason: reason.to_owned() };
        let (failed, event) = task.after(change, &self.identity(), Timestamp::now())?;
        if self.workflow.store.save(&failed, &event).await? == Saved::Done {
            tracing::info!(task = %task.id, reason, "the task has failed");
            self.remove_checkpoint(task).await;
        }
        Ok(())
    }

    /// Fails the task of the object under `key`, whose message the queue has given up.
    pub(super) async fn give_up(&self, key: &str, reason: &str) -> Result<DeliveryOutcome, GenerationError> {
        let (id, upload) = if let Some(name) = key.strip_prefix(keys::REQUESTS) {
            let Some(id) = name.strip_suffix(".json").and_then(|id| id.parse().ok()) else {
                return Ok(DeliveryOutcome::Done);
            };
            (id, None)
        } else {
            let Some((key, facts)) = self.subject(key).await? else { return Ok(DeliveryOutcome::Done) };
            (uploads::task_id(&key, &facts), Some(key))
        };
        let Some(task) = self.workflow.store.find(id).await? else {
            if let Some(key) = upload {
                self.refuse_upload(id, &key, reason).await?;
            }
            return Ok(DeliveryOutcome::Done);
        };
        if !matches!(task.status, Status::Pending | Status::InProgress) {
            return Ok(DeliveryOutcome::Done);
        }
        match self.lease_left(&task).await? {
            // The message was a duplicate, and a worker is generating the task.
            Some(wait) => Ok(DeliveryOutcome::HandBack {
                after: wait,
                reason: "a worker is still generating the task".to_owned(),
            }),
            None => self.fail(&task, reason).await.map(|()| DeliveryOutcome::Done),
        }
    }
}
