//! Files and folders that are there whole or not at all.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;

use parking_lot::{Condvar, Mutex};
use tempfile::NamedTempFile;

use easel_system::files::{TEMPORARY_PREFIX, folder_of, write_atomically_with};

use crate::error::{Error, Result};

/// What keeps a file from being written.
enum WriteFailure {
    /// The system.
    System(IoError),
    /// What was to fill the file.
    Fill(Error),
}

impl From<IoError> for WriteFailure {
    fn from(error: IoError) -> Self {
        Self::System(error)
    }
}

/// Makes the file `path` of what `fill` writes, in place of one that is there. On failure nothing is left behind.
///
/// # Errors
/// [`Error::Io`] if the file cannot be made, and whatever `fill` fails with.
pub(super) fn write_file(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    write_atomically_with(path, |file| fill(file).map_err(WriteFailure::Fill)).map_err(|failure| match failure {
        WriteFailure::System(source) => Error::Io { action: "writing", path: path.to_owned(), source },
        WriteFailure::Fill(error) => error,
    })
}

/// How many files are on their way to the disk, and what tells that one is there.
static ON_THEIR_WAY: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// A file that is written, but not on the disk yet.
pub(super) struct UnfinishedFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl UnfinishedFile {
    /// The file `path` that is to be, with what `fill` writes. On failure nothing is left behind.
    ///
    /// # Errors
    /// As [`write_file`].
    pub(super) fn write(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<Self> {
        let io = |source| Error::Io { action: "writing", path: path.to_owned(), source };
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut temporary = builder.tempfile_in(folder_of(path)).map_err(io)?;
        fill(temporary.as_file_mut())?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Where it lies until then.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Brings it to the disk and gives it its name, while others go on. What was opened of it stays open.
    pub(super) fn finish_behind(self) {
        let finish = move || {
            let Self { temporary, path } = self;
            // The name comes last: what has it is whole, even after a power cut.
            let finished = temporary.as_file().sync_all().and_then(|()| Ok(temporary.persist(&path)?));
            if let Err(error) = finished {
                tracing::warn!(%error, path = %path.display(), "a file cannot be kept");
            }
            *ON_THEIR_WAY.0.lock() -= 1;
            ON_THEIR_WAY.1.notify_all();
        };
        *ON_THEIR_WAY.0.lock() += 1;
        thread::spawn(finish);
    }
}

/// Waits for the files that are on their way to the disk.
pub(crate) fn finish_writing() {
    let (count, told) = &ON_THEIR_WAY;
    told.wait_while(&mut count.lock(), |count| *count > 0);
}

/// Makes the new folder `folder` of what `fill` writes into the folder that it is given. It appears whole or not at
/// all; on failure nothing is left behind.
///
/// # Errors
/// [`Error::Io`] if `folder` is there already or cannot be made, and whatever `fill` fails with.
pub fn write_folder(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let io = |source| Error::Io { action: "writing", path: folder.to_owned(), source };
    if folder.symlink_metadata().is_ok() {
        return Err(io(IoError::new(
            ErrorKind::AlreadyExists,
            "it is there already; choose another name or remove it",
        )));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(folder_of(folder)).map_err(io)?;
    fill(temporary.path())?;
    std::fs::rename(temporary.path(), folder).map_err(io)?;
    // It lies under its own name now, so there is nothing left to clean up.
    let _ = temporary.keep();
    Ok(())
}
