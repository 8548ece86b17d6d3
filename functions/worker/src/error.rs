//! Why images cannot be generated.

use easel_images::ImageFileError;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request or the configuration is wrong.
    #[error("{0}")]
    WrongUse(String),
    /// Files, the device or the system failed.
    #[error("{0}")]
    Failed(String),
    /// An image file cannot be read or written.
    #[error(transparent)]
    Image(#[from] ImageFileError),
    /// The model cannot be fetched or chosen.
    #[error(transparent)]
    Models(#[from] easel_models::Error),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] easel_model::Error),
    /// A service failed.
    #[error(transparent)]
    Service(#[from] easel_storage::Error),
}

impl Error {
    /// Whether the request is at fault rather than files, device or system.
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        match self {
            Self::WrongUse(_) => true,
            Self::Failed(_) | Self::Service(_) => false,
            Self::Image(error) => error.is_wrong_use(),
            Self::Models(error) => error.is_wrong_use(),
            Self::Model(error) => error.is_wrong_use(),
        }
    }
}
