//! Why a model is not available.

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model cannot be fetched or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong.
    #[error("{0}")]
    WrongUse(String),
    /// Files, the network or the system failed.
    #[error("{0}")]
    Failed(String),
    /// The model's files cannot be opened.
    #[error(transparent)]
    Model(#[from] easel_model::Error),
}

impl Error {
    /// Whether the request is at fault rather than files, network or system.
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        match self {
            Self::WrongUse(_) => true,
            Self::Failed(_) => false,
            Self::Model(error) => error.is_wrong_use(),
        }
    }
}
