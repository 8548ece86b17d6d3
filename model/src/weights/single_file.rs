//! A whole model in one `.safetensors` file, in the original layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::component_tensors::{ComponentTensors, Wanted};
use super::config_texts::{ConfigTexts, MODEL_INDEX, SCHEDULER};
use super::left_over::{is_left_over, is_left_over_in};
use super::manifest::Manifest;
use super::original::{open_clip_name, unet_name, vae_name};
use super::other_model::other_model;
use super::safetensors::shorten;
use super::{Component, SafetensorsFile, Transform};
use crate::config::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{Error, Result};

/// Where our own files keep every configuration, as one JSON object.
pub(super) const CONFIG_KEY: &str = "easel.config";

/// The configurations that the file carries, or those of the official model that its names are those of.
pub(super) fn read_configs(file: &SafetensorsFile) -> Result<(ModelConfigs, ConfigTexts)> {
    match file.header().metadata.get(CONFIG_KEY) {
        Some(text) => embedded_configs(text, file.path()),
        None => official_configs(file),
    }
}

fn embedded_configs(text: &str, path: &Path) -> Result<(ModelConfigs, ConfigTexts)> {
    let within = |part: &str| PathBuf::from(format!("{} ({CONFIG_KEY}{part})", path.display()));
    let mut parts: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| Error::Config { file: within(""), message: format!("is not a JSON object: {error}") })?;
    let mut texts = ConfigTexts::new();
    let mut take = |key: &'static str| -> Option<(String, PathBuf)> {
        let text = parts.remove(key)?.to_string();
        texts.insert(key, text.clone());
        Some((text, within(&format!(", {key}"))))
    };
    let missing = |key: &str| Error::Config { file: within(""), message: format!("`{key}` is missing") };
    let text_encoder = |found: Option<(String, PathBuf)>| {
        found.map(|(text, file)| TextEncoderConfig::from_json(&text, &file)).transpose()
    };
    let (index, index_file) = take(MODEL_INDEX).ok_or_else(|| missing(MODEL_INDEX))?;
    let (unet, unet_file) = take(Component::UNet.folder()).ok_or_else(|| missing(Component::UNet.folder()))?;
    let configs = ModelConfigs {
        model_index: ModelIndex::from_json(&index, &index_file)?,
        text_encoder: text_encoder(take(Component::TextEncoder.folder()))?,
        text_encoder_2: text_encoder(take(Component::TextEncoder2.folder()))?,
        unet: UNetConfig::from_json(&unet, &unet_file)?,
        vae: take(Component::Vae.folder()).map(|(text, file)| VaeConfig::from_json(&text, &file)).transpose()?,
    };
    take(SCHEDULER);
    Ok((configs, texts))
}

fn official_configs(file: &SafetensorsFile) -> Result<(ModelConfigs, ConfigTexts)> {
    let tensors = &file.header().tensors;
    let has =
        |prefix: &str| tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix));
    let refused = |message: String| Err(Error::Weights { file: file.path().to_owned(), tensor: None, message });
    if has("edm_mean") || has("edm_vpred.sigma_max") {
        return refused(
            "is an SDXL model trained on the EDM noise schedule (Playground 2.5, CosXL), which is not supported"
                .to_owned(),
        );
    }
    let unet = has("model.diffusion_model.");
    let mut configs = if unet && has("conditioner.embedders.0.transformer.") && has("conditioner.embedders.1.model.") {
        ModelConfigs::sdxl_base()
    } else if unet && has("conditioner.embedders.0.model.") {
        ModelConfigs::sdxl_refiner()
    } else {
        return refused(other_model(tensors));
    };
    if let Some(entry) = tensors.get(FIRST_CONVOLUTION) {
        match entry.shape[..] {
            // An inpainting model, whose UNet takes a mask and a masked image beside the latents.
            [_, 9, ..] => configs.unet.in_channels = 9,
            [_, 8, ..] => {
                return refused(format!(
                    "is an SDXL model for editing images by instruction, whose UNet takes an image beside the latents (tensor \
                     `{FIRST_CONVOLUTION}` has shape {:?}), which is not supported; use the text-to-image model that it was \
                     made from",
                    entry.shape
                ));
            }
            _ => {}
        }
    }
    if !has("first_stage_model.") {
        configs.vae = None;
    }
    let mut texts = ConfigTexts::new();
    let mut put = |key, config: Value| texts.insert(key, format!("{config:#}"));
    put(MODEL_INDEX, configs.model_index.to_json());
    put(SCHEDULER, official_scheduler(has("v_pred"), has("ztsnr")));
    put(Component::UNet.folder(), configs.unet.to_json());
    if let Some(config) = &configs.text_encoder {
        put(Component::TextEncoder.folder(), config.to_json(false));
    }
    if let Some(config) = &configs.text_encoder_2 {
        put(Component::TextEncoder2.folder(), config.to_json(true));
    }
    if let Some(config) = &configs.vae {
        put(Component::Vae.folder(), config.to_json());
    }
    Ok((configs, texts))
}

/// The convolution that the latents go through first.
const FIRST_CONVOLUTION: &str = "model.diffusion_model.input_blocks.0.0.weight";

/// Refuses tensors of `file` that belong to no component and are not known to be left over.
///
/// # Errors
/// [`Error::Weights`] naming the first of them.
pub(super) fn check_names(file: &SafetensorsFile, configs: &ModelConfigs) -> Result<()> {
    let prefixes = Component::ALL.map(|component| prefix(component, configs));
    let mut unknown = file.header().tensors.keys().filter(|name| {
        let is_of_a_component = prefixes.iter().any(|prefix| name.starts_with(prefix));
        !is_of_a_component && !is_left_over(name)
    });
    let Some(first) = unknown.next() else { return Ok(()) };
    Err(Error::Weights {
        file: file.path().to_owned(),
        tensor: Some(shorten(first)),
        message: format!(
            "is there ({} such in all), but it is part of no SDXL model, and none of the tensors that are known to be left \
             over; if the model works without it, remove it from the file, else it is a model of another kind",
            1 + unknown.count()
        ),
    })
}

/// SDXL's `scheduler_config.json`. Checkpoints that predict velocity carry the marker tensor `v_pred`, and `ztsnr`
/// if their last step has no signal left; such a schedule has to start at its very end (Lin et al. 2023).
fn official_scheduler(velocity: bool, zero_terminal: bool) -> Value {
    json!({
        "_class_name": "EulerDiscreteScheduler",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "interpolation_type": "linear",
        "num_train_timesteps": 1000,
        "prediction_type": if velocity { "v_prediction" } else { "epsilon" },
        "rescale_betas_zero_snr": zero_terminal,
        "steps_offset": 1,
        "timestep_spacing": if zero_terminal { "trailing" } else { "leading" },
        "trained_betas": null,
        "use_karras_sigmas": false,
    })
}

/// What the names of a component's tensors begin with.
fn prefix(component: Component, configs: &ModelConfigs) -> &'static str {
    match component {
        Component::TextEncoder => "conditioner.embedders.0.transformer.",
        Component::TextEncoder2 if configs.text_encoder.is_some() => "conditioner.embedders.1.model.",
        Component::TextEncoder2 => "conditioner.embedders.0.model.",
        Component::UNet => "model.diffusion_model.",
        Component::Vae => "first_stage_model.",
    }
}

/// The name in the original layout of the tensor that diffusers calls `name`, and how it is stored there.
pub(super) fn original_name(component: Component, name: &str, configs: &ModelConfigs) -> (String, Transform) {
    let (original, transform) = match component {
        Component::TextEncoder => (name.to_owned(), Transform::Same),
        Component::TextEncoder2 => open_clip_name(name),
        Component::UNet => (unet_name(name, &configs.unet), Transform::Same),
        Component::Vae => vae_name(name, configs.vae.as_ref().map_or(0, |config| config.block_out_channels.len())),
    };
    (format!("{}{original}", prefix(component, configs)), transform)
}

/// Finds the tensors that `manifest` lists for `component`.
pub(super) fn open_component(
    file: Arc<SafetensorsFile>,
    component: Component,
    configs: &ModelConfigs,
    manifest: &Manifest,
) -> Result<ComponentTensors> {
    let prefix = prefix(component, configs);
    let wanted = manifest.iter().map(|(name, shape)| {
        let (original, transform) = original_name(component, name, configs);
        let mut candidates = vec![(original.clone(), transform)];
        match (component, transform) {
            // Some converters leave the VAE's attention as linear layers.
            (_, Transform::Pointwise) => candidates.push((original, Transform::Same)),
            // Others the projection as diffusers has it.
            (_, Transform::Transposed) => candidates.push((format!("{original}.weight"), Transform::Same)),
            (Component::TextEncoder, _) => {
                candidates.extend(
                    name.strip_prefix("text_model.").map(|short| (format!("{prefix}{short}"), Transform::Same)),
                );
            }
            _ => {}
        }
        Wanted { name: name.clone(), shape: shape.clone(), candidates }
    });
    let belongs = |name: &str| name.strip_prefix(prefix).is_some_and(|name| !is_left_over_in(component, name));
    let path = file.path().to_owned();
    ComponentTensors::locate(&path, &[file], wanted.collect(), belongs)
}
