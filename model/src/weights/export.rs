//! Saving a model in either layout and in any number format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::component_tensors::transpose;
use super::config_texts::{MODEL_INDEX, SCHEDULER};
use super::convert::convert_tensor;
use super::manifest::{listing, manifest};
use super::packing::{self, PACKED_FILE};
use super::safetensors::read_text;
use super::single_file::{CONFIG_KEY, original_name};
use super::write::write_folder;
use super::{Component, ModelFiles, Stored, TensorSource, TensorToWrite, Transform, write_safetensors};
use crate::error::{Error, Result};
use crate::precision::{Precision, WeightType};

/// What a tokenizer's folder may hold.
pub const TOKENIZER_FILES: [&str; 6] = [
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];
const LONGEST_TOKENIZER_FILE: u64 = 16 << 20;

/// What becomes of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// They stay as they are.
    Same,
    /// They are converted to another number format, for every program that reads such models.
    Converted(WeightType),
    /// They are packed for the CPU's kernels, which then use them where they lie in the file.
    Packed(Precision),
}

/// Saves `model` as a new diffusers folder, its weights in `format`. One tensor is in memory at a time, and the folder
/// appears whole or not at all.
///
/// # Errors
/// [`Error::Io`] if `folder` is there already or cannot be written, [`Error::Weights`] if a number does not fit its
/// format or the model is packed already.
pub fn save_folder(model: &ModelFiles, folder: &Path, format: ExportFormat) -> Result<()> {
    write_folder(folder, |folder| {
        if let Some(text) = model.model_index_text() {
            write_text(&folder.join("model_index.json"), text)?;
        }
        if let Some(text) = model.scheduler_config() {
            write_text(&make_folder(folder, SCHEDULER)?.join("scheduler_config.json"), text)?;
        }
        for component in Component::ALL {
            save_tokenizer(model, component, folder)?;
            save_component(model, component, folder, format)?;
        }
        Ok(())
    })
}

/// Copies the tokenizer that goes with `component`, if there is one.
fn save_tokenizer(model: &ModelFiles, component: Component, folder: &Path) -> Result<()> {
    let (Some(from), Some(name)) = (model.tokenizer_folder(component), component.tokenizer_folder()) else {
        return Ok(());
    };
    let to = make_folder(folder, name)?;
    for file in TOKENIZER_FILES.iter().filter(|file| from.join(file).is_file()) {
        write_text(&to.join(file), &read_text(&from.join(file), LONGEST_TOKENIZER_FILE)?)?;
    }
    Ok(())
}

/// Saves configuration and weights of `component`, if the model has it.
fn save_component(model: &ModelFiles, component: Component, folder: &Path, format: ExportFormat) -> Result<()> {
    let (Some(source), Some(config)) = (model.component(component)?, model.config_text(component)) else {
        return Ok(());
    };
    let to = make_folder(folder, component.folder())?;
    let dtype = match format {
        ExportFormat::Packed(precision) => {
            write_text(&to.join("config.json"), config)?;
            let listing = listing(component, model.configs(), precision.cpu_format());
            return packing::write(source.as_ref(), listing, precision, &to.join(PACKED_FILE));
        }
        ExportFormat::Converted(dtype) => Some(dtype),
        ExportFormat::Same => None,
    };
    write_text(&to.join("config.json"), &with_dtype(config, dtype))?;
    let stem = match component {
        Component::TextEncoder | Component::TextEncoder2 => "model",
        Component::UNet | Component::Vae => "diffusion_pytorch_model",
    };
    let source = source.as_ref();
    let tensors = source.names().into_iter().map(|name| {
        let (stored, shape) = source.describe(&name)?;
        let dtype = dtype.unwrap_or(stored);
        let of = name.clone();
        Ok(TensorToWrite {
            name,
            stored: Stored::Numbers(dtype),
            shape,
            produce: Box::new(move || produce(source, &of, dtype)),
        })
    });
    // The mark by which transformers knows whose layout the tensors have.
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    write_safetensors(&to.join(format!("{stem}.safetensors")), &metadata, tensors.collect::<Result<_>>()?)
}

fn make_folder(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    match std::fs::create_dir(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Io { action: "writing", path, source }),
    }
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|source| Error::Io { action: "writing", path: path.to_owned(), source })
}

/// Saves `model` as one safetensors file in the original layout, in place of one that is there, its weights converted
/// to `dtype` if one is given. Configurations travel in the file's metadata; tokenizers do not, as in every such file.
/// One tensor is in memory at a time, and the file appears whole or not at all.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, [`Error::Weights`] if a number does not fit `dtype`.
pub fn save_single_file(model: &ModelFiles, path: &Path, dtype: Option<WeightType>) -> Result<()> {
    let mut configs = Map::new();
    let mut sources = Vec::new();
    for component in Component::ALL {
        if let Some(source) = model.component(component)? {
            configs.extend(json_entry(
                component.folder(),
                model.config_text(component).map(|text| with_dtype(text, dtype)),
            ));
            sources.push((component, source));
        }
    }
    configs.extend(json_entry(MODEL_INDEX, model.model_index_text().map(str::to_owned)));
    configs.extend(json_entry(SCHEDULER, model.scheduler_config().map(str::to_owned)));
    let mut tensors = Vec::new();
    for (component, source) in &sources {
        let source = source.as_ref();
        for (name, shape) in manifest(*component, model.configs()) {
            let (original, transform) = original_name(*component, &name, model.configs());
            let dtype = match dtype {
                Some(dtype) => dtype,
                None => source.describe(&name)?.0,
            };
            let stored_shape = transform.original_shape(&shape);
            let produce: Box<dyn FnOnce() -> Result<Bytes>> = match transform {
                Transform::Same | Transform::Pointwise => Box::new(move || produce(source, &name, dtype)),
                Transform::Transposed => Box::new(move || {
                    let data = produce(source, &name, dtype)?;
                    Ok(transpose(&data, shape[1], shape[0], dtype.bytes()))
                }),
                Transform::Third(0) => Box::new(move || {
                    let mut fused = Vec::new();
                    for part in ["q_proj", "k_proj", "v_proj"] {
                        fused.extend_from_slice(&produce(source, &name.replace("q_proj", part), dtype)?);
                    }
                    Ok(Bytes::from(fused))
                }),
                // Written with the first third.
                Transform::Third(_) => continue,
            };
            let stored = Stored::Numbers(dtype);
            tensors.push(TensorToWrite { name: original, stored, shape: stored_shape, produce });
        }
    }
    let metadata = BTreeMap::from([
        ("format".to_owned(), "pt".to_owned()),
        (CONFIG_KEY.to_owned(), Value::Object(configs).to_string()),
    ]);
    write_safetensors(path, &metadata, tensors)
}

/// The numbers of one tensor in the format `dtype`.
fn produce(source: &dyn TensorSource, name: &str, dtype: WeightType) -> Result<Bytes> {
    convert_tensor(source, name, &source.tensor(name)?, dtype)
}

fn json_entry(key: &str, text: Option<String>) -> Option<(String, Value)> {
    Some((key.to_owned(), serde_json::from_str(&text?).ok()?))
}

/// A configuration's text with the number format that the weights now have, where it names one as transformers does.
fn with_dtype(text: &str, dtype: Option<WeightType>) -> String {
    let (Some(dtype), Ok(Value::Object(mut config))) = (dtype, serde_json::from_str(text)) else {
        return text.to_owned();
    };
    let name = match dtype {
        WeightType::F32 => "float32",
        WeightType::F16 => "float16",
        WeightType::BF16 => "bfloat16",
    };
    let mut named = false;
    for key in ["dtype", "torch_dtype"] {
        if let Some(value) = config.get_mut(key) {
            *value = name.into();
            named = true;
        }
    }
    if named { format!("{:#}", Value::Object(config)) } else { text.to_owned() }
}
