//! Files that `torch.save` wrote (`.pt`, `.pth`, `.bin`), read without running anything that is in them.
//!
//! Such a file is a pickle: a program for a machine that builds Python objects and may call any function by its name.
//! Here the machine knows only what tensors and dictionaries need, and a name outside of a short list is an error.
//! Nothing is called: a name stands for data. Tensors stay where they are in the file until they are asked for.

mod archive;
mod globals;
mod machine;
mod objects;
mod opcodes;
mod tensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Error, Result};
use objects::{Objects, Storage};
use tensors::StridedTensor;

/// Whether a file that begins with `start` may be one that `torch.save` wrote: a zip archive, or a bare pickle of protocol 2
/// and later.
pub(crate) fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..])
}

/// The tensors of a file that `torch.save` wrote, by the keys of the dictionaries that they lie in, joined by points.
#[derive(Debug)]
pub(crate) struct PickleFile {
    path: PathBuf,
    content: Bytes,
    /// Where each storage's numbers lie in the file.
    storages: BTreeMap<String, std::ops::Range<usize>>,
    tensors: BTreeMap<String, StridedTensor>,
}

impl PickleFile {
    /// Reads the description of what `content`, the whole file at `path`, holds.
    ///
    /// # Errors
    /// [`Error::Weights`] says what is damaged, or what it needs beside tensors.
    pub(crate) fn from_bytes(path: PathBuf, content: Bytes) -> Result<Self> {
        match Self::parse(&content) {
            Ok((storages, tensors)) => Ok(Self { path, content, storages, tensors }),
            Err(message) => Err(fault(&path, None, message)),
        }
    }

    #[expect(clippy::type_complexity, reason = "the two fields that are read")]
    fn parse(
        content: &[u8],
    ) -> std::result::Result<(BTreeMap<String, std::ops::Range<usize>>, BTreeMap<String, StridedTensor>), String> {
        let (objects, storages) = if content.starts_with(b"PK") {
            let archive = archive::Archive::read(content)?;
            let (objects, _) = machine::run(&content[archive.pickle.clone()])?;
            (objects, archive.storages)
        } else {
            legacy(content)?
        };
        let tensors = tensors::found(&objects, &storages)?;
        Ok((storages, tensors))
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The lengths of a tensor's axes.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// The numbers of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// [`Error::Weights`] if there is no such tensor, or none of floating-point numbers.
    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let failed = |message: String| fault(&self.path, Some(name), message);
        let tensor = self.tensors.get(name).ok_or_else(|| failed("is not in the file".to_owned()))?;
        let range = self.storages.get(&tensor.storage.key).cloned().unwrap_or_default();
        tensor.floats(&self.content[range]).map_err(failed)
    }
}

fn fault(path: &Path, tensor: Option<&str>, message: String) -> Error {
    Error::Weights { file: path.to_owned(), tensor: tensor.map(str::to_owned), message }
}

/// What `torch.save` wrote before version 1.6: pickles one after the other, then the numbers.
fn legacy(content: &[u8]) -> std::result::Result<(Objects, BTreeMap<String, std::ops::Range<usize>>), String> {
    let mut place = 0;
    let mut next = || {
        let (objects, length) = machine::run(&content[place..])?;
        place += length;
        Ok::<_, String>(objects)
    };
    if !next()?.is_magic_number() {
        return Err("is a pickle that torch.save did not write; only its files are read".to_owned());
    }
    // The version of the protocol, and what kind of machine wrote it.
    next()?;
    next()?;
    let objects = next()?;
    let keys = next()?.texts().ok_or("lists no storages where their list belongs; it is damaged")?;
    let mut storages = BTreeMap::new();
    let known: BTreeMap<&str, &Storage> = objects.storages().map(|storage| (storage.key.as_str(), storage)).collect();
    for key in keys {
        let cut = || "ends within its numbers: copy or download it again".to_owned();
        let storage = known.get(key.as_str()).ok_or("has numbers that belong to no tensor; it is damaged")?;
        let count: [u8; 8] = content.get(place..place + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut)?;
        let bytes =
            usize::try_from(u64::from_le_bytes(count)).ok().and_then(|count| count.checked_mul(storage.kind.bytes()));
        let end = bytes.and_then(|bytes| (place + 8).checked_add(bytes)).filter(|&end| end <= content.len());
        let end = end.ok_or_else(cut)?;
        storages.insert(key, place + 8..end);
        place = end;
    }
    Ok((objects, storages))
}
