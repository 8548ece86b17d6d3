//! Packed weights of checkpoints that are not packed, kept on disk from their first use on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::config::ModelConfigs;
use crate::error::{Error, Result};
use crate::packing::{self, PackedFile};
use crate::precision::Precision;
use crate::weights::{Component, TensorSource};

/// Components of fewer numbers are packed in a moment and not kept.
const SMALLEST: usize = 50_000_000;
/// Bytes at the beginning and the end of each tensor that tell one set of weights from another.
const LOOKED_AT: usize = 256;

/// A folder of packed weights.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// In `folder`, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The weights of `source`, packed for `precision`: kept from before, or packed now. None for small components,
    /// and where the folder cannot be written, which is logged.
    pub(crate) fn packed(
        &self,
        source: &dyn TensorSource,
        component: Component,
        configs: &ModelConfigs,
        precision: Precision,
    ) -> Option<PackedFile> {
        let result = self.find_or_pack(source, component, configs, precision);
        result.unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %self.folder.display(), "packed weights cannot be kept; packing them in memory");
            None
        })
    }

    fn find_or_pack(
        &self,
        source: &dyn TensorSource,
        component: Component,
        configs: &ModelConfigs,
        precision: Precision,
    ) -> Result<Option<PackedFile>> {
        let (numbers, fingerprint) = look(source)?;
        if numbers < SMALLEST {
            return Ok(None);
        }
        let path = self.folder.join(format!("{}-{precision}-{fingerprint:016x}.safetensors", component.folder()));
        if let Ok(packed) = PackedFile::open(&path)
            && packed.precision() == precision
        {
            return Ok(Some(packed));
        }
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action: "writing", path, source }
        };
        std::fs::create_dir_all(&self.folder).map_err(io(&self.folder))?;
        tracing::info!(component = component.folder(), path = %path.display(), "packing weights; this happens once");
        packing::write(source, component, configs, precision, &path)?;
        PackedFile::open(&path).map(Some)
    }
}

/// How many numbers there are, and a hash that tells these weights from others.
fn look(source: &dyn TensorSource) -> Result<(usize, u64)> {
    let mut hasher = DefaultHasher::new();
    let mut numbers = 0;
    for name in source.names() {
        let tensor = source.tensor(&name)?;
        numbers += tensor.shape.iter().product::<usize>();
        let length = tensor.data.len().min(LOOKED_AT);
        (name, tensor.shape, tensor.dtype).hash(&mut hasher);
        tensor.data[..length].hash(&mut hasher);
        tensor.data[tensor.data.len() - length..].hash(&mut hasher);
    }
    Ok((numbers, hasher.finish()))
}
