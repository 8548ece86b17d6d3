//! Standard output and standard error, either of which may be closed or full.

use std::io::{ErrorKind, Write};

use easel_system::environment::{self, LOG};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::command_error::CommandError;

/// Says something to a person. Where nobody can hear it, nothing is lost.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints a result.
///
/// # Errors
/// Standard output cannot be written; a reader that has read enough is no error.
pub(crate) fn result(text: &str) -> Result<(), CommandError> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CommandError::failed(format!("writing standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a result as one JSON object.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value);
    result(&text.map_err(|error| CommandError::failed(format!("writing the report: {error}")))?)
}

/// What is logged where nothing is asked for.
const DEFAULT_FILTER: &str = "warn";

/// Sends the log to standard error, filtered by `EASEL_LOG`.
///
/// # Errors
/// `EASEL_LOG` is no filter.
pub(crate) fn start_log() -> Result<(), CommandError> {
    let filter = environment::text(LOG);
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(DEFAULT_FILTER))
        .map_err(|error| CommandError::wrong_use(format!("EASEL_LOG: {error}; use a level such as `info`")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written must not end the work.
    let _ = log.log_internal_errors(false).try_init();
    Ok(())
}
