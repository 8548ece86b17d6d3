//! What can be asked for by name.

use std::path::PathBuf;

use clap::Args;
use easel_models::offers::NamedModel;
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
    pub(crate) loras: Option<PathBuf>,
    /// A folder of textual inversions that tasks can ask for by name, or an address like that of LoRAs [default: none]
    #[arg(long, value_name = "DIR", env = environment::EMBEDDINGS, hide_env_values = true)]
    pub(crate) embeddings: Option<PathBuf>,
}

impl OfferArguments {
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
