//! From a request to a claimed task, or to the reason why there is nothing to generate.

use std::time::{Duration, Instant};

use easel_domain::task::{Change, Progress, Status, Task};
use easel_model::Generation;
use easel_storage::gallery::DrawRequest;
use easel_storage::store::Saved;
use jiff::Timestamp;
use tracing::Instrument;

use super::generation_error::GenerationError;
use super::{Delivery, DeliveryOutcome, Worker};

/// How often a claim is tried again because the task was moved meanwhile.
const TRIES: u32 = 10;
/// How often workers may die at the same step.
const MOST_TRIES: u32 = 5;
const LARGEST_REQUEST: usize = 10_000;
const POLL: Duration = Duration::from_millis(100);
/// Clocks of workers differ a little.
const AFTER_LEASE: Duration = Duration::from_secs(1);

/// The result of trying to claim a task.
enum ClaimResult {
    /// This worker has claimed it.
    Claimed(Box<ClaimedTask>),
    /// There is nothing to generate now.
    Nothing(DeliveryOutcome),
    /// It was moved at the same time.
    Conflict,
}

/// A task that this worker has claimed.
pub(super) struct ClaimedTask {
    pub(super) task: Task,
    pub(super) progress: Progress,
    /// The generation as an earlier worker left it.
    pub(super) resumed: Option<Generation>,
}

impl Worker {
    /// Generates the task that the object under `key` requests.
    pub(super) async fn generate_requested(
        &self,
        key: &str,
        delivery: &Delivery,
    ) -> Result<DeliveryOutcome, GenerationError> {
        let Some(object) = self.workflow.gallery.read(key, LARGEST_REQUEST).await? else {
            tracing::info!("the request no longer exists");
            return Ok(DeliveryOutcome::Done);
        };
        match serde_json::from_slice::<DrawRequest>(&object.bytes) {
            Ok(request) => self.generate(request, delivery).await,
            Err(error) => {
                tracing::error!(%error, "a request cannot be read");
                Ok(DeliveryOutcome::Done)
            }
        }
    }

    /// Generates the task once it has reached the version that the request names.
    pub(super) async fn generate(
        &self,
        request: DrawRequest,
        delivery: &Delivery,
    ) -> Result<DeliveryOutcome, GenerationError> {
        let span = tracing::info_span!("task", task = %request.task);
        async {
            let _device = self.device.lock().await;
            for _ in 0..TRIES {
                match self.claim(request, delivery).await? {
                    ClaimResult::Claimed(claimed) => return Ok(self.generate_claimed(*claimed, delivery).await),
                    ClaimResult::Nothing(outcome) => return Ok(outcome),
                    ClaimResult::Conflict => tokio::time::sleep(POLL).await,
                }
            }
            Err(GenerationError::Transient("the task kept changing while it was being claimed".to_owned()))
        }
        .instrument(span)
        .await
    }

    async fn claim(&self, request: DrawRequest, delivery: &Delivery) -> Result<ClaimResult, GenerationError> {
        let Some(task) = self.wait_for_move(request).await? else {
            // The request is written before the move that it announces, which may have failed.
            if delivery.count >= self.options.deliveries {
                tracing::info!(version = request.version, "the move that the request announces was never made");
                return Ok(ClaimResult::Nothing(DeliveryOutcome::Done));
            }
            let reason = format!("the task is not at version {} yet", request.version);
            return Ok(ClaimResult::Nothing(DeliveryOutcome::HandBack { after: self.options.retry_after, reason }));
        };
        if !matches!(task.status, Status::Pending | Status::InProgress) {
            tracing::info!(status = %task.status, "nothing to generate");
            return Ok(ClaimResult::Nothing(DeliveryOutcome::Done));
        }
        if let Some(wait) = self.held_for(&task).await? {
            let reason = "another worker is generating the task".to_owned();
            return Ok(ClaimResult::Nothing(DeliveryOutcome::HandBack { after: wait, reason }));
        }
        if delivery.stop.is_cancelled() {
            let reason = "the worker is stopping".to_owned();
            return Ok(ClaimResult::Nothing(DeliveryOutcome::HandBack { after: Duration::ZERO, reason }));
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
            return Ok(ClaimResult::Nothing(DeliveryOutcome::Done));
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
        match self.retry(delivery, || store.save_claim(&claimed, &event, &progress)).await? {
            Saved::Done => {
                tracing::info!(attempt = claimed.attempt.number, step, "claimed");
                Ok(ClaimResult::Claimed(Box::new(ClaimedTask { task: claimed, progress, resumed })))
            }
            Saved::Stale => Ok(ClaimResult::Conflict),
        }
    }

    /// The task, once it has reached the version that the request names; `None` if that takes too long.
    async fn wait_for_move(&self, request: DrawRequest) -> Result<Option<Task>, GenerationError> {
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
    async fn held_for(&self, task: &Task) -> Result<Option<Duration>, GenerationError> {
        // This worker generates one task at a time: a task it has claimed but is not generating, it claimed before a
        // restart.
        if task.attempt.claim.as_ref().is_some_and(|claim| claim.worker == self.options.name) {
            return Ok(None);
        }
        self.lease_left(task).await
    }

    /// For how long any worker still holds the task.
    pub(super) async fn lease_left(&self, task: &Task) -> Result<Option<Duration>, GenerationError> {
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
