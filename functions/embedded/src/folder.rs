//! A service's data folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// Creates the folder if there is none, and keeps other processes out of it until the result is dropped or the process
/// ends: two services on the same files would delete each other's work.
pub(crate) fn lock(folder: &Path, file: &str) -> Result<File> {
    let failed = |source| Error::Folder { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::create(folder.join(file)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
