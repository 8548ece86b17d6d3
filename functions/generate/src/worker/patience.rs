//! Services that fail for a moment are tried again on the spot, while everything is at hand.

use std::time::{Duration, Instant};

use easel_core::Result;

use super::{Delivery, Worker};

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Worker {
    /// Tries until it works, the failure is no passing one, or patience or time is at its end.
    pub(super) async fn patiently<T, F>(&self, delivery: &Delivery, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let left = delivery.deadline.left().unwrap_or(Duration::MAX);
        let end = Instant::now() + self.options.patience.min(left / 2);
        let mut wait = FIRST_WAIT;
        loop {
            match attempt().await {
                Err(error) if error.is_passing() && Instant::now() + wait < end => {
                    tracing::warn!(%error, "trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                result => return result,
            }
        }
    }
}
