//! Ctrl-C of a running service: it finishes its step, unless it is told twice.

use easel_system::temporary;
use tokio_util::sync::CancellationToken;

use crate::command_error::CommandError;
use crate::{interruption, output};

/// Cancels the token the first time that somebody stops the service, and ends the process the second time.
///
/// # Errors
/// The system does not let it listen.
pub(super) fn listen() -> Result<CancellationToken, CommandError> {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let listening = ctrlc::set_handler(move || {
        if stop.is_cancelled() {
            temporary::remove_all(|| {
                output::note("easel: stopped at once; what was done since the last checkpoint is done again");
                std::process::exit(interruption::EXIT_CODE);
            });
        }
        output::note("Stopping once the current step is done, which can take minutes; stop it again to end at once");
        stop.cancel();
    });
    listening.map_err(|error| CommandError::failed(format!("listening for Ctrl-C: {error}")))?;
    Ok(shutdown)
}
