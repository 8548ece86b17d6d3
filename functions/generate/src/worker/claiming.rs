//! From a request to a claimed task, or to why there is nothing to draw.

use std::time::{Duration, Instant};

use easel_core::gallery::DrawRequest;
use easel_core::store::Saved;
use easel_core::task::{Change, Progress, Status, Task};
use easel_model::Generation;
use jiff::Timestamp;
use tracing::Instrument;

use super::trouble::Trouble;
use super::{Delivery, Outcome, Worker};

/// How often the same task is looked at again because it moved in between.
const TRIES: u32 = 10;
/// How often workers may die at the same step.
const MOST_TRIES: u32 = 5;
const LARGEST_REQUEST: usize = 10_000;
const POLL: Duration = Duration::from_millis(100);
/// Clocks of workers differ a little.
const AFTER_LEASE: Duration = Duration::from_secs(1);

/// What became of the wish to draw a task.
enum Claiming {
    /// It is ours.
    Claimed(Box<Claimed>),
    /// There is nothing to draw now.
    Not(Outcome),
    /// It moved at the same time.
    Again,
}

/// A task that is ours to draw.
pub(super) struct Claimed {
    pub(super) task: Task,
    pub(super) progress: Progress,
    /// The drawing as an earlier worker left it.
    pub(super) resumed: Option<Generation>,
}

impl Worker {
    /// Draws the task that the object under `key` asks for.
    pub(super) async fn draw_requested(&self, key: &str, delivery: &Delivery) -> Result<Outcome, Trouble> {
        let Some(object) = self.workflow.gallery.read(key, LARGEST_REQUEST).await? else {
            tracing::info!("the request is gone");
            return Ok(Outcome::Done);
        };
        match serde_json::from_slice::<DrawRequest>(&object.bytes) {
            Ok(request) => self.draw(request, delivery).await,
            Err(error) => {
                tracing::error!(%error, "a request that cannot be read");
                Ok(Outcome::Done)
            }
        }
    }

    /// Draws the task once it is at the version that the request says.
    pub(super) async fn draw(&self, request: DrawRequest, delivery: &Delivery) -> Result<Outcome, Trouble> {
        let span = tracing::info_span!("task", task = %request.task);
        async {
            let _one_at_a_time = self.easel.lock().await;
            for _ in 0..TRIES {
                match self.claim(request, delivery).await? {
                    Claiming::Claimed(claimed) => return Ok(self.draw_claimed(*claimed, delivery).await),
                    Claiming::Not(outcome) => return Ok(outcome),
                    Claiming::Again => tokio::time::sleep(POLL).await,
                }
            }
            Err(Trouble::Passing("others keep moving the task".to_owned()))
        }
        .instrument(span)
        .await
    }

    async fn claim(&self, request: DrawRequest, delivery: &Delivery) -> Result<Claiming, Trouble> {
        let Some(task) = self.wait_for_move(request).await? else {
            // The request is written before the move that it announces, which may have failed.
            if delivery.count >= self.options.deliveries {
                tracing::info!(version = request.version, "the move that the request announces was never made");
                return Ok(Claiming::Not(Outcome::Done));
            }
            let reason = format!("the task is not at version {} yet", request.version);
            return Ok(Claiming::Not(Outcome::HandBack { after: self.options.retry_after, reason }));
        };
        if !matches!(task.status, Status::Pending | Status::InProgress) {
            tracing::info!(status = %task.status, "nothing to draw");
            return Ok(Claiming::Not(Outcome::Done));
        }
        if let Some(wait) = self.held_for(&task).await? {
            let reason = "another worker draws the task".to_owned();
            return Ok(Claiming::Not(Outcome::HandBack { after: wait, reason }));
        }
        if delivery.stop.is_cancelled() {
            let reason = "the worker is stopping".to_owned();
            return Ok(Claiming::Not(Outcome::HandBack { after: Duration::ZERO, reason }));
        }
        let resumed = self.resume(&task).await?;
        let step = resumed.as_ref().map_or(0, |generation| u32::try_from(generation.step()).unwrap_or(u32::MAX));
        let now = Timestamp::now();
        let change = Change::Claim { worker: self.options.name.clone(), step };
        let (claimed, event) = task.after(change, &self.identity(), now)?;
        if claimed.attempt.claim.as_ref().is_some_and(|claim| claim.tries > MOST_TRIES) {
            let reason =
                format!("{MOST_TRIES} workers stopped at step {step} without finishing it: look at their logs");
            self.fail(&task, &reason).await?;
            return Ok(Claiming::Not(Outcome::Done));
        }
        let lease = i64::try_from(self.options.lease.as_millis()).unwrap_or(i64::MAX / 2);
        let progress = Progress {
            fence: claimed.version,
            lease_until: now.as_millisecond() + lease,
            step,
            total: resumed.as_ref().map_or(0, |generation| u32::try_from(generation.total()).unwrap_or(u32::MAX)),
            stage: "start".to_owned(),
            remaining_seconds: None,
            at: now,
            preview: None,
        };
        let store = &self.workflow.store;
        match self.patiently(delivery, || store.save_claim(&claimed, &event, &progress)).await? {
            Saved::Done => {
                tracing::info!(attempt = claimed.attempt.number, step, "claimed");
                Ok(Claiming::Claimed(Box::new(Claimed { task: claimed, progress, resumed })))
            }
            Saved::Stale => Ok(Claiming::Again),
        }
    }

    /// The task, once it is at the version that the request says; `None` if it does not get there for a while.
    async fn wait_for_move(&self, request: DrawRequest) -> Result<Option<Task>, Trouble> {
        let end = Instant::now() + self.options.wait_for_move;
        loop {
            let task = self.workflow.store.find(request.task).await?;
            match task.filter(|task| task.version >= request.version) {
                Some(task) => return Ok(Some(task)),
                None if Instant::now() >= end => return Ok(None),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// For how long another worker still holds the task; `None` if it is free.
    async fn held_for(&self, task: &Task) -> Result<Option<Duration>, Trouble> {
        // This worker draws one task at a time: what it claimed and does not draw, it claimed in an earlier life.
        if task.attempt.claim.as_ref().is_some_and(|claim| claim.worker == self.options.name) {
            return Ok(None);
        }
        self.lease_left(task).await
    }

    /// For how long any worker still holds the task.
    pub(super) async fn lease_left(&self, task: &Task) -> Result<Option<Duration>, Trouble> {
        if task.status != Status::InProgress {
            return Ok(None);
        }
        let (task, progress) = self.workflow.store.task_and_progress(task.id).await?;
        let fence = task.attempt.claim.map_or(0, |claim| claim.fence);
        let now = Timestamp::now();
        Ok(progress.filter(|progress| progress.holds(fence, now)).map(|progress| {
            let left = progress.lease_until.saturating_sub(now.as_millisecond());
            Duration::from_millis(u64::try_from(left).unwrap_or_default()) + AFTER_LEASE
        }))
    }
}
