//! Why an image file cannot be read or written.

use std::path::PathBuf;

/// Why an image file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// The file's name does not say in which format to write.
    #[error("{}: images are written as .png, .jpg, .jpeg or .webp; give the file one of these extensions", .0.display())]
    UnknownExtension(PathBuf),
    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was attempted: `reading` or `writing`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not an image that can be read.
    #[error("{}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The image does not fit the format.
    #[error("{}: the image cannot be encoded: {message}", path.display())]
    Unencodable {
        /// The file that was to be written.
        path: PathBuf,
        /// The encoder's reason.
        message: String,
    },
    /// How the image was made cannot be written as JSON.
    #[error("describing the image: {0}")]
    Undescribable(String),
}

impl ImageFileError {
    /// Whether the caller's request is at fault rather than the files or the system.
    #[must_use]
    pub fn is_wrong_use(&self) -> bool {
        matches!(self, Self::UnknownExtension(_))
    }
}
