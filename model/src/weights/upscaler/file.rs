//! An upscaler's file, known and checked.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::names::{self, Names};
use super::numbers::{Numbers, bytes_of, content};
use super::{other_network, shape};
use crate::config::UpscalerShape;
use crate::config::upscaler::{DENSE_BLOCKS, DENSE_LAYERS, RESIDUAL_SCALING};
use crate::error::{Error, Result};
use crate::precision::WeightType;
use crate::weights::{RawTensor, TensorSource, convert};

/// A network that enlarges images, as it is in its file. Its tensors have BasicSR's names.
///
/// The residual scaling of RRDBNet (Wang et al. 2018, section 3.1) is multiplied into the weights of each dense block's last
/// layer where they are read, so that no pass over the features is spent on it: once, and for the last dense block of a
/// residual block twice.
pub struct UpscalerFile {
    numbers: Numbers,
    names: Names,
    shape: UpscalerShape,
    digest: String,
}

impl fmt::Debug for UpscalerFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UpscalerFile({}, {:?}, {})", self.numbers.path().display(), self.shape, self.digest)
    }
}

impl UpscalerFile {
    /// Reads the file at `path`, of either kind whatever its name, and finds out what network it is.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] naming the file, and the tensor, if it is damaged or no network
    /// that is computed, saying what it is as far as that is known.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_bytes(path, content(path)?)
    }

    /// Reads a file that is in memory already; `path` is what messages call it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(path: &Path, content: Bytes) -> Result<Self> {
        let length = content.len();
        let digest = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers = Numbers::read(path, content)?;
        let fault = |tensor, message| Error::Weights { file: path.to_owned(), tensor, message };
        let in_file = numbers.names();
        let names = names::found(&in_file).ok_or_else(|| fault(None, other_network::described(&in_file)))?;
        let shapes = names.iter().filter_map(|(name, whole)| Some((name.as_str(), numbers.shape(whole)?))).collect();
        let shape = shape::of(&shapes).map_err(|(name, message)| {
            // As the file calls it, where it does.
            let tensor = name.map(|name| names.get(&name).cloned().unwrap_or(name));
            fault(tensor, message)
        })?;
        if let Some(whole) = names.values().find(|whole| numbers.format(whole).is_none()) {
            return Err(fault(
                Some(whole.clone()),
                "has numbers of a format that is not computed with; use f32".to_owned(),
            ));
        }
        // Tensors of a pickle may share their numbers: a small file must not become a large network.
        if shape.count_numbers() * 2 > length as u64 {
            let message = "has fewer numbers than its network needs: it is damaged, get it again".to_owned();
            return Err(fault(None, message));
        }
        Ok(Self { numbers, names, shape, digest })
    }

    /// What network it is.
    #[must_use]
    pub fn shape(&self) -> UpscalerShape {
        self.shape
    }

    /// The file's name without its ending, by which people call it.
    #[must_use]
    pub fn name(&self) -> String {
        self.numbers.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The SHA-256 of the file, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the file calls the tensor `name`.
    fn whole(&self, name: &str) -> Result<&String> {
        self.names.get(name).ok_or_else(|| Error::Weights {
            file: self.numbers.path().to_owned(),
            tensor: Some(name.to_owned()),
            message: "is missing: the file is incomplete, get it again".to_owned(),
        })
    }
}

/// What the weights `name` are multiplied by.
fn factor(name: &str) -> Option<f32> {
    let (block, kind) = name.strip_prefix("body.")?.split_once(".rdb")?.1.split_once('.')?;
    let is_last = kind.strip_prefix("conv")?.split('.').next()?.parse() == Ok(DENSE_LAYERS);
    let powers = if block.parse() == Ok(DENSE_BLOCKS) { 2 } else { 1 };
    is_last.then(|| RESIDUAL_SCALING.powi(powers))
}

impl TensorSource for UpscalerFile {
    fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)> {
        let whole = self.whole(name)?;
        let stored = self.numbers.format(whole).unwrap_or(WeightType::F32);
        let dtype = if factor(name).is_some() { WeightType::F32 } else { stored };
        Ok((dtype, self.numbers.shape(whole).unwrap_or_default().to_vec()))
    }

    fn tensor(&self, name: &str) -> Result<RawTensor> {
        let tensor = self.numbers.tensor(self.whole(name)?)?;
        let Some(factor) = factor(name) else { return Ok(tensor) };
        let wide = convert(&tensor, WeightType::F32).map_err(|message| Error::Weights {
            file: self.numbers.path().to_owned(),
            tensor: Some(self.name_in_file(name)),
            message,
        })?;
        let scaled: Vec<f32> = wide.as_chunks().0.iter().map(|&number| factor * f32::from_le_bytes(number)).collect();
        Ok(RawTensor { dtype: WeightType::F32, shape: tensor.shape, data: bytes_of(&scaled) })
    }

    fn read(&self, name: &str) -> Result<RawTensor> {
        self.tensor(name)
    }

    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes> {
        Ok(self.tensor(name)?.data.slice(range))
    }

    fn file_of(&self, _name: &str) -> Option<PathBuf> {
        Some(self.numbers.path().to_owned())
    }

    fn name_in_file(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}
