//! Failing tasks that cannot be completed. What decides is what happened to the task itself, never how often a message
//! came.

use easel_domain::task::{Change, Task};
use easel_storage::store::Saved;

use super::generating::RunningTask;
use super::generation_error::GenerationError;
use super::{Delivery, DeliveryOutcome, Worker};

impl Worker {
    /// Fails the task, unless someone has moved it since it was read.
    pub(super) async fn fail(&self, task: &Task, reason: &str, delivery: &Delivery) -> Result<(), GenerationError> {
        let change = Change::Fail { reason: reason.to_owned() };
        if self.move_on(task, &change, delivery).await? == Saved::Done {
            tracing::info!(task = %task.id, reason, "the task has failed");
            self.remove_checkpoint(task).await;
        }
        Ok(())
    }

    /// Leaves a task that could not be completed: failed, if trying again does not help or was tried often enough, else
    /// to the next worker.
    pub(super) async fn leave_failed(
        &self,
        running: RunningTask,
        error: &GenerationError,
        delivery: &Delivery,
    ) -> DeliveryOutcome {
        tracing::error!(%error, "the task could not be completed");
        let tries = running.task.attempt.claim.as_ref().map_or(1, |claim| claim.tries);
        let given_up = match error {
            GenerationError::Request(_) => true,
            GenerationError::Failed(_) => tries >= self.options.tries,
            GenerationError::Transient(_) | GenerationError::Outage(_) => false,
        };
        if given_up {
            match self.fail(&running.task, &error.to_string(), delivery).await {
                Ok(()) => return DeliveryOutcome::Done,
                Err(error) => tracing::error!(%error, "the failure could not be stored"),
            }
        }
        if let GenerationError::Outage(reason) = error
            && self.put_down(&running.task, reason).await
        {
            return self.hand_back(error, delivery);
        }
        running.heartbeat.release(&error.to_string()).await;
        self.hand_back(error, delivery)
    }
}
