//! The worker: does what a message says, once, whatever happens to it on the way.

mod checkpoints;
mod claiming;
mod deadline;
mod drawing;
mod encoding;
mod failing;
mod finishing;
mod message;
mod options;
mod pace;
mod patience;
mod price;
mod trouble;
mod uploads;
mod vigil;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use easel_core::gallery::keys;
use easel_core::identity::Identity;
use easel_core::telemetry::{Metrics, Unit};
use easel_core::workflow::Workflow;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use deadline::Deadline;
pub use options::WorkerOptions;

use crate::error::{Error, Result};
use crate::studio::Studio;
use crate::validation::{self, Check};
use message::Message;
use trouble::Trouble;

/// How often a worker reports what it is.
const REPORT_EVERY: Duration = Duration::from_secs(180);

/// Draws what messages ask for, one task at a time.
pub struct Worker {
    workflow: Workflow,
    studio: Arc<Studio>,
    options: WorkerOptions,
    /// One device draws one task at a time.
    easel: tokio::sync::Mutex<()>,
    reported: Mutex<Option<Instant>>,
}

/// A message as it was delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub body: String,
    /// Which delivery of it this is, from 1.
    pub count: u32,
    /// When the worker has to be done.
    pub deadline: Deadline,
    /// Asks the worker to finish its step and leave the rest to others.
    pub stop: CancellationToken,
}

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Done,
    /// It is to be delivered again.
    HandBack {
        /// Not before this long from now.
        after: Duration,
        /// Why.
        reason: String,
    },
}

impl Worker {
    /// A worker in `studio`.
    #[must_use]
    pub fn new(workflow: Workflow, studio: Arc<Studio>, options: WorkerOptions) -> Self {
        Self { workflow, studio, options, easel: tokio::sync::Mutex::new(()), reported: Mutex::new(None) }
    }

    /// Does what the message says. A message that nobody can read comes again until its queue gives it up, so that the
    /// alarm on the dead letters tells of it.
    pub async fn handle(&self, delivery: &Delivery) -> Outcome {
        self.report().await;
        match Message::read(&delivery.body) {
            Ok(Message::Test) => Outcome::Done,
            Ok(Message::Housekeeping) => self.keep_house(delivery).await,
            Ok(Message::Created(created)) => {
                let mut outcome = Outcome::Done;
                for key in created {
                    let span = tracing::info_span!("object", key, delivery = delivery.count);
                    let next = self.draw_object(&key, delivery).instrument(span).await;
                    outcome = outcome.and(next.unwrap_or_else(|trouble| self.excuse(&trouble, delivery)));
                }
                outcome
            }
            Err(reason) => {
                tracing::error!(reason, body = delivery.body, "a message that says nothing to a worker");
                Outcome::HandBack { after: self.options.retry_after, reason }
            }
        }
    }

    /// What a message was given up for is told by its task. `reason` says what happened to the message.
    pub async fn dead_letter(&self, delivery: &Delivery, reason: &str) -> Outcome {
        let Ok(Message::Created(created)) = Message::read(&delivery.body) else { return Outcome::Done };
        let mut outcome = Outcome::Done;
        for key in created {
            let span = tracing::info_span!("dead letter", key);
            let next = self.give_up(&key, reason).instrument(span).await;
            outcome = outcome.and(next.unwrap_or_else(|trouble| self.excuse(&trouble, delivery)));
        }
        outcome
    }

    /// Writes what this worker is, if it has not done so for a while.
    pub async fn report(&self) {
        let before = *self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if before.is_some_and(|before| before.elapsed() < REPORT_EVERY) {
            return;
        }
        let report = self.studio.report(&self.options.name);
        if before.is_none() {
            Metrics::new()
                .dimension("device", report.device.clone())
                .value("ColdStart", Unit::Seconds, report.cold_start_seconds)
                .emit();
        }
        match self.workflow.store.report_worker(&report).await {
            Ok(()) => *self.reported.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now()),
            Err(error) => tracing::warn!(%error, "what the worker is could not be written"),
        }
    }

    /// Whether everything is as this worker needs it, but for its queue.
    ///
    /// # Errors
    /// The checks end in a panic.
    pub async fn validate(&self) -> Result<Vec<Check>> {
        let _easel = self.easel.lock().await;
        let mut checks = validation::check_configuration();
        let studio = self.studio.clone();
        let drawing = tokio::task::spawn_blocking(move || validation::check_studio(&studio)).await;
        checks.extend(drawing.map_err(|error| Error::Failed(format!("drawing a picture: {error}")))?);
        checks.extend(validation::check_services(&self.workflow).await);
        Ok(checks)
    }

    async fn draw_object(&self, key: &str, delivery: &Delivery) -> Result<Outcome, Trouble> {
        if key.starts_with(keys::REQUESTS) {
            return self.draw_requested(key, delivery).await;
        }
        if key.starts_with(keys::UPLOADS) {
            return self.draw_upload(key, delivery).await;
        }
        tracing::error!("an object under a prefix that no worker looks after");
        Ok(Outcome::Done)
    }

    async fn keep_house(&self, delivery: &Delivery) -> Outcome {
        match self.workflow.purge_deleted(Timestamp::now()).await {
            Ok(purged) => {
                tracing::info!(purged, "removed tasks whose grace period is over");
                Outcome::Done
            }
            Err(error) => self.excuse(&error.into(), delivery),
        }
    }

    /// The message is tried again later; after its last delivery the queue gives it up.
    fn excuse(&self, trouble: &Trouble, delivery: &Delivery) -> Outcome {
        let reason = trouble.to_string();
        tracing::warn!(reason, "handing the message back");
        Outcome::HandBack { after: self.options.retry_after * delivery.count.max(1), reason }
    }

    fn identity(&self) -> Identity {
        Identity::worker(&self.options.name)
    }
}

impl Outcome {
    /// Of several objects in one message: the message is done with when all are.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, other) => other,
            (one, Self::Done) => one,
            (Self::HandBack { after: one, reason }, Self::HandBack { after: other, .. }) => {
                Self::HandBack { after: one.min(other), reason }
            }
        }
    }
}
