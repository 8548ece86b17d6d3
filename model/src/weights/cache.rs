//! Packed weights of checkpoints that are not packed, kept on disk from their first use on.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::fingerprint::Fingerprint;
use super::manifest::{ListedTensor, listing};
use super::packing::{self, PackedFile};
use super::{Component, ComponentMerge, TensorSource};
use crate::config::ModelConfigs;
use crate::error::{Error, Result};
use crate::precision::Precision;

/// Components of fewer numbers are packed in a moment and not kept.
const SMALLEST: usize = 50_000_000;
/// The names of files of merged weights have this in them. LoRAs are many: what is merged with them takes at most this part
/// of the cache, so that it never takes a model's place.
const MERGED: &str = "-with-";
const PART_OF_MERGED: u64 = 4;
/// Files that were being written for longer than this are left over from a program that was killed.
const LONGEST_WRITE: Duration = Duration::from_secs(24 * 60 * 60);

/// Files that this process has used. They stay, because their weights may still be in use where they lie.
static USED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// A folder of packed weights, which grows up to a limit: the files that were used longest ago make room for new ones.
///
/// A file is named for its component, its precision and the fingerprint of the weights, so that it
/// is found again by every release that packs in the same order. Beside it are the last few files of what LoRAs made of
/// it: the layers that they change.
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
        let listing = listing(component, configs, precision.cpu_format());
        self.packed_as(component.folder(), listing, source, fingerprint, precision)
    }

    /// Like [`Self::packed`], of the tensors in `listing` of something that is called `name`.
    pub(super) fn packed_as(
        &self,
        name: &str,
        listing: Vec<ListedTensor>,
        source: &dyn TensorSource,
        fingerprint: Fingerprint,
        precision: Precision,
    ) -> Option<PackedFile> {
        let path = self.folder.join(format!("{name}-{precision}-{fingerprint}.safetensors"));
        if numbers(&listing) < self.smallest {
            return None;
        }
        USED.lock().insert(path.clone());
        let found = self.find_or_write(source, listing, name, precision, &path, self.limit);
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %self.folder.display(), "packed weights cannot be kept; packing them in memory");
            None
        })
    }

    /// The weights of `source`, which are those of [`Self::packed`] with `merge` merged into them, packed for `precision`: only
    /// the tensors that change, kept from before, or packed now. None where [`Self::packed`] has none.
    pub(super) fn merged(
        &self,
        source: &dyn TensorSource,
        fingerprint: Fingerprint,
        merge: &ComponentMerge,
        component: Component,
        configs: &ModelConfigs,
        precision: Precision,
    ) -> Option<PackedFile> {
        let mut listing = listing(component, configs, precision.cpu_format());
        if numbers(&listing) < self.smallest {
            return None;
        }
        listing.retain(|listed| merge.fingerprint_of(&listed.name).is_some());
        let (component_name, merge) = (component.folder(), merge.fingerprint());
        let name = format!("{component_name}-{precision}-{fingerprint}{MERGED}{merge}.safetensors");
        let limit = self.limit / PART_OF_MERGED;
        let found = self.find_or_write(source, listing, component_name, precision, &self.folder.join(name), limit);
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %self.folder.display(), "merged weights cannot be kept; merging them in memory");
            None
        })
    }

    /// The file `path`, made of the tensors of `listing` if it is not there. None if it would be larger than `limit`.
    fn find_or_write(
        &self,
        source: &dyn TensorSource,
        listing: Vec<ListedTensor>,
        component: &str,
        precision: Precision,
        path: &Path,
        limit: u64,
    ) -> Result<Option<PackedFile>> {
        if let Ok(packed) = PackedFile::open(path)
            && packed.precision() == precision
            && packed.is_checked()
        {
            mark_as_used(path);
            return Ok(Some(packed));
        }
        let io = |source| Error::Io { action: "writing", path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        let size = packing::packed_size(&listing);
        if size > limit {
            tracing::warn!(size, limit, component, "packed weights are larger than their cache");
            return Ok(None);
        }
        let is_merged = is_merged(path);
        if is_merged {
            self.make_room(size, limit, self::is_merged).map_err(io)?;
        }
        self.make_room(size, self.limit, |_| true).map_err(io)?;
        let what = if is_merged { "merging and packing the layers that LoRAs change" } else { "packing weights" };
        tracing::info!(component, path = %path.display(), "{what}; this happens once");
        if is_merged {
            // Whoever exchanges LoRAs does not wait for the disk.
            return packing::write_behind(source, listing, precision, path).map(Some);
        }
        packing::write(source, listing, precision, path)?;
        PackedFile::open(path).map(Some)
    }

    /// Removes what was used longest ago of the files that `counts` counts until `size` more bytes fit within `limit`, and what
    /// killed programs left over.
    fn make_room(&self, size: u64, limit: u64, counts: impl Fn(&Path) -> bool) -> std::io::Result<()> {
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
            } else if metadata.is_file()
                && path.extension().is_some_and(|extension| extension == "safetensors")
                && counts(&path)
            {
                total += metadata.len();
                kept.push((used, path, metadata.len()));
            }
        }
        kept.sort();
        let in_use = USED.lock();
        for (_, path, bytes) in kept.into_iter().filter(|(_, path, _)| !in_use.contains(path)) {
            if total <= limit {
                break;
            }
            remove(&path);
            total -= bytes;
        }
        Ok(())
    }
}

/// Numbers of all tensors of a listing.
fn numbers(listing: &[ListedTensor]) -> usize {
    listing.iter().map(|listed| listed.shape.iter().product::<usize>()).sum()
}

/// Whether the file `path` is of merged weights. They are not held back while they are in use: where a file in use can be
/// removed it stays readable, and where it cannot the attempt fails.
fn is_merged(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(MERGED))
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
        cache.make_room(0, 1000, |_| true).expect("the folder is read");
        assert!(old.exists() && in_use.exists() && new.exists() && !left_over.exists());
        cache.make_room(300, 1000, |_| true).expect("the folder is read");
        assert!(!old.exists() && in_use.exists() && new.exists());
        cache.make_room(900, 1000, |_| true).expect("the folder is read");
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

    #[test]
    fn merged_weights_are_kept_beside_the_model_and_never_take_its_place() {
        use std::sync::Arc;

        use crate::weights::lora::{MergedTensors, Places};
        use crate::weights::{LoraFile, LoraWeights, Merge, RequestedLora, finish_writing};

        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = ModelFiles::open(crate_folder.join("demo/base")).expect("the demo model opens");
        let places = Places::new(files.configs());
        let lora = crate_folder.join("tests/data/adapters/files/lora/kohya_blocks.safetensors");
        let file = Arc::new(LoraFile::open(&lora).expect("the LoRA opens"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let merged = |cache: &Cache, weights: &str| {
            let weights = LoraWeights::parse(weights).expect("a weight");
            let lora = RequestedLora { file: file.clone(), weights };
            let merge = Merge::new(&[lora], &places).expect("it fits").expect("it changes something");
            let merge = merge.of(Component::UNet).expect("the UNet changes").clone();
            let tensors = files.component(Component::UNet).expect("it is read").expect("it has a UNet");
            let fingerprint = files.fingerprint(Component::UNet).expect("it is read").expect("it has a UNet");
            let source = MergedTensors::new(tensors, merge.clone());
            let of = (Component::UNet, files.configs(), Precision::Int8);
            let packed = cache.merged(&source, fingerprint, &merge, of.0, of.1, of.2);
            finish_writing();
            packed
        };
        let names = || {
            let entries = std::fs::read_dir(folder.path()).expect("the folder is read");
            let mut names: Vec<_> =
                entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let model = file_of_model(folder.path());
        let cache = Cache { smallest: 0, ..Cache::new(folder.path(), Cache::DEFAULT_LIMIT) };
        let first = merged(&cache, "0.5").expect("it is packed");
        // Attention of the way up, and nothing else.
        assert!(first.names().iter().all(|name| name.starts_with("up_blocks.") && name.contains(".attn")));
        let found = merged(&cache, "0.5").expect("it is found");
        let again = merged(&cache, "0.5").expect("it is found again");
        assert!(is_merged(found.path()) && found.path() == again.path() && !first.path().exists());
        assert_eq!((found.names(), found.size_in_bytes()), (first.names(), first.size_in_bytes()));
        assert_eq!(names().len(), 2);

        // Room for one more of this size beside it, in the quarter that merged weights may take.
        let size = found.path().metadata().expect("it is there").len();
        let small = Cache { limit: PART_OF_MERGED * (2 * size + size / 2), ..cache };
        for weight in ["0.6", "0.7", "0.8"] {
            assert!(merged(&small, weight).is_some());
        }
        assert_eq!(names().iter().filter(|name| name.contains(MERGED)).count(), 2);
        assert!(model.exists());
        let none = Cache { limit: PART_OF_MERGED * size / 2, ..small };
        assert!(merged(&none, "0.9").is_none() && model.exists());
    }

    /// A file that was used before every other.
    fn file_of_model(folder: &Path) -> PathBuf {
        file(folder, "unet-int8-model.safetensors", 400, 3000)
    }
}
