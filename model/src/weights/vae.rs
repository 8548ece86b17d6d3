//! A VAE that is given by itself: a file, or a folder as of a component of a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::component_tensors::{ComponentTensors, Wanted};
use super::folder::{LONGEST_CONFIG, open_weights, other_names};
use super::left_over::is_left_over_in;
use super::manifest::vae_manifest;
use super::original::vae_name;
use super::other_model::other_model;
use super::packing::PACKED_FILE;
use super::safetensors::read_text;
use super::single_file::CONFIG_KEY;
use super::{Component, Fingerprint, SafetensorsFile, TensorSource, Transform};
use crate::config::VaeConfig;
use crate::error::{Error, Result};

/// What the names of a VAE's tensors may begin with in a file of its own, or in a whole checkpoint.
const PREFIXES: [&str; 3] = ["first_stage_model.", "vae.", ""];

/// A VAE on disk, to be used in place of a model's own or of one that it lacks.
#[derive(Debug, Clone)]
pub struct VaeFiles {
    path: PathBuf,
    config: VaeConfig,
}

impl VaeFiles {
    /// Opens a folder with `config.json` and weights, a whole diffusers model with a folder `vae`, a file with a VAE in either
    /// layout, or a whole checkpoint in the original layout. No numbers are read. A file alone does not say what its VAE is like:
    /// it is as `own`, the VAE of the model that it is for, else as SDXL's.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Config`] or [`Error::Weights`] naming the file, and the field or tensor in it.
    pub fn open(path: &Path, own: Option<&VaeConfig>) -> Result<Self> {
        let inner = path.join(Component::Vae.folder());
        let is_whole_model = path.join("model_index.json").is_file() && inner.is_dir();
        let path = if is_whole_model { inner } else { path.to_owned() };
        let config = if path.is_dir() { folder_config(&path)? } else { file_config(&path, own)? };
        let files = Self { path, config };
        files.tensors()?;
        Ok(files)
    }

    /// Whether there is nothing beside it in its file, as in a whole checkpoint.
    pub fn is_all_of_it(&self) -> bool {
        let has_unet =
            |file: SafetensorsFile| file.header().tensors.keys().any(|name| name.starts_with("model.diffusion_model."));
        self.path.is_dir() || !SafetensorsFile::open(&self.path).is_ok_and(has_unet)
    }

    /// What its configuration says.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// Its folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells its weights from others.
    ///
    /// # Errors
    /// As [`VaeFiles::open`], should the files have changed since.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint> {
        Fingerprint::of_tensors(self.tensors()?.as_ref())
    }

    /// Its tensors.
    ///
    /// # Errors
    /// As [`VaeFiles::open`], should the files have changed since.
    pub fn tensors(&self) -> Result<Box<dyn TensorSource>> {
        let (label, files, prefix) = if self.path.is_dir() {
            let (label, files) = open_weights(&self.path)?;
            (label, files, "")
        } else {
            let file = SafetensorsFile::open(&self.path)?;
            let prefix = prefix(&file)?;
            (self.path.clone(), vec![Arc::new(file)], prefix)
        };
        let levels = self.config.block_out_channels.len();
        let wanted = vae_manifest(&self.config).into_iter().map(|(name, shape)| {
            let (original, transform) = vae_name(&name, levels);
            let mut candidates = vec![(format!("{prefix}{original}"), transform)];
            if transform == Transform::Pointwise {
                candidates.push((format!("{prefix}{original}"), Transform::Same));
            }
            let others = other_names(Component::Vae, &name).into_iter();
            candidates.extend(others.map(|name| (format!("{prefix}{name}"), Transform::Same)));
            Wanted { name, shape, candidates }
        });
        let belongs = |name: &str| name.strip_prefix(prefix).is_some_and(|name| !is_left_over_in(Component::Vae, name));
        Ok(Box::new(ComponentTensors::locate(&label, &files, wanted.collect(), belongs)?))
    }
}

/// The configuration in `folder`.
fn folder_config(folder: &Path) -> Result<VaeConfig> {
    let fault = |message: &str| Err(Error::Config { file: folder.to_owned(), message: message.to_owned() });
    if folder.join(PACKED_FILE).is_file() {
        return fault("is a VAE that is packed for the CPU already: name the one that it was made from");
    }
    let file = folder.join("config.json");
    if !file.is_file() {
        return fault(
            "has no config.json, so it is not a VAE's folder; name a folder such as madebyollin/sdxl-vae-fp16-fix, or \
                      a .safetensors file",
        );
    }
    parse(&read_text(&file, LONGEST_CONFIG)?, &file)
}

/// The configuration of the VAE in the file at `path`: that which it carries, that which lies beside it in a VAE's folder, that
/// of the model that it is for, or SDXL's.
fn file_config(path: &Path, own: Option<&VaeConfig>) -> Result<VaeConfig> {
    let file = SafetensorsFile::open(path)?;
    if let Some(text) = file.header().metadata.get(CONFIG_KEY) {
        let label = PathBuf::from(format!("{} ({CONFIG_KEY})", path.display()));
        let parts: Value = serde_json::from_str(text)
            .map_err(|error| Error::Config { file: label.clone(), message: format!("is not JSON: {error}") })?;
        if let Some(config) = parts.get(Component::Vae.folder()) {
            return parse(&config.to_string(), &label);
        }
    }
    let beside = path.with_file_name("config.json");
    let is_in_a_folder_of_diffusers =
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("diffusion_pytorch_model"));
    let config = if is_in_a_folder_of_diffusers && beside.is_file() {
        parse(&read_text(&beside, LONGEST_CONFIG)?, &beside)?
    } else {
        own.cloned().unwrap_or_else(VaeConfig::sdxl)
    };
    let first = format!("{}decoder.conv_in.weight", prefix(&file)?);
    if let Some(&[_, channels, ..]) = file.header().tensors.get(&first).map(|entry| entry.shape.as_slice())
        && channels != config.latent_channels
    {
        let message = format!(
            "is the VAE of another family of models, such as SD 3 or Flux: its latents have {channels} channels, and SDXL's \
             have {}; name a VAE for SDXL, such as madebyollin/sdxl-vae-fp16-fix",
            config.latent_channels
        );
        return Err(Error::Weights { file: path.to_owned(), tensor: Some(first), message });
    }
    Ok(config)
}

fn parse(text: &str, file: &Path) -> Result<VaeConfig> {
    let class = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|config| Some(config.get("_class_name")?.as_str()?.to_owned()));
    if class.as_deref() == Some("AutoencoderTiny") {
        let message = "is of a tiny VAE, which decodes only: name it with --tiny-vae".to_owned();
        return Err(Error::Config { file: file.to_owned(), message });
    }
    VaeConfig::from_json(text, file)
}

/// What the names of the VAE's tensors begin with in `file`.
fn prefix(file: &SafetensorsFile) -> Result<&'static str> {
    let tensors = &file.header().tensors;
    let found = PREFIXES.into_iter().find(|prefix| tensors.contains_key(&format!("{prefix}decoder.conv_in.weight")));
    found.ok_or_else(|| {
        let message = format!("has no VAE; as a model, it {}", other_model(tensors));
        Error::Weights { file: file.path().to_owned(), tensor: None, message }
    })
}
