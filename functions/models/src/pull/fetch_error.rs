//! Why something could not be fetched, and whether trying again may help.

use std::time::Duration;

use crate::error::Error;

/// Why something could not be fetched.
pub(super) enum FetchError {
    /// It may work later; the server may have said when.
    Transient(String, Option<Duration>),
    /// Trying again does not help.
    Permanent(Error),
}

impl FetchError {
    pub(super) fn transient(reason: impl Into<String>) -> Self {
        Self::Transient(reason.into(), None)
    }

    pub(super) fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent(Error::Failed(reason.into()))
    }
}

/// An error followed by its causes.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}
