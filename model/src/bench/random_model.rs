//! Random weights on disk in the official layout, for benchmarks here and of peers.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use crate::config::Shape;
use crate::error::{Error, Result};
use crate::precision::{Precision, WeightType};
use crate::tokenizer::{Padding, write_built_in};
use crate::weights::manifest::manifest;
use crate::weights::{Component, RandomWeights, Stored, TensorToWrite, write_folder, write_safetensors};

/// The official models' scheduler, which is the demo model's too.
const SCHEDULER_CONFIG: &str = include_str!("../../demo/base/scheduler/scheduler_config.json");

/// Writes a diffusers folder of `shape` with random weights as `precision`; the folder appears whole or not at all.
///
/// # Errors
/// [`Error::Io`] if `folder` is there already or cannot be written.
pub fn write(shape: Shape, precision: Precision, folder: &Path) -> Result<()> {
    let configs = shape.configs()?;
    let random = RandomWeights::new(0);
    write_folder(folder, |folder| {
        write_json(&folder.join("model_index.json"), &configs.model_index.to_json())?;
        write_text(&folder.join("scheduler/scheduler_config.json"), SCHEDULER_CONFIG)?;
        let parts = [
            (Component::TextEncoder, configs.text_encoder.as_ref().map(|config| config.to_json(false)), "model"),
            (Component::TextEncoder2, configs.text_encoder_2.as_ref().map(|config| config.to_json(true)), "model"),
            (Component::UNet, Some(configs.unet.to_json()), "diffusion_pytorch_model"),
            (Component::Vae, configs.vae.as_ref().map(|config| config.to_json()), "diffusion_pytorch_model"),
        ];
        for (component, config, stem) in parts {
            let Some(config) = config else { continue };
            let to = folder.join(component.folder());
            write_json(&to.join("config.json"), &config)?;
            let tensors = manifest(component, &configs).into_iter().map(|(name, shape)| {
                let (random, of) = (&random, (name.clone(), shape.clone()));
                let produce = move || Ok(Bytes::from(random.draw(&of.0, &of.1, precision.dtype()).as_bytes().to_vec()));
                let stored = Stored::Numbers(WeightType::of(precision.dtype()));
                TensorToWrite { name, stored, shape, produce: Box::new(produce) }
            });
            let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
            write_safetensors(&to.join(format!("{stem}.safetensors")), &metadata, tensors.collect())?;
        }
        for (component, config, padding) in [
            (Component::TextEncoder, &configs.text_encoder, Padding::EndOfText),
            (Component::TextEncoder2, &configs.text_encoder_2, Padding::Exclamation),
        ] {
            if let (Some(config), Some(name)) = (config, component.tokenizer_folder()) {
                write_built_in(&folder.join(name), config.vocab_size, padding)?;
            }
        }
        Ok(())
    })
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    write_text(path, &format!("{value:#}\n"))
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    let io = |source| Error::Io { action: "writing", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    std::fs::write(path, text).map_err(io)
}
