//! A file of the LoRA family.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::key::{Part, parse};
use super::layer::LoraLayer;
use super::peft_metadata::PeftMetadata;
use super::tensors::{Factor, Tensors};
use crate::error::{Error, Result};
use crate::weights::safetensors::{short, shorten};
use crate::weights::{SafetensorsFile, other_model, recognise};

/// Bytes of the largest file that is read; SDXL in 16 bits has 7 GB.
const LARGEST_FILE: u64 = 16 << 30;
/// Digits of the hash by which AUTOMATIC1111 names a LoRA.
const SHORT_HASH: usize = 12;

/// A LoRA, LoCon, LoHa, LoKr or DoRA: a change of a model's weights, opened and checked in itself. Whether it fits a model
/// shows when a generation with it starts. The numbers stay in the file until they are needed.
#[derive(Debug)]
pub struct LoraFile {
    tensors: Tensors,
    digest: String,
    /// By the module's name in the file.
    layers: BTreeMap<String, LoraLayer>,
}

impl LoraFile {
    /// Opens the safetensors file at `path` and checks that its tensors make changes.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] naming the file, and the tensor, if it is no LoRA, is damaged or
    /// has a tensor of a kind that is not read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = SafetensorsFile::open(path)?;
        let io = |source| Error::Io { action: "reading", path: path.to_owned(), source };
        let length = std::fs::metadata(path).map_err(io)?.len();
        if length > LARGEST_FILE {
            let message = format!("has {length} bytes, more than any LoRA; give the LoRA's own .safetensors file");
            return Err(Error::Weights { file: path.to_owned(), tensor: None, message });
        }
        let digest = hash(path, 0).map_err(io)?;
        let layers = layers(&file)?;
        Ok(Self { tensors: Tensors(file), digest, layers })
    }

    /// The SHA-256 of the whole file, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.tensors.0.path()
    }

    /// The file's name without its ending, by which people call it.
    pub fn name(&self) -> String {
        self.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The free texts in it, such as those that kohya's trainer writes (`ss_…`).
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.tensors.0.header().metadata
    }

    /// The hash by which AUTOMATIC1111 names it: 12 digits of what its metadata say, or of the SHA-256 of its numbers.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn short_hash(&self) -> Result<String> {
        let said = self.metadata().get("sshs_model_hash").filter(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()));
        if let Some(hash) = said.and_then(|hash| hash.get(..SHORT_HASH)) {
            return Ok(hash.to_owned());
        }
        let first = self.tensors.0.header().tensors.values().map(|entry| entry.range.start).min().unwrap_or_default();
        let io = |source| Error::Io { action: "reading", path: self.path().to_owned(), source };
        let mut hash = hash(self.path(), first as u64).map_err(io)?;
        hash.truncate(SHORT_HASH);
        Ok(hash)
    }

    pub(super) fn layers(&self) -> &BTreeMap<String, LoraLayer> {
        &self.layers
    }

    pub(super) fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// The error for the tensor `name`.
    pub(super) fn fault(&self, name: &str, message: impl Into<String>) -> Error {
        self.tensors.fault(name, message)
    }

    /// What the file is for, as far as the names of its tensors tell, if that is another model than SDXL.
    pub(super) fn other_model(&self) -> Option<&'static str> {
        let tensors = &self.tensors.0.header().tensors;
        recognise::other_lora(tensors.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice())))
    }
}

/// The SHA-256 of the file from `start` on.
fn hash(path: &Path, start: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&block[..read]),
        }
    }
}

/// The changes that the file describes, by module.
fn layers(file: &SafetensorsFile) -> Result<BTreeMap<String, LoraLayer>> {
    let path = file.path();
    let fault = |name: &str, message: String| Error::Weights {
        file: path.to_owned(),
        tensor: (!name.is_empty()).then(|| shorten(name)),
        message,
    };
    let mut modules: BTreeMap<String, BTreeMap<Part, Factor>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (name, entry) in &file.header().tensors {
        let Some((module, part)) = parse(name) else {
            unknown.push(name.as_str());
            continue;
        };
        let factor = Factor { name: name.clone(), shape: entry.shape.clone() };
        if factor.count() == 0 || factor.shape.is_empty() && part != Part::Alpha {
            return Err(fault(name, format!("has shape {}: the file is damaged", short(&factor.shape))));
        }
        if part != Part::Alpha && entry.weight_type().is_none() {
            return Err(fault(name, format!("is stored as {}; F32, F16 and BF16 are read", entry.dtype)));
        }
        if let Some(other) = modules.entry(module).or_default().insert(part, factor) {
            return Err(fault(name, format!("says again what `{}` says: remove one of them", shorten(&other.name))));
        }
    }
    if modules.is_empty() {
        let kind = other_model::kind(&file.header().tensors).unwrap_or("none of the kinds that Easel knows");
        return Err(fault("", format!("is no LoRA; it looks like {kind}")));
    }
    if let Some(name) = unknown.first() {
        let message = format!(
            "({} such in all) is no part of a LoRA, LoCon, LoHa, LoKr, DoRA or full difference, the kinds that are \
             read: convert the file to one of these, or leave it out",
            unknown.len()
        );
        return Err(fault(name, message));
    }
    let metadata = PeftMetadata::read(&file.header().metadata)
        .map_err(|message| fault("", format!("has `lora_adapter_metadata` that {message}: the file is damaged")))?;
    let is_bare = |name: &str| name.starts_with("base_model.model.");
    if metadata.is_none()
        && let Some(name) = file.header().tensors.keys().find(|name| is_bare(name))
        && !modules.values().any(|parts| parts.contains_key(&Part::Alpha))
    {
        let message = "is named as PEFT saves adapters by itself, whose scale stands in a file beside it: save the LoRA \
                       with diffusers (`save_lora_weights`), which keeps it together";
        return Err(fault(name, message.to_owned()));
    }
    let metadata = metadata.unwrap_or_default();
    let mut layers = BTreeMap::new();
    for (module, parts) in modules {
        let alpha = match parts.get(&Part::Alpha) {
            Some(factor) => Some(scalar(file, factor).map_err(|message| fault(&factor.name, message))?),
            None => metadata.alpha(&module),
        };
        let layer = LoraLayer::new(parts, alpha, metadata.is_root_scaled(&module))
            .map_err(|(name, message)| fault(&name, message))?;
        layers.insert(module, layer);
    }
    Ok(layers)
}

/// The one number of a tensor, in any format that has been seen for alpha.
fn scalar(file: &SafetensorsFile, factor: &Factor) -> std::result::Result<f32, String> {
    let entry = &file.header().tensors[&factor.name];
    if factor.count() != 1 {
        return Err(format!("has shape {}; alpha is one number: the file is damaged", short(&factor.shape)));
    }
    let bytes = file.read(entry.range.clone()).map_err(|error| error.to_string())?;
    let number = match (entry.dtype, bytes.as_ref()) {
        (Dtype::F32, &[a, b, c, d]) => f64::from(f32::from_le_bytes([a, b, c, d])),
        (Dtype::F16, &[a, b]) => f64::from(half::f16::from_le_bytes([a, b]).to_f32()),
        (Dtype::BF16, &[a, b]) => f64::from(half::bf16::from_le_bytes([a, b]).to_f32()),
        (Dtype::F64, bytes) => bytes.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN),
        (Dtype::I64, bytes) => bytes.try_into().map_or(f64::NAN, |bytes| i64::from_le_bytes(bytes) as f64),
        (Dtype::I32, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
        (dtype, _) => return Err(format!("is stored as {dtype}; a number is needed here")),
    };
    let number = number as f32;
    if number.is_finite() { Ok(number) } else { Err("is not a finite number: the file is damaged".to_owned()) }
}

/// Files with the same content are the same, wherever they lie.
impl PartialEq for LoraFile {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for LoraFile {}

/// For messages.
impl std::fmt::Display for LoraFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", PathBuf::from(self.path()).display())
    }
}
