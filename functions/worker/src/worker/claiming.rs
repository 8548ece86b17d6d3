//! Taking a task: the claim, the lease, and the checkpoint to continue from.

use std::sync::Arc;

use easel_domain::task::{Change, MAX_TRIES, Progress, Task};
use easel_model::Generation;
use easel_storage::store::Saved;
use jiff::Timestamp;

use super::generation_error::GenerationError;
use super::{Delivery, Worker};
use crate::engine::Chosen;

/// The result of trying to claim a task.
pub(super) enum ClaimResult {
    /// This worker has claimed it.
    Claimed(Box<ClaimedTask>),
    /// It has failed: too many workers have begun it in vain, or what it names is not there.
    GivenUp,
    /// It was moved at the same time.
    Conflict,
}

/// A task that this worker has claimed.
pub(super) struct ClaimedTask {
    pub(super) task: Task,
    pub(super) progress: Progress,
    /// What it is drawn with.
    pub(super) chosen: Arc<Chosen>,
    /// The generation as an earlier worker left it.
    pub(super) resumed: Option<Generation>,
}

impl Worker {
    /// Claims the task, unless somebody moves it at the same time.
    pub(super) async fn claim(&self, task: Task, delivery: &Delivery) -> Result<ClaimResult, GenerationError> {
        let chosen = match self.choose(&task).await? {
            Ok(chosen) => Arc::new(chosen),
            Err(reason) => {
                self.fail(&task, &reason, delivery).await?;
                return Ok(ClaimResult::GivenUp);
            }
        };
        let resumed = self.resume(&task, &chosen, delivery).await?;
        let step = resumed.as_ref().map_or(0, |generation| u32::try_from(generation.step()).unwrap_or(u32::MAX));
        let now = Timestamp::now();
        let change = Change::Claim { worker: self.options.name.clone(), step, used: chosen.used.clone() };
        // Who asks for the next task may be told of one that is a moment old.
        let Ok((claimed, event)) = task.after(change, &self.identity(), now) else { return Ok(ClaimResult::Conflict) };
        let tries = claimed.attempt.claim.as_ref().map_or(1, |claim| claim.tries);
        let error = if tries > 1 { self.last_error(&task, delivery).await? } else { None };
        if tries > MAX_TRIES {
            let said =
                error.map_or_else(|| "look at their logs".to_owned(), |error| format!("the last error: {error}"));
            let reason = format!("{MAX_TRIES} workers stopped at step {step} without finishing it: {said}");
            self.fail(&task, &reason, delivery).await?;
            return Ok(ClaimResult::GivenUp);
        }
        let lease = i64::try_from(self.options.lease.as_millis()).unwrap_or(i64::MAX / 2);
        let progress = Progress {
            fence: claimed.version,
            lease_until: now.as_millisecond() + lease,
            step,
            total: resumed.as_ref().map_or(0, |generation| u32::try_from(generation.total()).unwrap_or(u32::MAX)),
            stage: "start".to_owned(),
            remaining_seconds: None,
            error,
            at: now,
            preview: None,
        };
        let store = &self.workflow.store;
        match self.retry(delivery, || store.save_claim(&claimed, &event, &progress)).await? {
            Saved::Done => {
                tracing::info!(attempt = claimed.attempt.number, step, "claimed");
                Ok(ClaimResult::Claimed(Box::new(ClaimedTask { task: claimed, progress, chosen, resumed })))
            }
            Saved::Stale => Ok(ClaimResult::Conflict),
        }
    }

    /// What the task is drawn with, found before the claim, which says it: of several workers that fetch the same file at once
    /// all but one do so in vain. The second result is why the task cannot be drawn, whoever tries.
    async fn choose(&self, task: &Task) -> Result<Result<Chosen, String>, GenerationError> {
        let (engine, attempt) = (self.engine.clone(), task.attempt.clone());
        let choosing = move || engine.choose(&attempt.settings, &attempt.used);
        Ok(tokio::task::spawn_blocking(choosing).await?.map_err(|error| error.to_string()))
    }

    /// What went wrong when a worker tried the task before.
    async fn last_error(&self, task: &Task, delivery: &Delivery) -> Result<Option<String>, GenerationError> {
        let (_, progress) = self.retry(delivery, || self.workflow.store.task_and_progress(task.id)).await?;
        Ok(progress.and_then(|progress| progress.error))
    }
}
