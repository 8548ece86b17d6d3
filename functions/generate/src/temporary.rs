//! Files on their way: what an interrupted process must not leave behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

/// Temporary folders that are to go when the process ends early.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes every temporary folder there is, for a process that ends at once; keeps new ones from being made until
/// `then` returns.
pub fn remove_all<T>(then: impl FnOnce() -> T) -> T {
    let folders = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for folder in folders.iter() {
        // Another thread may be adding files to it.
        (0..10).any(|_| std::fs::remove_dir_all(folder).is_ok());
    }
    then()
}

/// Does something short, such as writing a picture, that [`remove_all`] waits for.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _guard = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    work()
}

/// A temporary folder that is removed when dropped, and also by [`remove_all`].
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl TemporaryFolder {
    /// Makes one inside `parent`.
    ///
    /// # Errors
    /// The system's reason.
    pub fn inside(parent: &Path) -> std::io::Result<Self> {
        let mut folders = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::Builder::new().prefix(".easel-").tempdir_in(parent)?;
        folders.push(folder.path().to_owned());
        Ok(Self { path: folder.path().to_owned(), folder: Some(folder) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let mut folders = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(self.folder.take());
        folders.retain(|folder| *folder != self.path);
    }
}
