//! Calling services, and waiting for those that are away: as long as they are, the worker takes no other message.

use std::time::{Duration, Instant};

use easel_storage::{Error, Result};
use uuid::Uuid;

use super::generation_error::GenerationError;
use super::{Delivery, Worker};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a worker that is told to stop still waits for a service.
const STOPPING: Duration = Duration::from_secs(10);
/// An object that is never there.
const PROBED: &str = "requests/none.json";

impl Worker {
    /// Calls `attempt` until it succeeds or fails for good. An outage is waited for as long as it takes, without a
    /// deadline, else for half of the time that is left. A call that fails for longer than the worker's patience while the
    /// services answer others has failed, too.
    pub(super) async fn retry<T, F>(&self, delivery: &Delivery, attempt: impl Fn() -> F) -> Result<T, GenerationError>
    where
        F: Future<Output = Result<T>>,
    {
        let began = Instant::now();
        let end = delivery.deadline.left().map(|left| began + left / 2);
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_passing() || error.is_refusal() => error,
                Err(error) => return Err(error.into()),
            };
            let stopping = delivery.stop.is_cancelled() && began.elapsed() >= self.options.patience.min(STOPPING);
            if stopping || end.is_some_and(|end| Instant::now() + pause >= end) {
                return Err(error.into());
            }
            if began.elapsed() >= self.options.patience && self.services_answer().await {
                // They may have come back since.
                return match attempt().await {
                    Err(error) if error.is_passing() || error.is_refusal() => Err(GenerationError::alone(error)),
                    result => Ok(result?),
                };
            }
            if error.is_refusal() {
                tracing::error!(%error, "a service refuses its service: waiting until somebody mends that");
            } else {
                tracing::warn!(%error, "a service failed: trying again");
            }
            if delivery.stop.is_cancelled() {
                tokio::time::sleep(FIRST_PAUSE).await;
            } else {
                delivery.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the services answer at all.
    async fn services_answer(&self) -> bool {
        self.workflow.store.find(Uuid::nil()).await.is_ok() && self.workflow.gallery.facts(PROBED).await.is_ok()
    }
}

impl GenerationError {
    /// The error of a call that fails while others succeed.
    fn alone(error: Error) -> Self {
        match error {
            Error::Contended => error.into(),
            error => Self::Failed(format!("{error}; other calls succeed")),
        }
    }
}
