//! Retrying calls to services that fail for a moment, while all results are still in memory.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use easel_storage::{Error, Result};

use super::{Delivery, Worker};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Worker {
    /// Calls `attempt` until it succeeds, fails for good, or would take longer than the worker's patience or half of
    /// the time that is left.
    pub(super) async fn retry<T, F>(&self, delivery: &Delivery, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let left = delivery.deadline.left().unwrap_or(Duration::MAX);
        let end = Instant::now() + self.options.patience.min(left / 2);
        let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        attempt
            .retry(pauses.without_max_times())
            .when(Error::is_passing)
            .adjust(|_, pause| pause.filter(|pause| Instant::now() + *pause < end))
            .notify(|error, _| tracing::warn!(%error, "a service failed, trying again"))
            .await
    }
}
