//! Why a worker could not generate what a task asks for.

use easel_domain::task::Refusal;
use easel_images::ImageFileError;
use tokio::task::JoinError;

/// Why a task could not be completed this time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum GenerationError {
    /// The task asks for something impossible: trying again does not help.
    #[error("{0}")]
    Request(String),
    /// Something is in the way that goes by: trying again helps.
    #[error("{0}")]
    Transient(String),
    /// A service is away or refuses its service, for longer than the worker could wait. No task is to blame.
    #[error("{0}")]
    Outage(String),
    /// The model, the device or Easel failed: another worker may succeed.
    #[error("{0}")]
    Failed(String),
}

impl From<easel_storage::Error> for GenerationError {
    fn from(error: easel_storage::Error) -> Self {
        match error {
            easel_storage::Error::Unavailable { service, detail } => Self::Outage(format!("{service}: {detail}")),
            refused @ easel_storage::Error::Refused { .. } => Self::Outage(refused.to_string()),
            other if other.is_passing() => Self::Transient(other.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<easel_model::Error> for GenerationError {
    fn from(error: easel_model::Error) -> Self {
        if error.is_wrong_use() { Self::Request(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

impl From<crate::Error> for GenerationError {
    fn from(error: crate::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ImageFileError> for GenerationError {
    fn from(error: ImageFileError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Refusal> for GenerationError {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.to_string())
    }
}

impl From<JoinError> for GenerationError {
    fn from(error: JoinError) -> Self {
        let Ok(panic) = error.try_into_panic() else { return Self::Transient("the worker is stopping".to_owned()) };
        let message =
            panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Self::Failed(format!("the generation panicked: {}", message.unwrap_or("no reason given")))
    }
}
