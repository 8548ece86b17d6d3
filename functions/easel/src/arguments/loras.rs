//! Which LoRAs change the model.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use easel_model::prompt::extra_networks;
use easel_model::{LoraFile, LoraWeights, RequestedLora};
use easel_models::offers::{Catalogue, OfferKind};
use easel_settings::Settings;
use easel_system::environment;

use crate::cache;
use crate::command_error::CommandError;

/// Which LoRAs change the model.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoraArguments {
    /// A LoRA (LoCon, LoHa, LoKr, DoRA) as .safetensors, and how strongly it changes the model [default: 1], such as
    /// detail.safetensors:0.8; text encoders and UNet apart: 0.8:0.5; 12, 20 or 26 blocks: 1:lbw=1,0,...; give it again for
    /// several
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]")]
    loras: Vec<OsString>,
    /// A LoRA that changes the refiner, which takes none of the model's
    #[arg(long = "refiner-lora", value_name = "FILE[:WEIGHT]")]
    refiner_loras: Vec<OsString>,
    /// A folder of LoRAs that the prompt can name, as in <lora:name:0.8>; or hf://owner/name or s3://bucket/prefix, from which
    /// those are fetched that it names [default: none]
    #[arg(id = "lora_folder", long = "loras", value_name = "DIR", env = environment::LORAS, hide_env_values = true)]
    folder: Option<PathBuf>,
}

impl LoraArguments {
    /// Opens the LoRAs of the model: those that are given, then those that the prompt names, where there is a folder of them.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Vec<RequestedLora>, CommandError> {
        let mut loras =
            self.loras.iter().map(|argument| open("--lora", argument)).collect::<Result<Vec<_>, CommandError>>()?;
        let Some((folder, syntax)) = self.folder.as_deref().zip(settings.prompt_syntax) else { return Ok(loras) };
        let named = extra_networks(&settings.prompt, syntax).loras;
        if named.is_empty() {
            return Ok(loras);
        }
        let catalogue = Catalogue::open(OfferKind::Lora, "--loras", folder, cache::folder().as_deref())?;
        for (name, weights) in named {
            let wrong = |error: String| CommandError::wrong_use(format!("prompt: <lora:{name}>: {error}"));
            let found = catalogue.find(&name).map_err(|error| wrong(error.to_string()))?;
            let weights = LoraWeights::parse(&weights).map_err(|error| wrong(error.to_string()))?;
            loras.push(RequestedLora { file: Arc::new(LoraFile::open(&found.path)?), weights });
        }
        Ok(loras)
    }

    /// Opens the LoRAs of the refiner.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn open_refiner(&self) -> Result<Vec<RequestedLora>, CommandError> {
        self.refiner_loras.iter().map(|argument| open("--refiner-lora", argument)).collect()
    }
}

fn open(option: &str, argument: &OsStr) -> Result<RequestedLora, CommandError> {
    let (path, weights) = split(option, argument)?;
    if !path.exists() {
        let message = format!("{option}: {} does not exist; give a .safetensors file", path.display());
        return Err(CommandError::failed(message));
    }
    Ok(RequestedLora { file: Arc::new(LoraFile::open(&path)?), weights })
}

/// The file and the weights that `argument` names. Names of files may have colons too.
fn split(option: &str, argument: &OsStr) -> Result<(PathBuf, LoraWeights), CommandError> {
    let whole = PathBuf::from(argument);
    let Some(text) = argument.to_str().filter(|_| !whole.exists()) else { return Ok((whole, LoraWeights::default())) };
    for (place, _) in text.match_indices(':') {
        let (path, weights) = (&text[..place], &text[place + 1..]);
        match LoraWeights::parse(weights) {
            Ok(weights) => return Ok((path.into(), weights)),
            Err(easel_model::Error::InvalidRequest { message, .. }) if Path::new(path).is_file() => {
                return Err(CommandError::wrong_use(format!("{option}: {message}")));
            }
            Err(_) => {}
        }
    }
    Ok((whole, LoraWeights::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_follow_the_last_colons() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a:0.5.safetensors");
        std::fs::write(&path, "x").expect("written");
        let path = path.to_str().expect("it is text");
        let read =
            |argument: &str| split("--lora", OsStr::new(argument)).map(|(path, weights)| (path, weights.to_string()));
        for (behind, weights) in [("", "1"), (":0.8", "0.8"), (":-0.4:0.5", "-0.4:0.5"), (":te=0:unet=1", "0:1")] {
            assert_eq!(read(&format!("{path}{behind}")).expect("it is understood"), (path.into(), weights.to_owned()));
        }
        assert_eq!(read("C:\\loras\\x.safetensors").expect("a path").0, PathBuf::from("C:\\loras\\x.safetensors"));
        let error = read(&format!("{path}:strong")).expect_err("no weight").to_string();
        assert!(error.contains("--lora") && error.contains("strong"), "{error}");
    }
}
