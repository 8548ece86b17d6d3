//! Trying again, with growing pauses, what failed for a moment.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::fetch_error::FetchError;
use super::progress::FetchProgress;
use crate::error::{Error, Result};

/// The pause after the first failure; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A server that asks for a longer pause is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The last failure ends it: six attempts in all.
const PAUSES: usize = 5;

/// Counts failures and pauses between attempts.
pub(super) struct Retries {
    pauses: ExponentialBackoff,
    failures: u32,
}

impl Default for Retries {
    fn default() -> Self {
        let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        Self { pauses: pauses.with_max_times(PAUSES).build(), failures: 0 }
    }
}

impl Retries {
    /// Pauses until another attempt makes sense: for as long as the server asks for, or twice as long as the last time.
    ///
    /// # Errors
    /// Returns the error if trying again does not help, if this was the last attempt, or if the server asks for too
    /// long a pause.
    pub(super) async fn pause(
        &mut self,
        what: &str,
        error: FetchError,
        watch: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<()> {
        let (reason, asked_for) = match error {
            FetchError::Permanent(error) => return Err(error),
            FetchError::Transient(reason, asked_for) => (reason, asked_for),
        };
        self.failures += 1;
        let pause = self.pauses.next().map(|usual| asked_for.unwrap_or(usual));
        let Some(pause) = pause.filter(|pause| *pause <= LONGEST_PAUSE) else {
            let advice = "run the same command again later; what has been fetched so far is kept";
            return Err(Error::Failed(format!("{what}: {reason}; given up at try {}: {advice}", self.failures)));
        };
        watch(FetchProgress::Retrying { what, reason: &reason, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
