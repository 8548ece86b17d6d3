//! What can be asked for by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use easel_models::offers::{NamedModel, OfferKind};
use easel_system::environment;

use crate::command_error::CommandError;

/// What a service offers by name.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfferArguments {
    /// Models that tasks choose from, each with a name, in the place of --model; the first one draws unless a task names
    /// another. One is in memory at a time, unless they fit
    #[arg(long, value_name = "NAME=MODEL,…", env = environment::MODELS, hide_env_values = true)]
    models: Option<String>,
    /// A folder of LoRAs that tasks can ask for by name; or hf://owner/name or s3://bucket/prefix, from which each is fetched
    /// when it is used [default: none]
    #[arg(long, value_name = "DIR", env = environment::LORAS, hide_env_values = true)]
    loras: Option<PathBuf>,
    /// A folder of textual inversions that tasks can ask for by name, or an address like that of LoRAs [default: none]
    #[arg(long, value_name = "DIR", env = environment::EMBEDDINGS, hide_env_values = true)]
    embeddings: Option<PathBuf>,
    /// A folder of control models (ControlNets: files, or folders as diffusers saves them) that tasks can ask for by name, or
    /// an address like that of LoRAs [default: none]
    #[arg(long, value_name = "DIR", env = environment::CONTROLS, hide_env_values = true)]
    controls: Option<PathBuf>,
    /// A folder of IP-Adapters that tasks can ask for by name, or an address like that of LoRAs [default: none]
    #[arg(long, value_name = "DIR", env = environment::IMAGE_ADAPTERS, hide_env_values = true)]
    image_adapters: Option<PathBuf>,
    /// A folder of the CLIP vision models that read images for them: the one that has an adapter's name, else the only one
    /// [default: none]
    #[arg(long, value_name = "DIR", env = environment::IMAGE_ENCODERS, hide_env_values = true)]
    image_encoders: Option<PathBuf>,
    /// A folder of upscalers that tasks can ask for by name, or an address like that of LoRAs [default: none]
    #[arg(long, value_name = "DIR", env = environment::UPSCALERS, hide_env_values = true)]
    upscalers: Option<PathBuf>,
}

impl OfferArguments {
    /// Where what is offered of each kind is.
    pub(crate) fn places(&self) -> BTreeMap<OfferKind, PathBuf> {
        let places = [
            (OfferKind::Lora, &self.loras),
            (OfferKind::Embedding, &self.embeddings),
            (OfferKind::Control, &self.controls),
            (OfferKind::ImageAdapter, &self.image_adapters),
            (OfferKind::ImageEncoder, &self.image_encoders),
            (OfferKind::Upscaler, &self.upscalers),
        ];
        places.into_iter().filter_map(|(kind, place)| Some((kind, place.clone()?))).collect()
    }

    /// The models to choose from; none if there is but one.
    ///
    /// # Errors
    /// The list cannot be read, or one model is named beside it.
    pub(crate) fn models(&self, is_one_named: bool) -> Result<Vec<NamedModel>, CommandError> {
        let Some(list) = &self.models else { return Ok(Vec::new()) };
        if is_one_named {
            let message = "--models: one model is named beside it: leave --model and EASEL_MODEL out, or --models";
            return Err(CommandError::wrong_use(message));
        }
        Ok(NamedModel::list("--models", list)?)
    }
}
