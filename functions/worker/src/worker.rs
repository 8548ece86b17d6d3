//! The worker: a message lets it draw what is next, and it draws that exactly once, whatever interrupts it.
//!
//! Its methods are in files by purpose: `choosing` (which task is next), `claiming` (taking it), `generating` (its steps,
//! and why they stop early), `reading` (the images that a task is made with), `offering` (what can be asked for by name), `checkpoints` (saving and resuming), `finishing` (decoding, storing, the final move), `enlarging` (tasks that draw nothing),
//! `failing` (tasks that cannot be completed), `retry` (calls to services, and waiting for those that are away). This
//! file has what a queue calls.

mod checkpoints;
mod choosing;
mod claiming;
mod deadline;
mod enlarging;
mod failing;
mod finishing;
mod generating;
mod generation_error;
mod handing_on;
mod heartbeat;
mod image_files;
mod moving;
mod offering;
mod pace;
mod reading;
mod retry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use easel_domain::identity::Identity;
use easel_settings::shortened;
use easel_storage::message::Message;
use easel_storage::store::{WorkerOffers, WorkerReport};
use easel_storage::workflow::Workflow;
use easel_telemetry::{Metrics, Unit};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use deadline::Deadline;

pub use crate::worker_options::WorkerOptions;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::validation::{self, ReadinessCheck};
use generation_error::GenerationError;

/// For how long a message is hidden that met an outage longer than the worker could wait.
const AFTER_OUTAGE: Duration = Duration::from_secs(600);

/// Most characters of a message in the log.
const MAX_LOGGED: usize = 2_000;

/// Generates what messages ask for, one task at a time.
pub struct Worker {
    workflow: Workflow,
    engine: Arc<Engine>,
    options: WorkerOptions,
    /// Held while the device is in use: it generates for one task at a time.
    device: tokio::sync::Mutex<()>,
    reported: Mutex<Option<Instant>>,
    /// What was last said to be offered, and when.
    offered: Mutex<Option<(WorkerOffers, Instant)>>,
}

/// A message as it was delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub body: String,
    /// Which delivery of it this is, from 1.
    pub count: u32,
    /// When the worker must be done.
    pub deadline: Deadline,
    /// Asks the worker to finish the current step and leave the rest to others.
    pub stop: CancellationToken,
}

/// What a queue does with a message next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It is deleted.
    Done,
    /// It is delivered again.
    HandBack {
        /// Not before this long from now.
        after: Duration,
        /// Why.
        reason: String,
    },
}

impl Worker {
    /// A worker that generates with `engine`.
    #[must_use]
    pub fn new(workflow: Workflow, engine: Arc<Engine>, options: WorkerOptions) -> Self {
        Self {
            workflow,
            engine,
            options,
            device: tokio::sync::Mutex::new(()),
            reported: Mutex::new(None),
            offered: Mutex::new(None),
        }
    }

    /// The worker's options.
    #[must_use]
    pub fn options(&self) -> &WorkerOptions {
        &self.options
    }

    /// Draws what is next, once for each object that the message announces. A message that cannot be read is handed back
    /// until its queue gives it up, so that it raises the alarm on dead letters.
    pub async fn handle(&self, delivery: &Delivery) -> DeliveryOutcome {
        self.report().await;
        match Message::read(&delivery.body) {
            Ok(Message::Test | Message::Removed(_)) => DeliveryOutcome::Done,
            Ok(Message::Created(created)) => {
                let mut outcome = DeliveryOutcome::Done;
                for key in created {
                    let span = tracing::info_span!("object", key, delivery = delivery.count);
                    let next = self.draw_for(&key, delivery).instrument(span).await;
                    outcome = outcome.and(next.unwrap_or_else(|error| self.hand_back(&error, delivery)));
                }
                outcome
            }
            Err(reason) => {
                let body = shortened(&delivery.body, MAX_LOGGED);
                tracing::error!(reason, %body, "a message cannot be read");
                DeliveryOutcome::HandBack { after: self.options.retry_after, reason }
            }
        }
    }

    /// Looks after a message that its queue has given up.
    pub async fn dead_letter(&self, delivery: &Delivery) -> DeliveryOutcome {
        let take_up = || self.workflow.take_up_again(&delivery.body, Timestamp::now());
        match self.retry(delivery, take_up).await {
            Ok(()) => DeliveryOutcome::Done,
            Err(error) => self.hand_back(&error, delivery),
        }
    }

    /// Stores this worker's report, if that was not done recently.
    pub async fn report(&self) {
        let before = *self.reported.lock();
        if before.is_some_and(|before| before.elapsed() < WorkerReport::PERIOD) {
            return;
        }
        let report = self.engine.report(&self.options.name);
        if before.is_none() {
            Metrics::new()
                .dimension("device", report.device.clone())
                .value("ColdStart", Unit::Seconds, report.cold_start_seconds)
                .emit();
        }
        match self.workflow.store.report_worker(&report).await {
            Ok(()) => *self.reported.lock() = Some(Instant::now()),
            Err(error) => tracing::warn!(%error, "the worker's report could not be stored"),
        }
    }

    /// Checks whether everything that this worker needs is ready, except for its queue.
    ///
    /// # Errors
    /// Fails if the checks panic.
    pub async fn validate(&self) -> Result<Vec<ReadinessCheck>> {
        let _device = self.device.lock().await;
        let mut checks = validation::check_configuration();
        let engine = self.engine.clone();
        let generation = tokio::task::spawn_blocking(move || validation::check_engine(&engine)).await;
        checks.extend(generation.map_err(|error| Error::Failed(format!("generating an image: {error}")))?);
        checks.extend(validation::check_services(&self.workflow).await);
        Ok(checks)
    }

    /// Hands the message back for another delivery.
    fn hand_back(&self, error: &GenerationError, delivery: &Delivery) -> DeliveryOutcome {
        let reason = error.to_string();
        tracing::warn!(reason, "handing the message back");
        let after = match error {
            GenerationError::Outage(_) if delivery.stop.is_cancelled() => Duration::ZERO,
            GenerationError::Outage(_) => AFTER_OUTAGE,
            _ => self.options.retry_after * delivery.count.max(1),
        };
        DeliveryOutcome::HandBack { after, reason }
    }

    fn identity(&self) -> Identity {
        Identity::worker(&self.options.name)
    }
}

impl DeliveryOutcome {
    /// The outcome for a message with several objects: it is done when all of them are.
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
