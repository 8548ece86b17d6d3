//! Fetching one file: resumed where it was interrupted, and verified.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use easel_system::files::folder_of;

use super::checksum::RunningChecksum;
use super::fetch_error::FetchError;
use super::progress::FetchProgress;
use super::remote::Remote;
use super::remote_file::RemoteFile;
use super::retries::Retries;
use crate::error::{Error, Result};

/// How much is read from disk at once.
const BLOCK: usize = 1 << 20;
/// An attempt that fetched this much counts as progress: failures are counted anew.
const PROGRESS: u64 = 8 << 20;

/// A file that is being fetched.
struct PartialFile<'f> {
    wanted: &'f RemoteFile,
    path: &'f Path,
    file: File,
    checksum: RunningChecksum,
    done: u64,
}

/// Fetches what is missing of a file into `path`, and verifies all of it. Returns how many bytes were fetched.
///
/// # Errors
/// Says what failed, at which address, and what to do.
pub(super) async fn fetch(
    remote: &Remote,
    wanted: &RemoteFile,
    path: &Path,
    watch: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<u64> {
    let writing = |error| Error::Failed(unwritable(path, &error));
    let mut part = PartialFile::open(wanted, path).map_err(writing)?;
    let here = part.done;
    watch(part.progress());
    let mut retries = Retries::default();
    while part.done < wanted.bytes {
        let before = part.done;
        if let Err(error) = part.fetch_rest(remote, watch).await {
            if part.done.saturating_sub(before) >= PROGRESS {
                retries = Retries::default();
            }
            retries.pause(&remote.address(&wanted.path), error, watch).await?;
        }
    }
    part.file.sync_all().map_err(writing)?;
    let (checksum, found) = (&wanted.checksum, part.checksum.finish());
    if found != checksum.expected() {
        fs::remove_file(path).map_err(writing)?;
        return Err(Error::Failed(format!(
            "{}: the file from {} has the {} {found} instead of {} and was removed: run the same command again, and \
             contact the file's owner if this persists",
            wanted.path,
            remote.address(&wanted.path),
            checksum.name(),
            checksum.expected()
        )));
    }
    Ok(wanted.bytes - here)
}

impl<'f> PartialFile<'f> {
    /// Opens what an earlier attempt has left, or a new file.
    fn open(wanted: &'f RemoteFile, path: &'f Path) -> io::Result<Self> {
        fs::create_dir_all(folder_of(path))?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let checksum = wanted.checksum.begin(wanted.bytes);
        let mut part = Self { wanted, path, file, checksum, done: 0 };
        if part.file.metadata()?.len() > wanted.bytes {
            part.start_over()?;
        }
        part.done = checksum_file(&mut part.file, &mut part.checksum)?;
        Ok(part)
    }

    fn progress(&self) -> FetchProgress<'f> {
        FetchProgress::Fetching { path: &self.wanted.path, done: self.done, bytes: self.wanted.bytes }
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.checksum, self.done) = (self.wanted.checksum.begin(self.wanted.bytes), 0);
        Ok(())
    }

    /// Fetches the rest of the file, or as much of it as arrives before the connection breaks.
    async fn fetch_rest(
        &mut self,
        remote: &Remote,
        watch: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<(), FetchError> {
        let (wanted, path) = (self.wanted, self.path);
        let writing = |error| FetchError::permanent(unwritable(path, &error));
        let mut body = remote.read(wanted, self.done).await?;
        if body.start != self.done {
            self.start_over().map_err(writing)?;
            if body.start != 0 {
                return Err(FetchError::transient("the server sent another part than was requested"));
            }
            watch(self.progress());
        }
        while let Some(bytes) = body.chunk().await? {
            let length = bytes.len() as u64;
            if self.done + length > wanted.bytes {
                self.start_over().map_err(writing)?;
                return Err(FetchError::transient(format!("the server sent more than {} bytes", wanted.bytes)));
            }
            self.file.write_all(&bytes).map_err(writing)?;
            self.checksum.update(&bytes);
            self.done += length;
            watch(self.progress());
        }
        if self.done < wanted.bytes {
            return Err(FetchError::transient("the connection was closed early"));
        }
        Ok(())
    }
}

/// Adds a file's content, read to its end, to a checksum; returns the file's size.
pub(super) fn checksum_file(file: &mut File, checksum: &mut RunningChecksum) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(size),
            length => {
                checksum.update(&buffer[..length]);
                size += length as u64;
            }
        }
    }
}

/// The message about a file that cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; make room and run the same command again: what has been fetched so far is kept"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; choose a folder that can be written to",
        _ => "",
    };
    format!("writing {}: {error}{advice}", path.display())
}
