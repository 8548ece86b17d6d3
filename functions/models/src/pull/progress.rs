//! How far a download is.

use std::path::Path;
use std::time::Duration;

/// What happens while a model is fetched.
#[derive(Debug)]
pub enum FetchProgress<'a> {
    /// Another process is fetching into the same folder.
    Waiting {
        /// The folder.
        folder: &'a Path,
    },
    /// A file that is already there is being verified.
    Checking {
        /// Its path in the folder.
        path: &'a str,
    },
    /// It is known how much there is to fetch.
    Missing {
        /// Bytes of the whole model.
        bytes: u64,
        /// Bytes of the files that are not in place yet.
        missing: u64,
    },
    /// A file is being fetched.
    Fetching {
        /// Its path in the folder.
        path: &'a str,
        /// Bytes fetched so far.
        done: u64,
        /// Bytes of the whole file.
        bytes: u64,
    },
    /// Something failed and will be tried again after a pause.
    Retrying {
        /// The address.
        what: &'a str,
        /// What went wrong.
        reason: &'a str,
        /// How long the pause is.
        pause: Duration,
    },
}
