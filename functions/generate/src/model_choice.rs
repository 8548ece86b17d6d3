//! Which model draws: the one that was named, or the demo model.

use std::path::{Path, PathBuf};

use easel_model::ModelSource;

use crate::demo_model::{self, DemoModel};
use crate::error::{Error, Result};

/// Steps where nothing is asked for, as in the reference implementation.
const STEPS: u32 = 50;

/// The opened files of a model, with or without a refiner.
pub struct ModelChoice {
    /// The model proper.
    pub base: ModelSource,
    /// What finishes what the model began.
    pub refiner: Option<ModelSource>,
    /// The model's name, for people and records.
    pub name: String,
    /// The refiner's.
    pub refiner_name: Option<String>,
    /// The demo model, if it draws, whose files have to stay where they are.
    pub demo: Option<DemoModel>,
}

impl ModelChoice {
    /// Opens `model`, or the demo model and its refiner if none is named; `options` is what the two are called where
    /// they are named.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open(options: [&str; 2], model: Option<&Path>, refiner: Option<&Path>, no_refiner: bool) -> Result<Self> {
        let given = |path: &&Path| !path.as_os_str().is_empty();
        let (model, refiner) = (model.filter(given), refiner.filter(given).filter(|_| !no_refiner));
        for (option, path) in options.into_iter().zip([model, refiner]) {
            if let Some(path) = path.filter(|path| !path.exists()) {
                let advice = "give a diffusers folder or a .safetensors checkpoint";
                return Err(Error::Failed(format!("{option}: there is no {}; {advice}", path.display())));
            }
        }
        let demo = if model.is_none() { Some(DemoModel::unpack()?) } else { None };
        let base_path = model.map(Path::to_owned).or_else(|| demo.as_ref().map(DemoModel::base)).unwrap_or_default();
        let own_refiner = demo.as_ref().filter(|_| !no_refiner).map(DemoModel::refiner);
        let (refiner_path, refiner_name) = match (refiner, own_refiner) {
            (Some(path), _) => (Some(path.to_owned()), Some(name_of(path))),
            (None, Some(path)) => (Some(path), Some("demo-refiner".to_owned())),
            (None, None) => (None, None),
        };
        let base = ModelSource::open(&base_path)?;
        let refiner = refiner_path.map(|path| ModelSource::open_refiner(&path, &base)).transpose()?;
        let name = model.map_or_else(|| "demo".to_owned(), name_of);
        Ok(Self { base, refiner, name, refiner_name, demo })
    }

    /// Whether nobody named a model.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.demo.is_some()
    }

    /// Steps where nothing is asked for.
    #[must_use]
    pub fn default_steps(&self) -> u32 {
        if self.is_demo() { demo_model::STEPS } else { STEPS }
    }
}

/// What a model is called: its folder, or its file without the extension.
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
