//! The tensors of a file of either kind.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::precision::WeightType;
use crate::weights::pickle::{PickleFile, is_pickle};
use crate::weights::safetensors::aligned;
use crate::weights::{RawTensor, SafetensorsFile, recognise};

/// The largest file that is read; RRDBNet has 67 MB in f32.
const LARGEST_FILE: u64 = 512 << 20;

/// A file in memory.
pub(super) enum Numbers {
    Safetensors(SafetensorsFile),
    Pickle(PickleFile),
}

/// The content of the file at `path`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Weights`] if it is no file, or a larger one than any upscaler has.
pub(super) fn content(path: &Path) -> Result<Bytes> {
    let io = |source| Error::Io { action: "reading", path: path.to_owned(), source };
    let fault = |message: String| Err(Error::Weights { file: path.to_owned(), tensor: None, message });
    let kind = std::fs::metadata(path).map_err(io)?;
    if !kind.is_file() {
        let kind = if kind.is_dir() { "a folder" } else { "not a regular file" };
        return fault(format!("is {kind}; name the .safetensors or .pth file of an upscaler"));
    }
    let mut content = Vec::new();
    File::open(path).map_err(io)?.take(LARGEST_FILE + 1).read_to_end(&mut content).map_err(io)?;
    if content.len() as u64 > LARGEST_FILE {
        let most = LARGEST_FILE >> 20;
        return fault(format!(
            "has more than {most} MB, so it is no upscaler; name a .safetensors or .pth file of one"
        ));
    }
    Ok(content.into())
}

impl Numbers {
    pub(super) fn read(path: &Path, content: Bytes) -> Result<Self> {
        if is_pickle(&content) {
            return PickleFile::from_bytes(path.to_owned(), content).map(Self::Pickle);
        }
        if content.is_empty() {
            let message = "is empty; copy or download it again".to_owned();
            return Err(Error::Weights { file: path.to_owned(), tensor: None, message });
        }
        if let Some(message) = recognise::other_format(&content) {
            return Err(Error::Weights { file: path.to_owned(), tensor: None, message });
        }
        SafetensorsFile::from_bytes(path.to_owned(), content).map(Self::Safetensors)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Safetensors(file) => file.path(),
            Self::Pickle(file) => file.path(),
        }
    }

    /// Every tensor's name.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Safetensors(file) => file.header().tensors.keys().map(String::as_str).collect(),
            Self::Pickle(file) => file.names().collect(),
        }
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        match self {
            Self::Safetensors(file) => file.header().tensors.get(name).map(|entry| entry.shape.as_slice()),
            Self::Pickle(file) => file.shape(name),
        }
    }

    /// The number format that [`Self::tensor`] gives; none where it is one that is not computed with.
    pub(super) fn format(&self, name: &str) -> Option<WeightType> {
        match self {
            Self::Safetensors(file) => file.header().tensors.get(name).and_then(|entry| entry.weight_type()),
            Self::Pickle(_) => Some(WeightType::F32),
        }
    }

    /// The tensor `name`, which has a format.
    pub(super) fn tensor(&self, name: &str) -> Result<RawTensor> {
        let shape = self.shape(name).unwrap_or_default().to_vec();
        let dtype = self.format(name).unwrap_or(WeightType::F32);
        let data = match self {
            Self::Safetensors(file) => {
                let range = file.header().tensors.get(name).map(|entry| entry.range.clone()).unwrap_or_default();
                file.read(range)?
            }
            Self::Pickle(file) => {
                let numbers = file.floats(name)?;
                bytes_of(&numbers)
            }
        };
        Ok(RawTensor { dtype, shape, data })
    }
}

/// Numbers as they are stored, aligned.
pub(super) fn bytes_of(numbers: &[f32]) -> Bytes {
    let Ok(bytes) = aligned(4 * numbers.len(), |out| {
        for (out, number) in out.as_chunks_mut().0.iter_mut().zip(numbers) {
            *out = number.to_le_bytes();
        }
        Ok::<_, std::convert::Infallible>(())
    });
    bytes
}
