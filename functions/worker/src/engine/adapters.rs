//! Between the files that a task is drawn with and the model: the one place where names in prompts are read, and where files
//! become a part of a request.

use easel_domain::task::Settings;
use easel_model::{Checkpoint, Generation, Request};

use super::Chosen;

/// The LoRAs that a prompt names, where its syntax has names of LoRAs: name and weights.
pub(super) fn named_in_prompt(_settings: &Settings) -> Vec<(String, String)> {
    Vec::new()
}

impl Chosen {
    /// The request with the files.
    ///
    /// # Errors
    /// Returns [`easel_model::Error::InvalidRequest`] for a file that the model cannot use.
    pub(super) fn add_to(&self, request: Request) -> easel_model::Result<Request> {
        if let Some(lora) = self.loras.first() {
            let message = format!("`{}`: this version of Easel does not draw with LoRAs", lora.file.name);
            return Err(easel_model::Error::invalid("loras", message));
        }
        if let Some(file) = self.embeddings.first() {
            let message = format!("`{}`: this version of Easel does not draw with embeddings", file.name);
            return Err(easel_model::Error::invalid("embeddings", message));
        }
        Ok(request)
    }

    /// Continues from a checkpoint, with the files.
    ///
    /// # Errors
    /// Returns [`easel_model::Error::Checkpoint`] if it was made with others.
    pub(crate) fn resume(&self, checkpoint: Checkpoint) -> easel_model::Result<Generation> {
        self.model.model.resume(checkpoint)
    }
}
