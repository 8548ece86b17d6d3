//! A tiny VAE that is given by itself: a file, or a folder as of a component of a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::component_tensors::{ComponentTensors, Wanted};
use super::folder::{LONGEST_CONFIG, open_weights};
use super::manifest::tiny_vae_manifest;
use super::other_model::other_model;
use super::safetensors::read_text;
use super::{Fingerprint, SafetensorsFile, TensorSource, Transform};
use crate::config::TinyVaeConfig;
use crate::error::{Error, Result};

/// What the layers' names begin with in diffusers.
const LAYERS: &str = "decoder.layers.";

/// A tiny VAE on disk; its weights are mapped while they are in use.
#[derive(Debug, Clone)]
pub struct TinyVaeFiles {
    path: PathBuf,
    config: TinyVaeConfig,
    names: LayerNames,
}

/// How a file numbers the decoder's layers.
#[derive(Debug, Clone, Copy)]
struct LayerNames {
    prefix: &'static str,
    /// The number of the first layer.
    first: usize,
}

impl LayerNames {
    const DIFFUSERS: Self = Self { prefix: LAYERS, first: 0 };
    /// diffusers', those of `taesd_decoder` within ComfyUI's files, and of `taesdxl_decoder`: in the latter two, pressing the
    /// latents is a layer, too.
    const ALL: [Self; 3] =
        [Self::DIFFUSERS, Self { prefix: "taesd_decoder.", first: 1 }, Self { prefix: "", first: 1 }];

    /// What the file calls `rest` of the layer that is number `index` in diffusers.
    fn name(self, index: usize, rest: &str) -> String {
        format!("{}{}.{rest}", self.prefix, index + self.first)
    }

    /// The names in `file`, if a tiny VAE's decoder is in it.
    fn of(file: &SafetensorsFile) -> Option<Self> {
        let channels_in = |names: &Self| file.header().tensors.get(&names.name(0, "weight"))?.shape.get(1).copied();
        Self::ALL.into_iter().find(|names| channels_in(names) == Some(4))
    }

    /// What the decoder in `file` is like, by the layers that it has.
    fn config(self, file: &SafetensorsFile) -> Option<TinyVaeConfig> {
        let tensors = &file.header().tensors;
        let channels = *tensors.get(&self.name(0, "weight"))?.shape.first()?;
        // The first activation has a number, too, and so have an upsampling and its convolution after a level.
        let mut next = 2;
        let mut num_decoder_blocks = Vec::new();
        for _ in 0..4 {
            let count = (next..).take_while(|index| tensors.contains_key(&self.name(*index, "conv.0.weight"))).count();
            num_decoder_blocks.push(count);
            next += count + 2;
        }
        let is_usable =
            (1..=1024).contains(&channels) && num_decoder_blocks.iter().all(|count| (1..=16).contains(count));
        is_usable.then_some(TinyVaeConfig { channels, num_decoder_blocks, scaling_factor: 1.0 })
    }
}

impl TinyVaeFiles {
    /// Opens a folder in diffusers' layout of an `AutoencoderTiny`, or a file with the decoder of one, in diffusers' names or
    /// in those of `taesdxl_decoder`, and checks that the weights are the ones that the configuration asks for. A file is as the
    /// configuration beside it in diffusers' folder says, else as its layers do, with TAESDXL's scale. No numbers are read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Config`] or [`Error::Weights`] naming the file, and the field or tensor in it.
    pub fn open(path: &Path) -> Result<Self> {
        let (config, names) =
            if path.is_dir() { (folder_config(path)?, LayerNames::DIFFUSERS) } else { in_file(path)? };
        let files = Self { path: path.to_owned(), config, names };
        files.tensors()?;
        Ok(files)
    }

    /// Whether a tiny VAE is at `path`, whole or not.
    pub fn is_at(path: &Path) -> bool {
        if path.is_dir() {
            let text = read_text(&path.join("config.json"), LONGEST_CONFIG).unwrap_or_default();
            let config: Value = serde_json::from_str(&text).unwrap_or_default();
            return config.get("_class_name").is_some_and(|class| class == "AutoencoderTiny");
        }
        SafetensorsFile::open(path).is_ok_and(|file| LayerNames::of(&file).is_some())
    }

    /// What its configuration says.
    pub fn config(&self) -> &TinyVaeConfig {
        &self.config
    }

    /// How many numbers its decoder has.
    pub(crate) fn count_numbers(&self) -> u64 {
        tiny_vae_manifest(&self.config).iter().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
    }

    /// What tells its weights from others.
    ///
    /// # Errors
    /// As [`TinyVaeFiles::open`], should the files have changed since.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint> {
        Fingerprint::of_tensors(self.tensors()?.as_ref())
    }

    /// The tensors of its decoder.
    ///
    /// # Errors
    /// As [`TinyVaeFiles::open`], should the files have changed since.
    pub fn tensors(&self) -> Result<Box<dyn TensorSource>> {
        let (label, files) = if self.path.is_dir() {
            open_weights(&self.path)?
        } else {
            (self.path.clone(), vec![Arc::new(SafetensorsFile::open(&self.path)?)])
        };
        let wanted = tiny_vae_manifest(&self.config).into_iter().map(|(name, shape)| {
            let candidates = vec![(self.stored_name(&name), Transform::Same)];
            Wanted { name, shape, candidates }
        });
        // Beside the decoder there is at most an encoder, which is not used.
        let belongs = |name: &str| match self.names.prefix {
            "" => name.starts_with(|first: char| first.is_ascii_digit()),
            LAYERS => name.starts_with("decoder."),
            prefix => name.starts_with(prefix),
        };
        Ok(Box::new(ComponentTensors::locate(&label, &files, wanted.collect(), belongs)?))
    }

    /// What the file calls the tensor that is `name` in diffusers.
    fn stored_name(&self, name: &str) -> String {
        let layer = name.strip_prefix(LAYERS).and_then(|layer| layer.split_once('.'));
        match layer.and_then(|(index, rest)| Some((index.parse().ok()?, rest))) {
            Some((index, rest)) => self.names.name(index, rest),
            None => name.to_owned(),
        }
    }
}

/// The configuration in `folder`.
fn folder_config(folder: &Path) -> Result<TinyVaeConfig> {
    let file = folder.join("config.json");
    if !file.is_file() {
        let message =
            "has no config.json, so it is not a tiny VAE's folder; name a folder such as madebyollin/taesdxl, with \
                       config.json and diffusion_pytorch_model.safetensors, or a .safetensors file"
                .to_owned();
        return Err(Error::Config { file: folder.to_owned(), message });
    }
    TinyVaeConfig::from_json(&read_text(&file, LONGEST_CONFIG)?, &file)
}

/// What the tiny VAE in the file at `path` is like, and how it numbers its layers.
fn in_file(path: &Path) -> Result<(TinyVaeConfig, LayerNames)> {
    let file = SafetensorsFile::open(path)?;
    let fault = |message| Error::Weights { file: path.to_owned(), tensor: None, message };
    let names = LayerNames::of(&file).ok_or_else(|| {
        let message =
            format!("has no decoder of a tiny VAE for SDXL; as a model, it {}", other_model(&file.header().tensors));
        fault(message)
    })?;
    let folder = path.parent().filter(|folder| folder.join("config.json").is_file());
    let is_of_diffusers = path.file_name().is_some_and(|name| name == "diffusion_pytorch_model.safetensors");
    if let Some(folder) = folder.filter(|_| is_of_diffusers) {
        return Ok((folder_config(folder)?, names));
    }
    let config = names.config(&file).ok_or_else(|| {
        fault("has not all layers of a tiny VAE's decoder; name a file such as taesdxl_decoder.safetensors".to_owned())
    })?;
    Ok((config, names))
}
