//! What keeps pictures from being made, outside the service.

use crate::picture::PictureError;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for cannot be.
    #[error("{0}")]
    WrongUse(String),
    /// Files, the device or the system do not do their part.
    #[error("{0}")]
    Failed(String),
    /// A picture's file.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The model.
    #[error(transparent)]
    Model(#[from] easel_model::Error),
    /// The services.
    #[error(transparent)]
    Service(#[from] easel_core::Error),
}

impl Error {
    /// Whether the request is at fault rather than files, device or system.
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        match self {
            Self::WrongUse(_) => true,
            Self::Failed(_) | Self::Service(_) => false,
            Self::Picture(error) => error.is_wrong_use(),
            Self::Model(error) => error.is_wrong_use(),
        }
    }
}
