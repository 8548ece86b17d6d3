//! Temporary folders, which an interrupted process must not leave behind.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::files::TEMPORARY_PREFIX;

/// Temporary folders to remove when the process ends early.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all temporary folders of a process that is about to end, and keeps new ones from being made until `then`
/// returns.
pub fn remove_all<T>(then: impl FnOnce() -> T) -> T {
    let folders = FOLDERS.lock();
    for folder in folders.iter() {
        // Another thread may be adding files to it.
        (0..10).any(|_| std::fs::remove_dir_all(folder).is_ok());
    }
    then()
}

/// Does something short, such as writing an image, that [`remove_all`] waits for.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _guard = FOLDERS.lock();
    work()
}

/// A temporary folder that is removed when dropped, and also by [`remove_all`].
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl TemporaryFolder {
    /// Creates one inside `parent`.
    ///
    /// # Errors
    /// Fails if the system cannot create it.
    pub fn inside(parent: &Path) -> std::io::Result<Self> {
        let mut folders = FOLDERS.lock();
        let folder = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(parent)?;
        folders.push(folder.path().to_owned());
        Ok(Self { path: folder.path().to_owned(), folder: Some(folder) })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut folders = FOLDERS.lock();
        drop(self.folder.take());
        folders.retain(|folder| *folder != self.path);
    }
}
