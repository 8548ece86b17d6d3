//! The folder of a tiny VAE: a configuration and weights, as for a component of a model.

use std::path::{Path, PathBuf};

use super::component_tensors::{ComponentTensors, Wanted};
use super::folder::{LONGEST_CONFIG, open_weights};
use super::manifest::tiny_vae_manifest;
use super::safetensors::read_text;
use super::{Fingerprint, TensorSource, Transform};
use crate::config::TinyVaeConfig;
use crate::error::{Error, Result};

/// A tiny VAE on disk; its weights are mapped while they are in use.
#[derive(Debug, Clone)]
pub struct TinyVaeFiles {
    folder: PathBuf,
    config: TinyVaeConfig,
}

impl TinyVaeFiles {
    /// Reads the configuration in `folder` (diffusers' layout of an `AutoencoderTiny`) and checks that the weights beside it
    /// are the ones that it asks for. No numbers are read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Config`] or [`Error::Weights`] naming the file, and the field or tensor in it.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("config.json");
        if !file.is_file() {
            let message = "has no config.json, so it is not a tiny VAE's folder; name a folder such as \
                           madebyollin/taesdxl, with config.json and diffusion_pytorch_model.safetensors"
                .to_owned();
            return Err(Error::Config { file: folder.to_owned(), message });
        }
        let config = TinyVaeConfig::from_json(&read_text(&file, LONGEST_CONFIG)?, &file)?;
        let files = Self { folder: folder.to_owned(), config };
        files.tensors()?;
        Ok(files)
    }

    /// What its configuration says.
    pub fn config(&self) -> &TinyVaeConfig {
        &self.config
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
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
        let (label, files) = open_weights(&self.folder)?;
        let wanted = tiny_vae_manifest(&self.config).into_iter().map(|(name, shape)| {
            let candidates = vec![(name.clone(), Transform::Same)];
            Wanted { name, shape, candidates }
        });
        let tensors = ComponentTensors::locate(&label, &files, wanted.collect(), |name| name.starts_with("decoder."))?;
        Ok(Box::new(tensors))
    }
}
