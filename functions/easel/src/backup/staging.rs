//! What a backup holds, side by side within the data folder: there, files can be linked.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use easel_embedded::snapshot::{self, Sources};
use easel_system::files;
use tempfile::TempDir;

use crate::command_error::CommandError;
use crate::serve::DataFolder;

/// Folders and files of a data folder.
pub(super) const DYNAMODB: &str = "dynamodb";
pub(super) const S3: &str = "s3";
const SECRETS: &str = "secrets.json";
const ACCESS: &str = "access.sqlite";
const AUDIT: &str = "audit.jsonl";
const LOCK: &str = "backup.lock";
const PREFIX: &str = ".easel-backup-";

/// Copies of everything as it was at one moment; they go with this.
pub(super) struct Staged {
    folder: TempDir,
    _lock: File,
}

impl Staged {
    /// Copies what the service keeps.
    ///
    /// # Errors
    /// Something cannot be read or written, or another backup is being made.
    pub(super) fn take(data: &DataFolder, with_secrets: bool) -> Result<Self, CommandError> {
        let failed = |error: std::io::Error| CommandError::failed(format!("--data: {error}"));
        let lock = files::private_file(&data.place(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CommandError::failed("--data: another backup of it is being made: wait for that one"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let root = data.place("");
        clear_away(&root).map_err(failed)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&root).map_err(failed)?;
        let there = |name: &str| data.place(name).exists();
        for needed in [DYNAMODB, S3] {
            if !there(needed) {
                let message =
                    format!("--data: {} is missing: run `easel serve` on it first", data.place(needed).display());
                return Err(CommandError::wrong_use(message));
            }
        }
        let databases: Vec<&str> = [ACCESS].into_iter().filter(|name| there(name)).collect();
        let sources = |place: &dyn Fn(&str) -> PathBuf| Sources {
            dynamodb: place(DYNAMODB),
            s3: place(S3),
            databases: databases.iter().map(|name| place(name)).collect(),
        };
        snapshot::take(&sources(&|name| data.place(name)), &sources(&|name| folder.path().join(name)))?;
        if there(AUDIT) {
            let text = fs::read(data.place(AUDIT)).map_err(failed)?;
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            files::write_privately(&folder.path().join(AUDIT), &text[..whole]).map_err(failed)?;
        }
        if with_secrets {
            let secrets = fs::read(data.place(SECRETS)).map_err(failed)?;
            files::write_privately(&folder.path().join(SECRETS), &secrets).map_err(failed)?;
        }
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Whether a path within a backup is the file of an object.
pub(super) fn is_object(path: &str) -> bool {
    path.starts_with("s3/objects/")
}

/// Removes what a backup left behind that was killed.
fn clear_away(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
