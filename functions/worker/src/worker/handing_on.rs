//! Leaving a task to the next worker.

use std::time::{Duration, Instant};

use easel_domain::task::{Change, MAX_HAND_ONS, Status, Task};
use easel_model::Generation;
use easel_storage::store::Saved;
use jiff::Timestamp;

use super::generating::RunningTask;
use super::generation_error::GenerationError;
use super::pace::Pace;
use super::{Delivery, Worker};

/// How often a worker whose time slice is over looks whether others wait.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a task is handed on.
struct HandOn {
    reason: String,
    makes_way: bool,
}

impl Worker {
    /// Whether the generation stops here, because the task was moved, the worker is stopping, there is too little time, or
    /// somebody else has waited for long enough.
    pub(super) async fn is_interrupted(
        &self,
        running: &mut RunningTask,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<bool, GenerationError> {
        if running.heartbeat.has_moved() {
            self.leave_to_others(&running.task, generation, delivery).await?;
            return Ok(true);
        }
        let stopping = delivery.stop.is_cancelled().then(|| "the worker is stopping".to_owned());
        let reason = stopping.or_else(|| running.pace.too_late(delivery.deadline, self.options.margin));
        let hand_on = match reason {
            Some(reason) => HandOn { reason, makes_way: false },
            None if self.makes_way(running).await => {
                HandOn { reason: "somebody else's task waits".to_owned(), makes_way: true }
            }
            None => return Ok(false),
        };
        self.hand_on(&running.task, generation, hand_on, delivery).await?;
        Ok(true)
    }

    /// Whether the task has had its time slice and somebody else's waits.
    async fn makes_way(&self, running: &mut RunningTask) -> bool {
        let Some(slice) = self.options.time_slice else { return false };
        let looked = running.looked_for_others.is_some_and(|looked| looked.elapsed() < LOOK_EVERY.min(slice));
        // Whoever claims a task gets on with it, if only by a step.
        if running.pace.is_fresh() || running.elapsed() < slice || looked {
            return false;
        }
        running.looked_for_others = Some(Instant::now());
        self.workflow.store.others_wait(&running.task.owner).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether others wait could not be seen");
            false
        })
    }

    /// Hands the rest on to the next worker: checkpoint, request, move. A task that was handed on too often has failed.
    async fn hand_on(
        &self,
        task: &Task,
        generation: &Generation,
        HandOn { reason, makes_way }: HandOn,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        if !makes_way && task.attempt.hand_ons >= MAX_HAND_ONS {
            return Err(GenerationError::Request(format!(
                "workers have handed the task on {MAX_HAND_ONS} times and it is not done: ask for fewer images, a smaller \
                 size or fewer steps"
            )));
        }
        self.save_checkpoint_with_retries(task, generation, delivery).await?;
        let step = u32::try_from(generation.step()).unwrap_or(u32::MAX);
        tracing::info!(step, reason, "handing the task on to the next worker");
        let change = Change::HandOn { step, reason, makes_way };
        match self.move_on(task, &change, delivery).await? {
            Saved::Done => Ok(()),
            Saved::Stale => self.leave_to_others(task, generation, delivery).await,
        }
    }

    /// Puts a task down as it is, because a service is away; whether that worked. It is not another try in vain: the next
    /// one starts as this one did.
    pub(super) async fn put_down(&self, task: &Task, reason: &str) -> bool {
        let step = task.attempt.claim.as_ref().map_or(0, |claim| claim.step);
        let change = Change::HandOn { step, reason: reason.to_owned(), makes_way: true };
        let Ok((moved, event)) = task.after(change, &self.identity(), Timestamp::now()) else { return false };
        match self.workflow.store.save(&moved, &event).await {
            Ok(saved) => saved == Saved::Done,
            Err(error) => {
                tracing::warn!(%error, "the task could not be put down; its lease will end");
                false
            }
        }
    }

    /// Stops because someone else moved the task: saves what they need and nothing more.
    pub(super) async fn leave_to_others(
        &self,
        task: &Task,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        let now = self.retry(delivery, || self.workflow.store.find(task.id)).await?;
        let status = now.as_ref().map(|now| now.status);
        tracing::info!(status = status.map(Status::as_str), "the task was moved meanwhile");
        let same = now.is_some_and(|now| now.attempt.claim == task.attempt.claim);
        match status {
            Some(Status::Paused | Status::Pending) if same => {
                self.save_checkpoint(task, generation, &mut Pace::default()).await;
            }
            None | Some(Status::Cancelled | Status::Deleted) => self.remove_checkpoint(task).await,
            _ => {}
        }
        Ok(())
    }
}
