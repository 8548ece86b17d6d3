//! Which task a message lets the worker draw: the one that is next, whichever the message names.

use std::pin::Pin;
use std::time::{Duration, Instant};

use easel_domain::task::{Status, Task};
use easel_storage::gallery::{DrawRequest, keys};
use easel_storage::uploads::Upload;
use jiff::Timestamp;
use tracing::Instrument;
use uuid::Uuid;

use super::claiming::ClaimResult;
use super::generation_error::GenerationError;
use super::{Delivery, DeliveryOutcome, Worker};

/// How often other workers may be faster before the message is handed back.
const MEETINGS: u32 = 20;
/// The most tasks that workers spread over which keep meeting.
const WIDEST_SPREAD: usize = 32;
const LARGEST_REQUEST: usize = 10_000;
const POLL: Duration = Duration::from_millis(100);
/// Clocks of workers differ a little.
const AFTER_LEASE: Duration = Duration::from_secs(1);

/// A message that is being used.
pub(super) type Drawing<'a> = Pin<Box<dyn Future<Output = Result<DeliveryOutcome, GenerationError>> + Send + 'a>>;

/// What a message names. It decides over nothing but what to do where nothing waits.
struct Hint<'a> {
    task: Option<Uuid>,
    key: &'a str,
}

impl Worker {
    /// Draws the next task for the message that announces the object under `key`. The future is boxed, because the
    /// compiler gives up on those that are nested this deeply.
    pub(super) fn draw_for<'a>(&'a self, key: &'a str, delivery: &'a Delivery) -> Drawing<'a> {
        Box::pin(self.use_message(key, delivery))
    }

    async fn use_message(&self, key: &str, delivery: &Delivery) -> Result<DeliveryOutcome, GenerationError> {
        let task = if key.starts_with(keys::UPLOADS) {
            match self.retry(delivery, || self.workflow.take_upload(key, Timestamp::now())).await? {
                Upload::Task(id) => Some(id),
                Upload::Nothing => return Ok(DeliveryOutcome::Done),
                Upload::Incomplete { again } => {
                    let reason = "the image has no prompt yet".to_owned();
                    return Ok(DeliveryOutcome::HandBack { after: again, reason });
                }
            }
        } else if key.starts_with(keys::REQUESTS) {
            keys::requested(key)
        } else {
            tracing::error!("an object under a prefix that workers do not handle");
            return Ok(DeliveryOutcome::Done);
        };
        let _device = self.device.lock().await;
        self.draw_next(&Hint { task, key }, delivery).await
    }

    async fn draw_next(&self, hint: &Hint<'_>, delivery: &Delivery) -> Result<DeliveryOutcome, GenerationError> {
        let wait_until = Instant::now() + self.options.wait_for_move;
        let mut meetings = 0;
        loop {
            if delivery.stop.is_cancelled() {
                let reason = "the worker is stopping".to_owned();
                return Ok(DeliveryOutcome::HandBack { after: Duration::ZERO, reason });
            }
            let spread = 1usize.checked_shl(meetings).unwrap_or(WIDEST_SPREAD).min(WIDEST_SPREAD);
            let Some(task) = self.next(hint, spread, delivery).await? else {
                match self.where_nothing_waits(hint, delivery).await? {
                    Nothing::YetToCome if Instant::now() < wait_until => tokio::time::sleep(POLL).await,
                    Nothing::YetToCome => {
                        return Ok(self.hand_back_some_times("its move is yet to come", None, delivery));
                    }
                    Nothing::Held(left) => {
                        let reason = "another worker is generating the task";
                        return Ok(self.hand_back_some_times(reason, Some(left + AFTER_LEASE), delivery));
                    }
                    Nothing::ToDo => {
                        tracing::info!("nothing waits");
                        return Ok(DeliveryOutcome::Done);
                    }
                }
                continue;
            };
            let span = tracing::info_span!("task", task = %task.id);
            match self.claim(task, delivery).instrument(span.clone()).await? {
                ClaimResult::Claimed(claimed) => {
                    return Ok(self.generate_claimed(*claimed, delivery).instrument(span).await);
                }
                // The next one, then: the message still lets the worker draw.
                ClaimResult::GivenUp => {}
                ClaimResult::Conflict if meetings >= MEETINGS => {
                    let reason = "other workers were faster each time".to_owned();
                    return Err(GenerationError::Transient(reason));
                }
                ClaimResult::Conflict => meetings += 1,
            }
        }
    }

    /// What to draw next. A task that its worker has left comes first where the message names it: it has waited for its
    /// turn before.
    async fn next(&self, hint: &Hint<'_>, spread: usize, delivery: &Delivery) -> Result<Option<Task>, GenerationError> {
        let store = &self.workflow.store;
        if let Some(id) = hint.task
            && let Some(task) = self.retry(delivery, || store.find(id)).await?
            && task.status == Status::InProgress
            && self.is_free(&task, delivery).await?
        {
            return Ok(Some(task));
        }
        if let Some(task) = self.retry(delivery, || store.next_waiting(spread)).await? {
            return Ok(Some(task));
        }
        let stranded = self.retry(delivery, || store.stranded(Timestamp::now(), Duration::ZERO)).await?;
        Ok(stranded.into_iter().next())
    }

    /// Whether the task in progress may be claimed.
    async fn is_free(&self, task: &Task, delivery: &Delivery) -> Result<bool, GenerationError> {
        // This worker generates one task at a time: a task it has claimed but is not generating, it claimed before a
        // restart.
        if task.attempt.claim.as_ref().is_some_and(|claim| claim.worker == self.options.name) {
            return Ok(true);
        }
        let left = self.retry(delivery, || self.workflow.store.lease_left(task.id, Timestamp::now())).await?;
        Ok(left.is_none())
    }

    /// What the message is about, where nothing waits.
    async fn where_nothing_waits(&self, hint: &Hint<'_>, delivery: &Delivery) -> Result<Nothing, GenerationError> {
        let Some(id) = hint.task else { return Ok(Nothing::ToDo) };
        let store = &self.workflow.store;
        let task = self.retry(delivery, || store.find(id)).await?;
        match task.as_ref().map(|task| task.status) {
            // It has come since nothing waited.
            Some(Status::Pending) => return Ok(Nothing::YetToCome),
            Some(Status::InProgress) => {
                let left = self.retry(delivery, || store.lease_left(id, Timestamp::now())).await?;
                return Ok(left.map_or(Nothing::YetToCome, Nothing::Held));
            }
            _ => {}
        }
        let version = task.map_or(0, |task| task.version);
        Ok(if version < self.announced_version(hint, delivery).await? { Nothing::YetToCome } else { Nothing::ToDo })
    }

    /// The version that the request names: it is written before the move that gives the task that version, and that move
    /// may never come.
    async fn announced_version(&self, hint: &Hint<'_>, delivery: &Delivery) -> Result<u64, GenerationError> {
        if !hint.key.starts_with(keys::REQUESTS) {
            return Ok(1);
        }
        let read = self.retry(delivery, || self.workflow.gallery.read(hint.key, LARGEST_REQUEST)).await;
        let object = match read {
            Err(GenerationError::Failed(reason)) => {
                tracing::error!(reason, "a request cannot be read");
                None
            }
            read => read?,
        };
        let request = object.and_then(|object| serde_json::from_slice::<DrawRequest>(&object.bytes).ok());
        Ok(request.map_or(0, |request| request.version))
    }

    /// Hands the message back, but not so often that its queue gives it up: nothing depends on it.
    fn hand_back_some_times(&self, reason: &str, after: Option<Duration>, delivery: &Delivery) -> DeliveryOutcome {
        if delivery.count >= self.options.deliveries {
            tracing::info!(reason, "the message is of no use");
            return DeliveryOutcome::Done;
        }
        DeliveryOutcome::HandBack { after: after.unwrap_or(self.options.retry_after), reason: reason.to_owned() }
    }
}

/// What there is of the task that a message names, where nothing waits.
enum Nothing {
    /// Nothing to do.
    ToDo,
    /// A task that may be drawn as soon as a move is made, or that was let go a moment ago.
    YetToCome,
    /// A worker that holds it for this long.
    Held(Duration),
}
