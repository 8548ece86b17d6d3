//! Which trained words the prompts may use.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use easel_model::Embedding;
use easel_models::offers::{Catalogue, OfferKind};
use easel_settings::Settings;
use easel_system::environment;

use crate::cache;
use crate::command_error::CommandError;

/// Which trained words (textual inversions) the prompts may use.
#[derive(Debug, Clone, Args)]
pub(crate) struct EmbeddingArguments {
    /// A trained word (textual inversion) that the prompts may use: a .safetensors or .pt file, whose name without its
    /// ending is the word; may be given several times
    #[arg(id = "embedding", long, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder of trained words, of which the prompts use those that stand in them; or an address like that of LoRAs
    /// [default: none]
    #[arg(id = "embeddings", long, value_name = "DIR", env = environment::EMBEDDINGS, hide_env_values = true)]
    folder: Option<PathBuf>,
}

impl EmbeddingArguments {
    /// Opens the files that are given, and those of the folder whose word stands in a prompt.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Vec<Arc<Embedding>>, CommandError> {
        let mut words = Vec::new();
        for file in &self.files {
            words.push(Arc::new(Embedding::open(file)?));
        }
        let Some(folder) = &self.folder else { return Ok(words) };
        let catalogue = Catalogue::open(OfferKind::Embedding, "--embeddings", folder, cache::folder().as_deref())?;
        catalogue.refresh()?;
        let prompts = [Some(&settings.prompt), settings.negative_prompt.as_ref()];
        let prompts = prompts.into_iter().flatten().map(|text| text.to_lowercase()).collect::<Vec<_>>();
        for name in catalogue.names() {
            let word = name.name.rsplit('/').next().unwrap_or(&name.name).to_lowercase();
            let is_given = words.iter().any(|given: &Arc<Embedding>| given.word().to_lowercase() == word);
            if is_given || !prompts.iter().any(|prompt| prompt.contains(&word)) {
                continue;
            }
            let wrong = |error: String| CommandError::wrong_use(format!("--embeddings: `{}`: {error}", name.name));
            let found = catalogue.find(&name.name).map_err(|error| wrong(error.to_string()))?;
            words.push(Arc::new(Embedding::open(&found.path)?));
        }
        Ok(words)
    }
}
