//! Logs as JSON lines, and metrics in CloudWatch's embedded metric format.

mod metrics;

use tracing_subscriber::EnvFilter;

pub use metrics::{Metrics, Unit};

/// Starts logging: JSON lines on standard output, as much as `EASEL_LOG` says (`info` if it says nothing). Starting
/// twice is fine.
pub fn start() {
    let filter = EnvFilter::try_from_env("EASEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().json().with_env_filter(filter).with_current_span(true).with_target(false);
    // CloudWatch has its own clock.
    let started = if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        lines.without_time().try_init()
    } else {
        lines.try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
