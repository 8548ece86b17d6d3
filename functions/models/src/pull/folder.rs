//! The folder that a model is fetched into.
//!
//! Files are fetched under temporary names that end in `.unfinished` and depend on the version that the server has.
//! Only when all of them are complete and verified are they renamed. So a process that opens the folder finds the
//! previous model, the complete new one, or, if a process died while files were being renamed, none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use easel_system::disk;
use serde::{Deserialize, Serialize};

use super::checksum::{Checksum, short_hash};
use super::progress::FetchProgress;
use super::remote_file::RemoteFile;
use super::selection::{Layout, check_path};
use super::source::Source;
use super::transfer::{checksum_file, unwritable};
use crate::error::{Error, Result};

/// Says what the folder holds. It is rewritten in place, because it is also the lock for changing the folder.
const RECORD: &str = ".easel-pull.json";
const UNFINISHED: &str = ".unfinished";
/// Disk space that stays free beside the model.
const SPARE: u64 = 64 << 20;

/// What a folder holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct FolderRecord {
    pub(super) source: String,
    pub(super) revision: Option<String>,
    /// The checkpoint, if it is a single one.
    pub(super) checkpoint: Option<String>,
    /// Whether all files are in place.
    complete: bool,
    /// By path.
    files: BTreeMap<String, RecordedFile>,
}

/// A file that a folder holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordedFile {
    bytes: u64,
    /// Changes whenever its content does on the server.
    identity: String,
}

/// A folder that no other process changes meanwhile.
pub(super) struct ModelFolder {
    path: PathBuf,
    lock: File,
    record: FolderRecord,
}

/// What `folder` holds, if that is the complete model from `source`; no server is asked.
pub(super) fn complete_record(folder: &Path, source: &Source) -> Option<FolderRecord> {
    let mut file = File::open(folder.join(RECORD)).ok()?;
    file.try_lock_shared().ok()?;
    let record = read(&mut file).ok()?;
    record.is_whole(folder, source).then_some(record)
}

impl FolderRecord {
    fn is_whole(&self, folder: &Path, source: &Source) -> bool {
        let is_there = |(path, held): (&String, &RecordedFile)| {
            fs::metadata(folder.join(path)).is_ok_and(|found| found.len() == held.bytes)
        };
        self.complete && self.source == source.to_string() && self.files.iter().all(is_there)
    }
}

impl ModelFolder {
    /// Creates the folder if there is none, and waits until no other process fetches into it.
    ///
    /// # Errors
    /// Fails if the folder cannot be written or holds something else.
    pub(super) fn open(path: &Path, source: &Source, watch: &mut dyn FnMut(FetchProgress<'_>)) -> Result<Self> {
        let failed = |error: io::Error| Error::Failed(unwritable(path, &error));
        let record_file = path.join(RECORD);
        if !record_file.exists() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            let advice = "it contains other files, which are not overwritten: choose a new folder";
            return Err(Error::Failed(format!("{}: {advice}", path.display())));
        }
        fs::create_dir_all(path).map_err(failed)?;
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(record_file);
        let mut lock = open.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                watch(FetchProgress::Waiting { folder: path });
                lock.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A record that cannot be read is left from a process that died while writing it.
        let record = read(&mut lock).unwrap_or_default();
        if Source::parse(&record.source).is_ok_and(|held| !held.is_same_model(source)) {
            let advice = "choose another folder, or remove this one";
            return Err(Error::Failed(format!("{} holds {}: {advice}", path.display(), record.source)));
        }
        Ok(Self { path: path.to_owned(), lock, record })
    }

    /// Where a file is written until it is complete.
    pub(super) fn unfinished(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.{}{UNFINISHED}", file.path, short_hash(&file.identity)))
    }

    /// Whether a file is in place and verified.
    pub(super) fn has(&self, wanted: &RemoteFile) -> bool {
        let Ok(mut file) = File::open(self.path.join(&wanted.path)) else { return false };
        if !file.metadata().is_ok_and(|found| found.len() == wanted.bytes) {
            return false;
        }
        if wanted.checksum == Checksum::SizeOnly {
            let held = self.record.files.get(&wanted.path).filter(|_| self.record.complete);
            return held.is_some_and(|held| held.identity == wanted.identity);
        }
        let mut checksum = wanted.checksum.begin(wanted.bytes);
        checksum_file(&mut file, &mut checksum).is_ok() && checksum.finish() == wanted.checksum.expected()
    }

    /// Removes what earlier attempts have left unfinished, except for `wanted` files.
    pub(super) fn remove_leftovers(&self, wanted: &[RemoteFile]) {
        let wanted: BTreeSet<PathBuf> = wanted.iter().map(|file| self.unfinished(file)).collect();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let (path, kind) = (entry.path(), entry.file_type());
                if kind.as_ref().is_ok_and(fs::FileType::is_dir) {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(UNFINISHED) && !wanted.contains(&path) {
                    // A file that cannot be removed only takes up space.
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    /// Makes sure that the disk has space for `files`.
    ///
    /// # Errors
    /// Says how much there is and how much is needed.
    pub(super) fn check_space(&self, files: &[RemoteFile]) -> Result<()> {
        let here = |file| fs::metadata(self.unfinished(file)).map_or(0, |found| found.len());
        let missing = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes.saturating_sub(here(file))));
        let needed = missing.saturating_add(SPARE);
        match disk::free_bytes(&self.path) {
            Some(free) if missing > 0 && free < needed => Err(Error::Failed(format!(
                "{}: {} MiB are free and {} MiB are needed: make room, or choose a folder on another disk",
                self.path.display(),
                free >> 20,
                needed >> 20
            ))),
            _ => Ok(()),
        }
    }

    /// Puts the `fetched` files, out of `all` that the model has, in place.
    ///
    /// # Errors
    /// Fails if the system cannot rename or write a file.
    pub(super) fn finish(
        mut self,
        source: &Source,
        revision: Option<&str>,
        layout: &Layout,
        all: &[RemoteFile],
        fetched: &[RemoteFile],
    ) -> Result<()> {
        let failed = |path: &Path, error: &io::Error| Error::Failed(unwritable(path, error));
        let recorded = |file: &RemoteFile| RecordedFile { bytes: file.bytes, identity: file.identity.clone() };
        let files: BTreeMap<String, RecordedFile> =
            all.iter().map(|file| (file.path.clone(), recorded(file))).collect();
        let before = std::mem::take(&mut self.record.files);
        let checkpoint = match layout {
            Layout::Checkpoint(file) => Some(file.clone()),
            Layout::Folder | Layout::Vae => None,
        };
        let revision = revision.map(str::to_owned);
        self.record = FolderRecord { source: source.to_string(), revision, checkpoint, complete: false, files: before };
        // Someone may have edited the record, so its paths are checked as well.
        let is_stale = |path: &&String| !files.contains_key(*path) && check_path(path).is_ok();
        let stale: Vec<_> = self.record.files.keys().filter(is_stale).cloned().collect();
        self.record.files.extend(files.clone());
        self.write_record()?;
        let mut moving: Vec<&RemoteFile> = fetched.iter().collect();
        if let Some(last) = all.last().filter(|_| !fetched.is_empty() || !stale.is_empty()) {
            // Without its last file, the folder is not taken for a model.
            let place = self.path.join(&last.path);
            if fetched.iter().any(|file| file.path == last.path) {
                // It may not exist yet.
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

fn read(file: &mut File) -> io::Result<FolderRecord> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}
