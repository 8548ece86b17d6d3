//! What can go wrong with tasks in DynamoDB and images in S3.

use easel_domain::task::Refusal;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules for tasks do not allow it.
    #[error(transparent)]
    Domain(#[from] easel_domain::Error),
    /// An object is longer than its reader takes.
    #[error("the object has {length} bytes, the limit is {limit}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// Most bytes.
        limit: usize,
    },
    /// Others changed the same task each time.
    #[error("others are changing this task: try again in a few seconds")]
    Contended,
    /// A service failed, after retries.
    #[error("{service} is unavailable ({detail}): try again in a few seconds")]
    Unavailable {
        /// Which one.
        service: &'static str,
        /// What it said; for logs, not for callers.
        detail: String,
    },
    /// Easel itself is wrong, or wrongly set up.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Contended | Self::Unavailable { .. })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Domain(refusal.into())
    }
}
