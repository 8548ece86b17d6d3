//! Models with a name each: `name=address,name=address`.

use std::path::PathBuf;

use easel_settings::MAX_OFFERED_NAME;

use crate::error::{Error, Result};

/// A model by the name that people choose it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// The name.
    pub name: String,
    /// A diffusers folder or a checkpoint, or the address to fetch one from.
    pub model: PathBuf,
}

impl NamedModel {
    /// Reads a list; the first model is the default. `option` is the option or variable that it is from.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if it is no such list or has a name twice.
    pub fn list(option: &str, text: &str) -> Result<Vec<Self>> {
        let wrong = |entry: &str, why: &str| {
            let forms = "give NAME=MODEL,NAME=MODEL, where a model is a folder, a .safetensors file or an address";
            Err(Error::WrongUse(format!("{option}: `{entry}` {why}: {forms}")))
        };
        let mut models: Vec<Self> = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some((name, model)) = entry.split_once('=') else { return wrong(entry, "has no name") };
            let (name, model) = (name.trim(), model.trim());
            if name.is_empty() || name.chars().count() > MAX_OFFERED_NAME || name.contains(char::is_control) {
                return wrong(entry, &format!("has a name that is empty or longer than {MAX_OFFERED_NAME} letters"));
            }
            if model.is_empty() {
                return wrong(entry, "names no model");
            }
            if models.iter().any(|before| before.name == name) {
                return wrong(entry, "has a name that another model has");
            }
            models.push(Self { name: name.to_owned(), model: PathBuf::from(model) });
        }
        if models.is_empty() { wrong(text, "names no model") } else { Ok(models) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_a_name_each() {
        let models = NamedModel::list("EASEL_MODELS", "base=/m/sdxl, turbo=hf://a/b?variant=fp16,").expect("models");
        let named = |name: &str, model: &str| NamedModel { name: name.to_owned(), model: model.into() };
        assert_eq!(models, [named("base", "/m/sdxl"), named("turbo", "hf://a/b?variant=fp16")]);
        for text in ["", ",", "/m/sdxl", "=a", "a=", "a=b,a=c", &format!("{}=a", "x".repeat(101))] {
            let error = NamedModel::list("EASEL_MODELS", text).expect_err("refused").to_string();
            assert!(error.starts_with("EASEL_MODELS: "), "{error}");
        }
    }
}
