//! Ctrl-C and the like: the command ends at once and leaves no half-written file.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::failure::Failure;
use crate::output;

/// 128 + SIGINT, as shells have it.
const EXIT_CODE: i32 = 130;

/// Temporary folders that are to go when the process ends early.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Listens for interruptions from now on.
///
/// # Errors
/// The system does not let it.
pub(crate) fn listen() -> Result<(), Failure> {
    let stop = || {
        let temporary = TEMPORARY.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for folder in temporary.iter() {
            // Another thread may be adding files to it.
            (0..10).any(|_| std::fs::remove_dir_all(folder).is_ok());
        }
        output::note("easel: stopped");
        std::process::exit(EXIT_CODE);
    };
    ctrlc::set_handler(stop).map_err(|error| Failure::failed(format!("listening for Ctrl-C: {error}")))
}

/// Does something short, such as writing a picture, that an interruption waits for.
pub(crate) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _guard = TEMPORARY.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    work()
}

/// A temporary folder that is removed when dropped, and also on an interruption.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl TemporaryFolder {
    /// Makes one inside `parent`.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) fn inside(parent: &Path) -> std::io::Result<Self> {
        let mut temporary = TEMPORARY.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::Builder::new().prefix(".easel-").tempdir_in(parent)?;
        temporary.push(folder.path().to_owned());
        Ok(Self { path: folder.path().to_owned(), folder: Some(folder) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut temporary = TEMPORARY.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(self.folder.take());
        temporary.retain(|folder| *folder != self.path);
    }
}
