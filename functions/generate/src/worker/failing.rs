//! Telling a task that it cannot be drawn.

use easel_core::gallery::keys;
use easel_core::store::Saved;
use easel_core::task::{Change, Status, Task};
use jiff::Timestamp;

use super::trouble::Trouble;
use super::{Outcome, Worker, uploads};

impl Worker {
    /// Fails the task as it was read; if somebody moved it since, they know better.
    pub(super) async fn fail(&self, task: &Task, reason: &str) -> Result<(), Trouble> {
        let change = Change::Fail { reason: reason.to_owned() };
        let (failed, event) = task.after(change, &self.identity(), Timestamp::now())?;
        if self.workflow.store.save(&failed, &event).await? == Saved::Done {
            tracing::info!(task = %task.id, reason, "the task has failed");
            self.forget(task).await;
        }
        Ok(())
    }

    /// The queue gave up the message of the object under `key`; so its task is given up.
    pub(super) async fn give_up(&self, key: &str, reason: &str) -> Result<Outcome, Trouble> {
        let (id, upload) = if let Some(name) = key.strip_prefix(keys::REQUESTS) {
            let Some(id) = name.strip_suffix(".json").and_then(|id| id.parse().ok()) else { return Ok(Outcome::Done) };
            (id, None)
        } else {
            let Some((key, facts)) = self.subject(key).await? else { return Ok(Outcome::Done) };
            (uploads::task_id(&key, &facts), Some(key))
        };
        let Some(task) = self.workflow.store.find(id).await? else {
            if let Some(key) = upload {
                self.refuse_upload(id, &key, reason).await?;
            }
            return Ok(Outcome::Done);
        };
        if !matches!(task.status, Status::Pending | Status::InProgress) {
            return Ok(Outcome::Done);
        }
        match self.lease_left(&task).await? {
            // The message was a second one, and a worker is at it.
            Some(wait) => Ok(Outcome::HandBack { after: wait, reason: "a worker still draws the task".to_owned() }),
            None => self.fail(&task, reason).await.map(|()| Outcome::Done),
        }
    }
}
