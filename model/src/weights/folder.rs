//! A model as diffusers saves it: `model_index.json` and a folder for each part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::component_tensors::{ComponentTensors, Wanted};
use super::config_texts::{ConfigTexts, MODEL_INDEX, SCHEDULER};
use super::left_over::is_left_over_in;
use super::manifest::Manifest;
use super::recognise::refused_name;
use super::safetensors::{read_text, shorten};
use super::{Component, SafetensorsFile, Transform};
use crate::config::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{Error, Result};

/// Configurations take a few kilobytes, an index a few hundred.
pub(super) const LONGEST_CONFIG: u64 = 1 << 20;
const LONGEST_INDEX: u64 = 16 << 20;

/// Reads every configuration of the model in `folder`.
pub(super) fn read_configs(folder: &Path) -> Result<(ModelConfigs, ConfigTexts)> {
    let index_file = folder.join("model_index.json");
    if !index_file.exists() {
        return Err(Error::Config {
            file: folder.to_owned(),
            message: "has no model_index.json, so it is not a diffusers model folder; name the folder that holds \
                      model_index.json and unet, or a single .safetensors checkpoint"
                .to_owned(),
        });
    }
    let mut texts = ConfigTexts::new();
    let model_index = read_text(&index_file, LONGEST_CONFIG)?;
    let scheduler_file = folder.join("scheduler/scheduler_config.json");
    if scheduler_file.exists() {
        texts.insert(SCHEDULER, read_text(&scheduler_file, LONGEST_CONFIG)?);
    }
    let mut read = |component: Component| -> Result<Option<(String, PathBuf)>> {
        let part = folder.join(component.folder());
        if component != Component::UNet && !part.is_dir() {
            return Ok(None);
        }
        let file = part.join("config.json");
        let text = read_text(&file, LONGEST_CONFIG)?;
        texts.insert(component.folder(), text.clone());
        Ok(Some((text, file)))
    };
    let text_encoder = |found: Option<(String, PathBuf)>| {
        found.map(|(text, file)| TextEncoderConfig::from_json(&text, &file)).transpose()
    };
    let configs = ModelConfigs {
        model_index: ModelIndex::from_json(&model_index, &index_file)?,
        text_encoder: text_encoder(read(Component::TextEncoder)?)?,
        text_encoder_2: text_encoder(read(Component::TextEncoder2)?)?,
        vae: read(Component::Vae)?.map(|(text, file)| VaeConfig::from_json(&text, &file)).transpose()?,
        unet: match read(Component::UNet)? {
            Some((text, file)) => UNetConfig::from_json(&text, &file)?,
            None => return Err(Error::Config { file: folder.join("unet"), message: "is missing".to_owned() }),
        },
    };
    texts.insert(MODEL_INDEX, model_index);
    Ok((configs, texts))
}

/// Finds the tensors that `manifest` lists for `component`.
pub(super) fn open_component(folder: &Path, component: Component, manifest: &Manifest) -> Result<ComponentTensors> {
    let folder = folder.join(component.folder());
    let (label, files) = open_weights(&folder)?;
    let wanted = manifest.iter().map(|(name, shape)| {
        let candidates = other_names(component, name).into_iter().map(|name| (name, Transform::Same)).collect();
        Wanted { name: name.clone(), shape: shape.clone(), candidates }
    });
    ComponentTensors::locate(&label, &files, wanted.collect(), |name| !is_left_over_in(component, name))
}

/// The names that library versions have given a tensor, today's first.
pub(super) fn other_names(component: Component, name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    match component {
        Component::TextEncoder | Component::TextEncoder2 => {
            names.extend(name.strip_prefix("text_model.").map(str::to_owned));
        }
        // The VAE's attention before diffusers 0.12.
        Component::Vae if name.contains(".attentions.") => {
            let old = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
            names.extend(old.iter().filter(|(new, _)| name.contains(new)).map(|(new, old)| name.replace(new, old)));
        }
        Component::Vae | Component::UNet => {}
    }
    names
}

/// The weights in a component's folder: one file, or the shards that an index lists. The name is the file's or
/// the index's.
pub(super) fn open_weights(folder: &Path) -> Result<(PathBuf, Vec<Arc<SafetensorsFile>>)> {
    for variant in ["", ".fp16", ".bf16"] {
        for stem in ["diffusion_pytorch_model", "model"] {
            let file = folder.join(format!("{stem}{variant}.safetensors"));
            if file.exists() {
                let opened = SafetensorsFile::open(&file)?;
                return Ok((file, vec![Arc::new(opened)]));
            }
            for index in
                [format!("{stem}.safetensors.index{variant}.json"), format!("{stem}{variant}.safetensors.index.json")]
            {
                let index = folder.join(index);
                if index.exists() {
                    let shards = open_shards(folder, &index)?;
                    return Ok((index, shards));
                }
            }
        }
    }
    // A pickle in their place is the usual reason.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let pickle = entries.map(|entry| entry.path()).find_map(|path| Some((refused_name(&path)?, path)));
    Err(match pickle {
        Some((message, file)) => Error::Weights { file, tensor: None, message },
        None => Error::Weights {
            file: folder.to_owned(),
            tensor: None,
            message:
                "has no weights: neither diffusion_pytorch_model.safetensors nor model.safetensors, no .fp16. variant \
                      and no .safetensors.index.json; download the folder again"
                    .to_owned(),
        },
    })
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

fn open_shards(folder: &Path, index: &Path) -> Result<Vec<Arc<SafetensorsFile>>> {
    let fault = |tensor, message| Err(Error::Weights { file: index.to_owned(), tensor, message });
    let ShardIndex { weight_map } = match serde_json::from_str(&read_text(index, LONGEST_INDEX)?) {
        Ok(parsed) => parsed,
        Err(error) => return fault(None, shorten(&format!("is not an index of shards: {error}"))),
    };
    let names: BTreeSet<&str> = weight_map.values().map(String::as_str).collect();
    if names.len() > 1000 {
        return fault(None, format!("lists {} shards, more than any model has", names.len()));
    }
    let mut shards = BTreeMap::new();
    for name in names {
        // Nothing outside the folder is opened on an index's word.
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return fault(None, format!("names the shard `{}`, which is not a plain file name", shorten(name)));
        }
        shards.insert(name, Arc::new(SafetensorsFile::open(&folder.join(name))?));
    }
    for (tensor, shard) in &weight_map {
        if !shards[shard.as_str()].header().tensors.contains_key(tensor) {
            return fault(Some(shorten(tensor)), format!("is not in the shard `{shard}` that the index names for it"));
        }
    }
    Ok(shards.into_values().collect())
}
