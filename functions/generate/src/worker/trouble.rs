//! What keeps a worker from drawing a task, and whose fault it is.

use easel_core::task::Refusal;
use tokio::task::JoinError;

use crate::picture::PictureError;

/// Why a task is not drawn this time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The task asks for what cannot be: trying again is of no use.
    #[error("{0}")]
    Request(String),
    /// A service is not to be had: later it may be.
    #[error("{0}")]
    Passing(String),
    /// The model, the device or Easel failed: another worker may do better.
    #[error("{0}")]
    Broken(String),
}

impl From<easel_core::Error> for Trouble {
    fn from(error: easel_core::Error) -> Self {
        match error {
            easel_core::Error::Unavailable { service, detail } => Self::Passing(format!("{service}: {detail}")),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<easel_model::Error> for Trouble {
    fn from(error: easel_model::Error) -> Self {
        if error.is_wrong_use() { Self::Request(error.to_string()) } else { Self::Broken(error.to_string()) }
    }
}

impl From<crate::Error> for Trouble {
    fn from(error: crate::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<PictureError> for Trouble {
    fn from(error: PictureError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Broken(refusal.to_string())
    }
}

impl From<JoinError> for Trouble {
    fn from(error: JoinError) -> Self {
        let Ok(panic) = error.try_into_panic() else { return Self::Passing("the worker is stopping".to_owned()) };
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Self::Broken(format!("drawing failed: {}", said.unwrap_or("no reason given")))
    }
}
