//! Fetching one file: in parts where it has to be, and checked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Step;
use super::check::Digest;
use super::remote::{Patience, Remote, RemoteFile, Trouble};
use crate::error::{Error, Result};

/// What is read from disk at once.
const BLOCK: usize = 1 << 20;
/// With so many bytes more, a try was worth it.
const ACHIEVED: u64 = 8 << 20;

/// A file that is being written.
struct Part<'f> {
    wanted: &'f RemoteFile,
    path: &'f Path,
    file: File,
    digest: Digest,
    done: u64,
}

/// Fetches what is missing of a file in `path`, and checks all of it. Returns how many bytes came.
///
/// # Errors
/// What it was, where from, and what to do.
pub(super) async fn fetch(
    remote: &Remote,
    wanted: &RemoteFile,
    path: &Path,
    watch: &mut dyn FnMut(Step<'_>),
) -> Result<u64> {
    let writing = |error| Error::Failed(unwritable(path, &error));
    let mut part = Part::open(wanted, path).map_err(writing)?;
    let here = part.done;
    watch(part.step());
    let mut patience = Patience::default();
    while part.done < wanted.bytes {
        let before = part.done;
        if let Err(trouble) = part.go_on(remote, watch).await {
            if part.done.saturating_sub(before) >= ACHIEVED {
                patience.renew();
            }
            patience.wait(&remote.address(&wanted.path), trouble, watch).await?;
        }
    }
    part.file.sync_all().map_err(writing)?;
    let (check, found) = (&wanted.check, part.digest.finish());
    if found != check.expected() {
        fs::remove_file(path).map_err(writing)?;
        return Err(Error::Failed(format!(
            "{}: what came from {} has the {} {found} and should have {}; it was removed: do the same again, and tell who \
             keeps the file if this stays",
            wanted.path,
            remote.address(&wanted.path),
            check.name(),
            check.expected()
        )));
    }
    Ok(wanted.bytes - here)
}

impl<'f> Part<'f> {
    /// Finds what is there from before.
    fn open(wanted: &'f RemoteFile, path: &'f Path) -> io::Result<Self> {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let digest = wanted.check.begin(wanted.bytes);
        let mut part = Self { wanted, path, file, digest, done: 0 };
        if part.file.metadata()?.len() > wanted.bytes {
            part.begin_anew()?;
        }
        part.done = digest_file(&mut part.file, &mut part.digest)?;
        Ok(part)
    }

    fn step(&self) -> Step<'f> {
        Step::Fetching { path: &self.wanted.path, done: self.done, bytes: self.wanted.bytes }
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        (self.digest, self.done) = (self.wanted.check.begin(self.wanted.bytes), 0);
        Ok(())
    }

    /// Fetches from where it stopped until it is whole, or breaks off.
    async fn go_on(&mut self, remote: &Remote, watch: &mut dyn FnMut(Step<'_>)) -> Result<(), Trouble> {
        let (wanted, path) = (self.wanted, self.path);
        let writing = |error| Trouble::lasting(unwritable(path, &error));
        let mut body = remote.read(wanted, self.done).await?;
        if body.start != self.done {
            self.begin_anew().map_err(writing)?;
            if body.start != 0 {
                return Err(Trouble::passing("the server sent another part than it was asked for"));
            }
            watch(self.step());
        }
        while let Some(bytes) = body.chunk().await? {
            let length = bytes.len() as u64;
            if self.done + length > wanted.bytes {
                self.begin_anew().map_err(writing)?;
                return Err(Trouble::passing(format!("the server sent more than {} bytes", wanted.bytes)));
            }
            self.file.write_all(&bytes).map_err(writing)?;
            self.digest.update(&bytes);
            self.done += length;
            watch(self.step());
        }
        if self.done < wanted.bytes {
            return Err(Trouble::passing("the connection was closed early"));
        }
        Ok(())
    }
}

/// Reads a file to its end; returns its size.
pub(super) fn digest_file(file: &mut File, digest: &mut Digest) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(size),
            length => {
                digest.update(&buffer[..length]);
                size += length as u64;
            }
        }
    }
}

/// What to say of a file that cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; make room and do the same again: what is here already is kept"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; name a folder that can be written to",
        _ => "",
    };
    format!("writing {}: {error}{advice}", path.display())
}
