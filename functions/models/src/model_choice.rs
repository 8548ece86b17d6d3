//! The choice of the model to generate with: the one that was named, or the demo model.

use std::path::{Path, PathBuf};

use easel_model::scheduler::PredictionChoice;
use easel_model::weights::TinyVaeFiles;
use easel_model::{Cache, ModelOptions, ModelSource, Retention};

use crate::demo_model::{self, DemoModel};
use crate::error::{Error, Result};

/// The default number of denoising steps, as in the reference implementation.
const STEPS: u32 = 50;

/// The opened files of a model, with or without a refiner.
pub struct ModelChoice {
    /// The base model.
    pub base: ModelSource,
    /// The refiner, which takes over the last denoising steps.
    pub refiner: Option<ModelSource>,
    /// What they were opened with.
    pub options: ModelOptions,
    /// The model's name, for people and records.
    pub name: String,
    /// The refiner's name.
    pub refiner_name: Option<String>,
    /// The name of the VAE in place of the model's own, if there is one.
    pub vae_name: Option<String>,
    /// The tiny VAE's name, if one decodes.
    pub tiny_vae_name: Option<String>,
    /// The demo model, if it is the choice: its files have to stay where they are.
    pub demo: Option<DemoModel>,
}

/// The models that were named.
#[derive(Debug)]
pub struct NamedModels<'a> {
    /// The options or variables that name model, refiner, VAE and tiny VAE, for messages.
    pub options: [&'a str; 4],
    /// The model.
    pub model: Option<&'a Path>,
    /// Its refiner.
    pub refiner: Option<&'a Path>,
    /// Whether to generate without a refiner.
    pub no_refiner: bool,
    /// The folder or file of a VAE in place of the model's own.
    pub vae: Option<&'a Path>,
    /// The folder of a tiny VAE, which decodes in place of the model's own.
    pub tiny_vae: Option<&'a Path>,
    /// What the model predicts, where its files do not say so.
    pub prediction: Option<PredictionChoice>,
    /// What happens to components that are no longer needed.
    pub retention: Retention,
    /// Where packed weights are kept.
    pub cache: Option<Cache>,
}

impl ModelChoice {
    /// Opens `model`, or the demo model and its refiner if none is named.
    ///
    /// # Errors
    /// Says what is wrong with which file.
    pub fn open(named: &NamedModels<'_>) -> Result<Self> {
        let given = |path: &&Path| !path.as_os_str().is_empty();
        let no_refiner = named.no_refiner;
        let (model, refiner) = (named.model.filter(given), named.refiner.filter(given).filter(|_| !no_refiner));
        let (vae, tiny_vae) = (named.vae.filter(given), named.tiny_vae.filter(given));
        let either = "give a diffusers folder or a .safetensors checkpoint";
        let any_vae = "give a folder or a .safetensors file, such as madebyollin/sdxl-vae-fp16-fix";
        let any_tiny_vae = "give a folder or a .safetensors file, such as madebyollin/taesdxl";
        for ((option, advice), path) in
            named.options.into_iter().zip([either, either, any_vae, any_tiny_vae]).zip([model, refiner, vae, tiny_vae])
        {
            if let Some(path) = path.filter(|path| !path.exists()) {
                return Err(Error::Failed(format!("{option}: {} does not exist; {advice}", path.display())));
            }
        }
        // A tiny VAE says itself that it is one.
        let (vae, tiny_vae) = match (vae, tiny_vae) {
            (Some(path), None) if TinyVaeFiles::is_at(path) => (None, Some(path)),
            named => named,
        };
        let demo = if model.is_none() { Some(DemoModel::unpack()?) } else { None };
        let base_path = model.map(Path::to_owned).or_else(|| demo.as_ref().map(DemoModel::base)).unwrap_or_default();
        let own_refiner = demo.as_ref().filter(|_| !no_refiner).map(DemoModel::refiner);
        let (refiner_path, refiner_name) = match (refiner, own_refiner) {
            (Some(path), _) => (Some(path.to_owned()), Some(name_of(path))),
            (None, Some(path)) => (Some(path), Some("demo-refiner".to_owned())),
            (None, None) => (None, None),
        };
        let options = ModelOptions {
            refiner: refiner_path,
            vae: vae.map(Path::to_owned),
            tiny_vae: tiny_vae.map(Path::to_owned),
            prediction: named.prediction,
            retention: named.retention,
            cache: named.cache.clone(),
        };
        let (base, refiner) = ModelSource::open_with(&base_path, &options)?;
        let name = model.map_or_else(|| "demo".to_owned(), name_of);
        let (vae_name, tiny_vae_name) = (vae.map(name_of), tiny_vae.map(name_of));
        Ok(Self { base, refiner, options, name, refiner_name, vae_name, tiny_vae_name, demo })
    }

    /// Whether no model was named.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.demo.is_some()
    }

    /// The default number of denoising steps.
    #[must_use]
    pub fn default_steps(&self) -> u32 {
        if self.is_demo() { demo_model::STEPS } else { STEPS }
    }
}

/// A model's name: that of its folder, or of its file without the extension.
fn name_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_what_follows_a_dot() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("sdxl-base-1.0");
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(parent.path().join("sdxl-1.0.safetensors"), "").expect("written");
        assert_eq!(name_of(&folder), "sdxl-base-1.0");
        assert_eq!(name_of(&folder.join("../sdxl-1.0.safetensors")), "sdxl-1.0");
    }
}
