//! Packed weights of checkpoints that are not packed, kept on disk from their first use on.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::fingerprint::Fingerprint;
use super::manifest::listing;
use super::packing::{self, PackedFile};
use super::{Component, TensorSource};
use crate::config::ModelConfigs;
use crate::error::{Error, Result};
use crate::precision::Precision;

/// Components of fewer numbers are packed in a moment and not kept.
const SMALLEST: usize = 50_000_000;
/// Files that were being written for longer than this are left over from a program that was killed.
const LONGEST_WRITE: Duration = Duration::from_secs(24 * 60 * 60);

/// Files that this process has used. They stay, because their weights may still be in use where they lie.
static USED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// A folder of packed weights, which grows up to a limit: the files that were used longest ago make room for new ones.
///
/// A file is named for its component, its precision and the fingerprint of the weights, so that it
/// is found again by every release that packs in the same order.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    limit: u64,
    smallest: usize,
}

impl Cache {
    /// Bytes that a cache takes at most unless its owner decides otherwise: about ten models of SDXL's size with their
    /// refiners.
    pub const DEFAULT_LIMIT: u64 = 100 << 30;

    /// In `folder`, which is made when it is needed, with `limit` bytes at most. Weights that are larger than that are not
    /// kept.
    pub fn new(folder: impl Into<PathBuf>, limit: u64) -> Self {
        Self { folder: folder.into(), limit, smallest: SMALLEST }
    }

    /// The weights of `source`, whose fingerprint is `fingerprint`, packed for `precision`: kept from before, or packed now.
    /// None for small components, for those larger than the cache, and where the folder cannot be written, which is logged.
    pub(super) fn packed(
        &self,
        source: &dyn TensorSource,
        fingerprint: Fingerprint,
        component: Component,
        configs: &ModelConfigs,
        precision: Precision,
    ) -> Option<PackedFile> {
        let result = self.find_or_pack(source, fingerprint, component, configs, precision);
        result.unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %self.folder.display(), "packed weights cannot be kept; packing them in memory");
            None
        })
    }

    fn find_or_pack(
        &self,
        source: &dyn TensorSource,
        fingerprint: Fingerprint,
        component: Component,
        configs: &ModelConfigs,
        precision: Precision,
    ) -> Result<Option<PackedFile>> {
        let listing = listing(component, configs, precision.cpu_format());
        let numbers: usize = listing.iter().map(|listed| listed.shape.iter().product::<usize>()).sum();
        if numbers < self.smallest {
            return Ok(None);
        }
        let path = self.folder.join(format!("{}-{precision}-{fingerprint}.safetensors", component.folder()));
        USED.lock().insert(path.clone());
        if let Ok(packed) = PackedFile::open(&path)
            && packed.precision() == precision
            && packed.is_checked()
        {
            mark_as_used(&path);
            return Ok(Some(packed));
        }
        let io = |source| Error::Io { action: "writing", path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        let size = packing::packed_size(&listing);
        if size > self.limit {
            let limit = self.limit;
            tracing::warn!(size, limit, component = component.folder(), "packed weights are larger than their cache");
            return Ok(None);
        }
        self.make_room(size).map_err(io)?;
        tracing::info!(component = component.folder(), path = %path.display(), "packing weights; this happens once");
        packing::write(source, listing, precision, &path)?;
        PackedFile::open(&path).map(Some)
    }

    /// Removes what was used longest ago until `size` more bytes fit within the limit, and what killed programs left over.
    fn make_room(&self, size: u64) -> std::io::Result<()> {
        let mut kept = Vec::new();
        let mut total = size;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(easel_system::files::TEMPORARY_PREFIX) {
                if used.elapsed().is_ok_and(|age| age > LONGEST_WRITE) {
                    remove(&path);
                }
            } else if metadata.is_file() && path.extension().is_some_and(|extension| extension == "safetensors") {
                total += metadata.len();
                kept.push((used, path, metadata.len()));
            }
        }
        kept.sort();
        let in_use = USED.lock();
        for (_, path, bytes) in kept.into_iter().filter(|(_, path, _)| !in_use.contains(path)) {
            if total <= self.limit {
                break;
            }
            remove(&path);
            total -= bytes;
        }
        Ok(())
    }
}

/// A file's time of modification says when it was last used: times of access are not kept everywhere.
fn mark_as_used(path: &Path) {
    let marked = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = marked {
        tracing::debug!(%error, path = %path.display(), "the time of this use cannot be kept");
    }
}

/// Another process may have been faster, and a file that stays is in nobody's way.
fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!(path = %path.display(), "removed packed weights to make room for others"),
        Err(error) => tracing::warn!(%error, path = %path.display(), "packed weights cannot be removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::ModelFiles;

    /// A file of `bytes` bytes that was used `age` seconds ago.
    fn file(folder: &Path, name: &str, bytes: usize, age: u64) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, vec![0; bytes]).expect("it is written");
        let file = File::options().append(true).open(&path).expect("it opens");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its time is set");
        path
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(folder.path(), 1000);
        let old = file(folder.path(), "old.safetensors", 400, 300);
        let in_use = file(folder.path(), "in-use.safetensors", 300, 400);
        let new = file(folder.path(), "new.safetensors", 300, 200);
        let other = file(folder.path(), "notes.txt", 5000, 500);
        let writing = file(folder.path(), ".easel-being-written", 10, 60);
        let left_over = file(folder.path(), ".easel-left-over", 10, 2 * LONGEST_WRITE.as_secs());
        USED.lock().insert(in_use.clone());
        cache.make_room(0).expect("the folder is read");
        assert!(old.exists() && in_use.exists() && new.exists() && !left_over.exists());
        cache.make_room(300).expect("the folder is read");
        assert!(!old.exists() && in_use.exists() && new.exists());
        cache.make_room(900).expect("the folder is read");
        assert!(!new.exists() && in_use.exists() && other.exists() && writing.exists());
    }

    #[test]
    fn weights_are_packed_once_and_found_again() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/base");
        let files = ModelFiles::open(&demo).expect("the demo model opens");
        let tensors = files.component(Component::Vae).expect("it is read").expect("it has a VAE");
        let fingerprint = files.fingerprint(Component::Vae).expect("it is read").expect("it has a VAE");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let packed = |cache: &Cache, precision| {
            cache.packed(tensors.as_ref(), fingerprint, Component::Vae, files.configs(), precision)
        };
        let cache = Cache { smallest: 0, ..Cache::new(folder.path(), Cache::DEFAULT_LIMIT) };
        let entries = || std::fs::read_dir(folder.path()).expect("the folder is read").count();
        let first = packed(&cache, Precision::F32).expect("it is packed");
        let name = format!("vae-f32-{fingerprint}.safetensors");
        assert_eq!(first.path(), folder.path().join(name));
        let listing = listing(Component::Vae, files.configs(), Precision::F32.cpu_format());
        assert_eq!(packing::packed_size(&listing), first.size_in_bytes());

        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        let modified = || first.path().metadata().and_then(|metadata| metadata.modified()).expect("it has a time");
        let opened = File::options().append(true).open(first.path()).expect("it opens");
        opened.set_modified(long_ago).expect("its time is set");
        packed(&cache, Precision::F32).expect("it is found");
        assert!(entries() == 1 && modified() > long_ago + Duration::from_secs(500));

        packed(&cache, Precision::Bf16).expect("it is packed for another precision");
        assert_eq!(entries(), 2);
        let small = Cache { limit: 1000, ..cache.clone() };
        assert!(packed(&small, Precision::Int8).is_none() && entries() == 2);
        let usual = Cache::new(folder.path(), Cache::DEFAULT_LIMIT);
        assert!(packed(&usual, Precision::F16).is_none() && entries() == 2);
    }
}
