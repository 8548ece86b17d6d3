//! A catalogue: files of one kind that are used by name.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::digests::Digests;
use super::listing::Listing;
use super::place::Place;
use super::{OfferError, OfferKind};
use crate::error::Result;

/// Files of one kind that are used by name.
#[derive(Debug)]
pub struct Catalogue {
    kind: OfferKind,
    place: Place,
    digests: Digests,
    listing: Mutex<Listing>,
}

/// A file that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedName {
    /// The name to ask for it by.
    pub name: String,
    /// Its SHA-256, in hexadecimal, where it is known without reading the file.
    pub sha256: Option<String>,
    /// Where it is, if it is on this machine.
    pub path: Option<PathBuf>,
}

/// A file that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedFile {
    /// The name that it was asked for by.
    pub name: String,
    /// Where it is; of some kinds that may be a folder.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal; of a folder, that of its files' names and digests.
    pub sha256: String,
}

impl Catalogue {
    /// The files in the folder, or at the address, that `option` names. Those of an address are fetched into `cache` when
    /// they are used. Nothing is listed before [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`](crate::Error::WrongUse) if it is neither, or an address and there is no cache.
    pub fn open(kind: OfferKind, option: &str, named: &Path, cache: Option<&Path>) -> Result<Self> {
        let place = Place::open(option, named, cache)?;
        Ok(Self { kind, place, digests: Digests::open(cache), listing: Mutex::default() })
    }

    /// Whether it is a folder of this machine, which is quickly looked at.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Looks at what there is now. Blocks on the network where it is an address.
    ///
    /// # Errors
    /// The folder or the server cannot be read; what was listed before stays.
    pub fn refresh(&self) -> Result<()> {
        let paths = self.place.paths()?;
        let listing = Listing::new(self.kind, paths.iter().map(String::as_str));
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = listing;
        Ok(())
    }

    /// Everything that can be asked for, as it was last listed, by name.
    #[must_use]
    pub fn names(&self) -> Vec<OfferedName> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = |path: &str| match &self.place {
            // That of a folder is known once its files have been read.
            _ if path.ends_with('/') => None,
            Place::Folder(folder) => self.digests.known(&folder.join(path)),
            Place::Remote(remote) => remote.known_sha256(path),
        };
        let names = listing.names().into_iter();
        let place = |path: &str| match &self.place {
            Place::Folder(folder) => Some(folder.join(path.trim_end_matches('/'))),
            Place::Remote(_) => None,
        };
        names.map(|(name, path)| OfferedName { name, sha256: digest(path), path: place(path) }).collect()
    }

    /// The file with this name, fetched if need be. What was not there when it was last listed is looked for anew. Blocks on
    /// files and the network, so it must not run on a thread of an async runtime.
    ///
    /// # Errors
    /// Nothing or several things have the name, or the file cannot be fetched or read.
    pub fn find(&self, name: &str) -> Result<OfferedFile, OfferError> {
        let unreadable = |reason: String| OfferError::Unreadable { kind: self.kind, name: name.to_owned(), reason };
        // A folder may have changed since: looking is cheap. A server is asked again about what it did not have.
        let is_stale = self.is_local() || self.path_of(name).is_err();
        if is_stale {
            self.refresh().map_err(|error| unreadable(error.to_string()))?;
        }
        let path = self.path_of(name)?;
        let digest =
            |path: &Path| self.digests.of(path).map_err(|error| unreadable(format!("{}: {error}", path.display())));
        let fetched = |result: Result<PathBuf>| result.map_err(|error| unreadable(error.to_string()));
        if !path.ends_with('/') {
            let path = match &self.place {
                Place::Folder(folder) => folder.join(path),
                Place::Remote(remote) => fetched(remote.fetch(&path))?,
            };
            let sha256 = digest(&path)?;
            return Ok(OfferedFile { name: name.to_owned(), path, sha256 });
        }
        let files = self.files_of(&path);
        let folder = match &self.place {
            Place::Folder(folder) => folder.join(path.trim_end_matches('/')),
            Place::Remote(remote) => fetched(remote.fetch_folder(&path, &files))?,
        };
        let mut all = Sha256::new();
        for file in &files {
            let file = file.rsplit('/').next().unwrap_or(file);
            all.update(format!("{file} {}\n", digest(&folder.join(file))?));
        }
        Ok(OfferedFile { name: name.to_owned(), path: folder, sha256: hex::encode(all.finalize()) })
    }

    fn files_of(&self, folder: &str) -> Vec<String> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        listing.files_of(self.kind, folder).into_iter().map(str::to_owned).collect()
    }

    fn path_of(&self, name: &str) -> Result<String, OfferError> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        listing.find(self.kind, name).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, content: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    #[test]
    fn a_folders_files_are_found_as_they_are_now() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "people/ada.safetensors", "one");
        let loras = Catalogue::open(OfferKind::Lora, "--loras", folder.path(), None).expect("a catalogue");
        assert_eq!(loras.names(), []);
        loras.refresh().expect("listed");
        let path = Some(folder.path().join("people/ada.safetensors"));
        assert_eq!(loras.names(), [OfferedName { name: "ada".to_owned(), sha256: None, path }]);
        let first = loras.find("ada").expect("a file");
        assert_eq!(first.path, folder.path().join("people/ada.safetensors"));
        write(folder.path(), "people/ada.safetensors", "two");
        assert_ne!(loras.find("ada").expect("a file").sha256, first.sha256, "it was replaced");
        write(folder.path(), "ink.safetensors", "three");
        assert_eq!(loras.find("ink").expect("it has come since").sha256.len(), 64);
        std::fs::remove_file(folder.path().join("ink.safetensors")).expect("removed");
        let gone = loras.find("ink").expect_err("it is gone").to_string();
        assert_eq!(gone, "there is no LoRA `ink`: there are ada");
    }

    #[test]
    fn a_folders_digest_is_that_of_all_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "depth/config.json", "{}");
        write(folder.path(), "depth/model.safetensors", "one");
        let controls = Catalogue::open(OfferKind::Control, "--controls", folder.path(), None).expect("a catalogue");
        let first = controls.find("depth").expect("a folder");
        assert_eq!(first.path, folder.path().join("depth"));
        assert_eq!(controls.find("depth").expect("the same").sha256, first.sha256);
        write(folder.path(), "depth/notes.txt", "nothing of it");
        assert_eq!(controls.find("depth").expect("the same").sha256, first.sha256);
        write(folder.path(), "depth/config.json", "{ }");
        assert_ne!(controls.find("depth").expect("another").sha256, first.sha256);
    }

    #[test]
    fn links_that_lead_around_do_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "ink.safetensors", "one");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).expect("a link");
        std::os::unix::fs::symlink("nowhere", folder.path().join("broken.safetensors")).expect("a link");
        let loras = Catalogue::open(OfferKind::Lora, "--loras", folder.path(), None).expect("a catalogue");
        assert_eq!(loras.find("ink").expect("the one without a folder").name, "ink");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |named: &str, cache| {
            let error = Catalogue::open(OfferKind::Lora, "EASEL_LORAS", Path::new(named), cache).expect_err("refused");
            assert!(error.is_wrong_use() && error.to_string().starts_with("EASEL_LORAS: "), "{error}");
        };
        refused("/nowhere/at/all", Some(folder.path()));
        refused("s3://bucket", Some(folder.path()));
        refused("hf://owner/name", None);
    }
}
