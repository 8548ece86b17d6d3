//! Turns a backend's panics into errors: Burn reports many device failures by panicking.

use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// The panic hook is the process's; one quiet section at a time may replace it.
static HOOK: Mutex<()> = Mutex::new(());

/// Runs `work` without a panic's message on standard error; a panic is the error.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let _guard = HOOK.lock();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    result.map_err(message)
}

/// Runs a computation of `part` on the device.
///
/// # Errors
/// [`Error::Computation`] with what the backend said, where it panicked.
pub(crate) fn computing<T>(part: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(Error::Computation { part, message: message(payload) }))
}

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the backend gave no reason".into())
}
