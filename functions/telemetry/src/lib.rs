//! Logs as JSON lines, and metrics in CloudWatch's embedded metric format.

mod metrics;

use easel_system::environment::{self, LAMBDA_NAME, LOG};
use tracing_subscriber::EnvFilter;

pub use metrics::{Metrics, Unit};

/// Starts logging: JSON lines on standard output, at the level that `EASEL_LOG` sets (`info` if it is not set or not a
/// valid filter). Calling this twice has no effect.
pub fn start() {
    let filter = environment::text(LOG).and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().json().with_env_filter(filter).with_current_span(true).with_target(false);
    // CloudWatch has its own clock.
    let started = if environment::is_set(LAMBDA_NAME) { lines.without_time().try_init() } else { lines.try_init() };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
