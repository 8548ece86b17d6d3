//! Where files are that a service offers: a folder of this machine, or an address like a model's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::pull::{RemoteFiles, Source};

/// Folders within folders that are looked into: links may lead around in circles.
const DEEPEST: usize = 8;
/// Far more files than anybody offers.
const MOST_FILES: usize = 20_000;

/// Where files are.
#[derive(Debug)]
pub(super) enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// An address, and the folder that its files are fetched into.
    Remote(RemoteFiles),
}

impl Place {
    /// The place that `option`, an option or a variable, names.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if it is no folder and no address, or an address and there is no cache.
    pub(super) fn open(option: &str, named: &Path, cache: Option<&Path>) -> Result<Self> {
        let Some(address) = named.to_str().filter(|_| Source::is_address(named)) else {
            if named.is_dir() {
                return Ok(Self::Folder(named.to_owned()));
            }
            let advice = "give a folder of files, s3://bucket/prefix or hf://owner/name";
            return Err(Error::WrongUse(format!("{option}: {} is not a folder: {advice}", named.display())));
        };
        let source = Source::parse(address).map_err(|error| Error::WrongUse(format!("{option}: {error}")))?;
        RemoteFiles::new(option, source, cache).map(Self::Remote)
    }

    /// The paths of all files in it.
    ///
    /// # Errors
    /// The folder or the server cannot be read.
    pub(super) fn paths(&self) -> Result<Vec<String>> {
        match self {
            Self::Folder(folder) => {
                let mut paths = BTreeMap::new();
                walk(folder, "", DEEPEST, &mut paths)
                    .map_err(|error| Error::Failed(format!("reading {}: {error}", folder.display())))?;
                Ok(paths.into_keys().collect())
            }
            Self::Remote(remote) => remote.list(),
        }
    }
}

/// Adds the files of a folder, and of those in it, by their paths.
fn walk(folder: &Path, prefix: &str, depth: usize, paths: &mut BTreeMap<String, ()>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Of what vanishes meanwhile and of broken links there is nothing to offer.
        let Ok(kind) = fs::metadata(entry.path()) else { continue };
        if kind.is_dir() && depth > 0 {
            // A folder that cannot be looked into does not hide the others.
            let _ = walk(&entry.path(), &format!("{prefix}{name}/"), depth - 1, paths);
        } else if kind.is_file() && paths.len() < MOST_FILES {
            paths.insert(format!("{prefix}{name}"), ());
        }
    }
    Ok(())
}
