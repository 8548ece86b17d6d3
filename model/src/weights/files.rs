//! A model on disk, in either layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::component_tensors::ComponentTensors;
use super::config_texts::{ConfigTexts, MODEL_INDEX, SCHEDULER};
use super::fingerprint::Fingerprint;
use super::manifest::manifest;
use super::packing::{PACKED_FILE, PackedFile};
use super::{Component, SafetensorsFile, TensorSource, folder, single_file};
use crate::config::ModelConfigs;
use crate::error::{Error, Result};
use crate::precision::Precision;

/// A model on disk: a diffusers folder, or one safetensors checkpoint in the original layout.
///
/// Only configurations are kept; files are mapped while a component's tensors are in use.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    path: PathBuf,
    is_folder: bool,
    configs: ModelConfigs,
    texts: ConfigTexts,
    /// What the weights are packed for, if they are packed.
    packed: Option<Precision>,
}

impl ModelFiles {
    /// Reads the configurations of the model at `path` and checks that its files hold exactly the tensors that these
    /// ask for. No numbers are read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Config`] or [`Error::Weights`] naming the file, and the field or tensor in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let kind =
            std::fs::metadata(&path).map_err(|source| Error::Io { action: "opening", path: path.clone(), source })?;
        let is_folder = kind.is_dir();
        let (configs, texts) = if is_folder {
            folder::read_configs(&path)?
        } else {
            let file = SafetensorsFile::open(&path)?;
            let read = single_file::read_configs(&file)?;
            single_file::check_names(&file, &read.0)?;
            read
        };
        configs.check(&path)?;
        let mut files = Self { path, is_folder, configs, texts, packed: None };
        if files.packed_path(Component::UNet).exists() {
            files.packed = Some(PackedFile::open(&files.packed_path(Component::UNet))?.precision());
        }
        for component in Component::ALL.into_iter().filter(|&component| files.has(component)) {
            match files.packed {
                Some(_) => drop(files.packed_component(component)?),
                None => drop(files.open_component(component)?),
            }
        }
        Ok(files)
    }

    /// What the weights are packed for, if they are packed for the CPU's kernels.
    pub fn packed(&self) -> Option<Precision> {
        self.packed
    }

    /// Whether it has `component`, which models may leave to another one, as refiners do with the VAE.
    pub fn has(&self, component: Component) -> bool {
        match component {
            Component::TextEncoder => self.configs.text_encoder.is_some(),
            Component::TextEncoder2 => self.configs.text_encoder_2.is_some(),
            Component::UNet => true,
            Component::Vae => self.configs.vae.is_some(),
        }
    }

    fn packed_path(&self, component: Component) -> PathBuf {
        self.path.join(component.folder()).join(PACKED_FILE)
    }

    /// The packed weights of `component`, which the model has.
    pub(super) fn packed_component(&self, component: Component) -> Result<PackedFile> {
        let file = PackedFile::open(&self.packed_path(component))?;
        if Some(file.precision()) != self.packed {
            let message = "is packed for another precision than the UNet: convert the model again".to_owned();
            return Err(Error::Weights { file: file.path().to_owned(), tensor: None, message });
        }
        Ok(file)
    }

    /// The free texts in a single file's header; a folder has none of its own.
    ///
    /// # Errors
    /// The file cannot be read again.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>> {
        if self.is_folder {
            return Ok(BTreeMap::new());
        }
        Ok(SafetensorsFile::open(&self.path)?.header().metadata.clone())
    }

    /// The folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a diffusers folder rather than a single file.
    pub fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// What its configurations say.
    pub fn configs(&self) -> &ModelConfigs {
        &self.configs
    }

    /// The JSON text of its `scheduler_config.json`, if it has one; single files without have SDXL's own.
    pub fn scheduler_config(&self) -> Option<&str> {
        self.texts.get(SCHEDULER).map(String::as_str)
    }

    /// What messages about [`ModelFiles::scheduler_config`] call the file.
    pub fn scheduler_config_path(&self) -> PathBuf {
        if self.is_folder { self.path.join("scheduler/scheduler_config.json") } else { self.path.clone() }
    }

    /// The JSON text of a component's configuration, if the model has the component.
    pub fn config_text(&self, component: Component) -> Option<&str> {
        self.texts.get(component.folder()).map(String::as_str)
    }

    /// The JSON text of its `model_index.json`.
    pub fn model_index_text(&self) -> Option<&str> {
        self.texts.get(MODEL_INDEX).map(String::as_str)
    }

    /// The folder of the tokenizer that goes with a text encoder, if the model brings one. Single files never do.
    pub fn tokenizer_folder(&self, component: Component) -> Option<PathBuf> {
        let folder = self.path.join(component.tokenizer_folder()?);
        (self.is_folder && folder.is_dir()).then_some(folder)
    }

    /// The tensors of a component, or none if the model leaves it to another one, as refiners do with the VAE.
    /// The files stay mapped as long as the source or a tensor from it lives.
    ///
    /// # Errors
    /// As [`ModelFiles::open`], should the files have changed since.
    pub fn component(&self, component: Component) -> Result<Option<Box<dyn TensorSource>>> {
        Ok(self.open_component(component)?.map(|tensors| Box::new(tensors) as Box<dyn TensorSource>))
    }

    /// Bytes that a component's tensors take as they are stored; 0 if it has none.
    ///
    /// # Errors
    /// As [`ModelFiles::open`], should the files have changed since.
    pub fn size_in_bytes(&self, component: Component) -> Result<u64> {
        if self.packed.is_some() && self.has(component) {
            return self.packed_component(component).map(|file| file.size_in_bytes());
        }
        Ok(self.open_component(component)?.map_or(0, |tensors| tensors.size_in_bytes()))
    }

    /// What tells the weights of `component` from others; none if the model does not have it.
    ///
    /// # Errors
    /// As [`ModelFiles::open`], or [`Error::Io`] if a file cannot be read.
    pub(super) fn fingerprint(&self, component: Component) -> Result<Option<Fingerprint>> {
        if !self.has(component) {
            return Ok(None);
        }
        match self.packed {
            Some(_) => self.packed_component(component)?.fingerprint().map(Some),
            None => self.open_component(component)?.map(|tensors| Fingerprint::of_tensors(&tensors)).transpose(),
        }
    }

    /// Whether a component is the same in both models, so that it need be loaded only once: its configuration and, by
    /// their fingerprints, its weights.
    ///
    /// # Errors
    /// As [`ModelFiles::open`], or [`Error::Io`] if a file cannot be read.
    pub fn is_same_component_as(&self, other: &Self, component: Component) -> Result<bool> {
        let is_there = self.has(component) && other.has(component);
        if !is_there || self.packed != other.packed || self.config_of(component) != other.config_of(component) {
            return Ok(false);
        }
        Ok(self.fingerprint(component)? == other.fingerprint(component)?)
    }

    fn config_of(&self, component: Component) -> ModelConfigs {
        // Everything but the component's own configuration is made the same.
        let base = ModelConfigs::sdxl_base();
        let ours = self.configs.clone();
        match component {
            Component::TextEncoder => ModelConfigs { text_encoder: ours.text_encoder, ..base },
            Component::TextEncoder2 => ModelConfigs { text_encoder_2: ours.text_encoder_2, ..base },
            Component::UNet => ModelConfigs { unet: ours.unet, ..base },
            Component::Vae => ModelConfigs { vae: ours.vae, ..base },
        }
    }

    fn open_component(&self, component: Component) -> Result<Option<ComponentTensors>> {
        if !self.has(component) {
            return Ok(None);
        }
        if self.packed.is_some() {
            let message = "is packed for the CPU already: give the model that it was made from".to_owned();
            return Err(Error::Weights { file: self.packed_path(component), tensor: None, message });
        }
        let manifest = manifest(component, &self.configs);
        if self.is_folder {
            folder::open_component(&self.path, component, &manifest).map(Some)
        } else {
            let file = Arc::new(SafetensorsFile::open(&self.path)?);
            single_file::open_component(file, component, &self.configs, &manifest).map(Some)
        }
    }
}
