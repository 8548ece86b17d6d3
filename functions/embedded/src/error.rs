//! Why a service did not start.

use std::path::PathBuf;

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {source}; choose a folder that you may write to", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another process uses the data folder.
    #[error("the data folder {} is in use; stop the other easel serve or choose another folder", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A database in the data folder cannot be opened.
    #[error("cannot open the database {}: {reason}; restore it from a copy or start with an empty folder", file.display())]
    Database {
        /// The database's file.
        file: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The listener cannot be used.
    #[error("cannot listen: {0}; choose another port")]
    Listener(#[from] std::io::Error),
}

/// A result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
