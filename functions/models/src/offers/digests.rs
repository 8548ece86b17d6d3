//! The digests of files, computed once for each state of a file.
//!
//! A file is taken for unchanged while its size, its times of modification and change, and its inode stay the same. What was
//! written a moment before it was hashed may be written again within the same tick of the clock, so its digest is not
//! remembered.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use easel_system::files::write_atomically;
use serde::{Deserialize, Serialize};

use crate::pull::sha256_of;

/// The file in the cache.
const FILE: &str = "digests.json";
/// For how long after it was written a file may be written again without a trace.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Remembers digests, in the cache where there is one.
#[derive(Debug)]
pub(super) struct Digests {
    file: Option<PathBuf>,
    known: Mutex<BTreeMap<PathBuf, KnownDigest>>,
}

/// The digest of a file in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownDigest {
    state: String,
    sha256: String,
}

impl Digests {
    /// The digests that are remembered in `cache`.
    pub(super) fn open(cache: Option<&Path>) -> Self {
        let file = cache.map(|cache| cache.join(FILE));
        let known = file.as_deref().map(read).unwrap_or_default();
        Self { file, known: Mutex::new(known) }
    }

    /// The digest of a file as it is now, if it is known.
    pub(super) fn known(&self, path: &Path) -> Option<String> {
        let (path, state) = (path.canonicalize().ok()?, state(&path.metadata().ok()?));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&path).filter(|known| known.state == state).map(|known| known.sha256.clone())
    }

    /// The SHA-256 of a file as it is now, in hexadecimal.
    ///
    /// # Errors
    /// The file cannot be read, or is written at this moment.
    pub(super) fn of(&self, path: &Path) -> io::Result<String> {
        if let Some(known) = self.known(path) {
            return Ok(known);
        }
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        let sha256 = sha256_of(&mut file)?;
        let after = path.metadata()?;
        if state(&before) != state(&after) {
            return Err(io::Error::other("it is being written at this moment: try again"));
        }
        if is_settled(&after) {
            let digest = KnownDigest { state: state(&after), sha256: sha256.clone() };
            self.remember(path.canonicalize()?, digest);
        }
        Ok(sha256)
    }

    /// Keeps a digest, beside those that other processes have written meanwhile.
    fn remember(&self, path: PathBuf, digest: KnownDigest) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path, digest);
        let Some(file) = &self.file else { return };
        let mut all = read(file);
        all.retain(|path, _| path.exists());
        all.extend(known.clone());
        let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
        let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        // What is not remembered is computed again.
        if let Err(error) = folder.and_then(|()| write_atomically(file, &text)) {
            tracing::warn!(%error, file = %file.display(), "digests cannot be kept");
        }
    }
}

fn read(file: &Path) -> BTreeMap<PathBuf, KnownDigest> {
    std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn state(file: &Metadata) -> String {
    let (modified, changed) = (file.mtime_nsec(), file.ctime_nsec());
    format!("{} {}.{modified} {}.{changed} {}", file.len(), file.mtime(), file.ctime(), file.ino())
}

fn is_settled(file: &Metadata) -> bool {
    let changed = u64::try_from(file.ctime())
        .map_or(SystemTime::UNIX_EPOCH, |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    SystemTime::now().duration_since(changed).is_ok_and(|age| age > UNSETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_files_content_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        let digests = Digests::open(Some(folder.path()));
        std::fs::write(&file, "hello\n").expect("written");
        let hello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(digests.of(&file).expect("a digest"), hello);
        // As long and perhaps within the same tick.
        std::fs::write(&file, "jello\n").expect("written");
        assert_ne!(digests.of(&file).expect("a digest"), hello);
        assert!(digests.of(&folder.path().join("b")).is_err());
    }

    #[test]
    fn what_is_remembered_counts_while_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        std::fs::write(&file, "hello\n").expect("written");
        let digests = Digests::open(Some(folder.path()));
        let place = file.canonicalize().expect("a path");
        let known = KnownDigest { state: state(&file.metadata().expect("metadata")), sha256: "ab".to_owned() };
        digests.remember(place, known);
        for digests in [digests, Digests::open(Some(folder.path()))] {
            assert_eq!(digests.of(&file).expect("a digest"), "ab");
        }
        std::fs::write(&file, "hello hello\n").expect("written");
        let digests = Digests::open(Some(folder.path()));
        assert_eq!(digests.known(&file), None);
        assert_ne!(digests.of(&file).expect("a digest"), "ab");
        std::fs::write(folder.path().join(FILE), "{").expect("written");
        assert_eq!(digests.of(&file).expect("a digest").len(), 64);
    }
}
