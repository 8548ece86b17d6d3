//! The folder that a model is fetched into.
//!
//! Files are fetched beside their places, under names that end in `.unfinished` and change with what the server has. Only
//! when all are there and right do they take their places. So whoever opens the folder finds the model from before, a whole
//! new one, or, should the process die while files take their places, none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Step;
use super::check::{Check, short_hash};
use super::remote::RemoteFile;
use super::selection::{Layout, check_path};
use super::source::Source;
use super::transfer::{digest_file, unwritable};
use crate::error::{Error, Result};

/// Says what the folder holds, and is locked by whoever changes that.
const RECORD: &str = ".easel-pull.json";
const UNFINISHED: &str = ".unfinished";
/// Left free beside the model.
const SPARE: u64 = 64 << 20;

/// What a folder holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) source: String,
    pub(super) revision: Option<String>,
    /// The checkpoint, if it is a single one.
    pub(super) checkpoint: Option<String>,
    /// Whether all files are in their places.
    complete: bool,
    /// By path.
    files: BTreeMap<String, Held>,
}

/// A file that a folder holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    bytes: u64,
    /// What changes with its content where it came from.
    identity: String,
}

/// A folder that nobody else changes meanwhile.
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
    record: Record,
}

/// What `folder` holds, if that is all of the model from `source`; nobody is asked.
pub(super) fn found(folder: &Path, source: &Source) -> Option<Record> {
    let mut file = File::open(folder.join(RECORD)).ok()?;
    file.try_lock_shared().ok()?;
    let record = read(&mut file).ok()?;
    record.is_whole(folder, source).then_some(record)
}

impl Record {
    fn is_whole(&self, folder: &Path, source: &Source) -> bool {
        let is_there = |(path, held): (&String, &Held)| {
            fs::metadata(folder.join(path)).is_ok_and(|found| found.len() == held.bytes)
        };
        self.complete && self.source == source.to_string() && self.files.iter().all(is_there)
    }
}

impl Folder {
    /// Makes the folder if there is none, and waits until nobody else fetches into it.
    ///
    /// # Errors
    /// It cannot be written, or holds something else.
    pub(super) fn open(path: &Path, source: &Source, watch: &mut dyn FnMut(Step<'_>)) -> Result<Self> {
        let failed = |error: io::Error| Error::Failed(unwritable(path, &error));
        let record_file = path.join(RECORD);
        if !record_file.exists() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            let advice = "there are other files in it, and nothing of yours is to be replaced: name a new folder";
            return Err(Error::Failed(format!("{}: {advice}", path.display())));
        }
        fs::create_dir_all(path).map_err(failed)?;
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(record_file);
        let mut lock = open.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                watch(Step::Waiting { folder: path });
                lock.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // What cannot be read is left from a process that died while it wrote.
        let record = read(&mut lock).unwrap_or_default();
        if Source::parse(&record.source).is_ok_and(|held| !held.is_same_model(source)) {
            let advice = "name another folder, or remove this one";
            return Err(Error::Failed(format!("{} holds {}: {advice}", path.display(), record.source)));
        }
        Ok(Self { path: path.to_owned(), lock, record })
    }

    /// Where a file is written until it is whole.
    pub(super) fn unfinished(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.{}{UNFINISHED}", file.path, short_hash(&file.identity)))
    }

    /// Whether a file is in its place and right.
    pub(super) fn has(&self, wanted: &RemoteFile) -> bool {
        let Ok(mut file) = File::open(self.path.join(&wanted.path)) else { return false };
        if !file.metadata().is_ok_and(|found| found.len() == wanted.bytes) {
            return false;
        }
        if wanted.check == Check::Size {
            let held = self.record.files.get(&wanted.path).filter(|_| self.record.complete);
            return held.is_some_and(|held| held.identity == wanted.identity);
        }
        let mut digest = wanted.check.begin(wanted.bytes);
        digest_file(&mut file, &mut digest).is_ok() && digest.finish() == wanted.check.expected()
    }

    /// Removes what earlier tries have begun and nobody wants any more.
    pub(super) fn tidy(&self, wanted: &[RemoteFile]) {
        let wanted: BTreeSet<PathBuf> = wanted.iter().map(|file| self.unfinished(file)).collect();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let (path, kind) = (entry.path(), entry.file_type());
                if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(UNFINISHED) && !wanted.contains(&path) {
                    // What cannot be removed only takes room.
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Makes sure that the disk has room for `files`.
    ///
    /// # Errors
    /// How much there is, and how much is needed.
    pub(super) fn check_room(&self, files: &[RemoteFile]) -> Result<()> {
        let here = |file| fs::metadata(self.unfinished(file)).map_or(0, |found| found.len());
        let missing = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes.saturating_sub(here(file))));
        let needed = missing.saturating_add(SPARE);
        match free_bytes(&self.path) {
            Some(free) if missing > 0 && free < needed => Err(Error::Failed(format!(
                "{}: {} MiB are free there and {} MiB are needed: make room, or name a folder on another disk",
                self.path.display(),
                free >> 20,
                needed >> 20
            ))),
            _ => Ok(()),
        }
    }

    /// Puts `fetched` files, of `all` that the model has, into their places.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn finish(
        mut self,
        source: &Source,
        revision: Option<&str>,
        layout: &Layout,
        all: &[RemoteFile],
        fetched: &[RemoteFile],
    ) -> Result<()> {
        let failed = |path: &Path, error: &io::Error| Error::Failed(unwritable(path, error));
        let held = |file: &RemoteFile| Held { bytes: file.bytes, identity: file.identity.clone() };
        let files: BTreeMap<String, Held> = all.iter().map(|file| (file.path.clone(), held(file))).collect();
        let before = std::mem::take(&mut self.record.files);
        let checkpoint = match layout {
            Layout::Checkpoint(file) => Some(file.clone()),
            Layout::Folder | Layout::TinyVae => None,
        };
        let revision = revision.map(str::to_owned);
        self.record = Record { source: source.to_string(), revision, checkpoint, complete: false, files: before };
        // The record may be somebody else's by now.
        let is_stale = |path: &&String| !files.contains_key(*path) && check_path(path).is_ok();
        let stale: Vec<_> = self.record.files.keys().filter(is_stale).cloned().collect();
        self.record.files.extend(files.clone());
        self.write_record()?;
        let mut moving: Vec<&RemoteFile> = fetched.iter().collect();
        if let Some(last) = all.last().filter(|_| !fetched.is_empty() || !stale.is_empty()) {
            // Without its last file, nobody takes the folder for a model.
            let place = self.path.join(&last.path);
            if fetched.iter().any(|file| file.path == last.path) {
                // There may be none.
                let _ = fs::remove_file(place);
            } else {
                fs::rename(&place, self.unfinished(last)).map_err(|error| failed(&place, &error))?;
                moving.push(last);
            }
        }
        for path in stale {
            let _ = fs::remove_file(self.path.join(path));
        }
        for file in moving {
            let place = self.path.join(&file.path);
            fs::rename(self.unfinished(file), &place).map_err(|error| failed(&place, &error))?;
        }
        self.record.files = files;
        self.record.complete = true;
        self.write_record()
    }

    fn write_record(&mut self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.record).unwrap_or_default();
        let mut write = || {
            self.lock.set_len(0)?;
            self.lock.seek(SeekFrom::Start(0))?;
            self.lock.write_all(text.as_bytes())?;
            self.lock.sync_all()
        };
        write().map_err(|error| Error::Failed(unwritable(&self.path.join(RECORD), &error)))
    }
}

fn read(file: &mut File) -> io::Result<Record> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    Some((found.blocks_available() as u64).saturating_mul(found.fragment_size() as u64))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
