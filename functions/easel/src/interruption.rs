//! Ctrl-C and the like: the command ends at once and leaves no half-written file.

use easel_system::temporary;

use crate::command_error::CommandError;
use crate::output;

/// 128 + SIGINT, as shells have it.
pub(crate) const EXIT_CODE: i32 = 130;

/// Listens for interruptions from now on.
///
/// # Errors
/// The system does not let it.
pub(crate) fn listen() -> Result<(), CommandError> {
    let stop = || {
        temporary::remove_all(|| {
            output::note("easel: stopped");
            std::process::exit(EXIT_CODE);
        });
    };
    ctrlc::set_handler(stop).map_err(|error| CommandError::failed(format!("listening for Ctrl-C: {error}")))
}
