//! The one error type of the model crate.

use std::path::PathBuf;

/// What can go wrong between a request and an image.
///
/// Every message names what is wrong (the field, file, tensor or value) and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value of the request or of an option is not usable.
    #[error("{field}: {message}")]
    InvalidRequest {
        /// The field's name, as in [`crate::Request`] and on the command line.
        field: &'static str,
        /// What is wrong with it and what would be right.
        message: String,
    },
    /// A weights file, or one tensor in it, is not usable.
    #[error("{}{}: {message}", file.display(), tensor.as_ref().map(|name| format!(", tensor `{name}`")).unwrap_or_default())]
    Weights {
        /// The file or folder that was read.
        file: PathBuf,
        /// The tensor, if it is about one.
        tensor: Option<String>,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// A configuration file is missing, malformed or describes something that is not supported.
    #[error("{}: {message}", file.display())]
    Config {
        /// The file that was read.
        file: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The device that was asked for cannot be used.
    #[error("device {device}: {message}")]
    Device {
        /// The device's name as asked for, such as `cuda:1`.
        device: String,
        /// Why not, and what to do.
        message: String,
    },
    /// The device failed while computing.
    #[error("computing {part} failed: {message}")]
    Computation {
        /// The part of the model that was running.
        part: &'static str,
        /// What the device said.
        message: String,
    },
    /// A checkpoint cannot be read or does not belong to this model.
    #[error("checkpoint: {0}")]
    Checkpoint(String),
    /// The operating system refused to read or write a file.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted, such as `reading`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// An [`Error::InvalidRequest`] for `field`.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidRequest { field, message: message.into() }
    }

    /// Whether the caller's request is at fault (exit code 2) rather than the files, the device or the system (exit code 1).
    pub fn is_wrong_use(&self) -> bool {
        matches!(self, Self::InvalidRequest { .. })
    }
}

/// A result of the model crate.
pub type Result<T> = std::result::Result<T, Error>;
