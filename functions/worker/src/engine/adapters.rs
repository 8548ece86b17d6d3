//! Between the files that a task is drawn with and the model: the one place where names in prompts are read, and where files
//! become a part of a request.

use std::sync::Arc;

use easel_domain::task::Settings;
use easel_images::RecordedFile;
use easel_model::{Checkpoint, Error, Generation, LoraFile, LoraWeights, Model, Request, RequestedLora, Result};
use easel_models::offers::OfferedFile;

/// A LoRA and its weights.
pub struct ChosenLora {
    /// The file.
    pub file: OfferedFile,
    /// Its weights, as settings or prompts write them: a number, or one for each block.
    pub weights: String,
}

impl ChosenLora {
    /// What an image's metadata says of it.
    pub(crate) fn record(&self) -> RecordedFile<'_> {
        RecordedFile::new(&self.file.name, &self.file.sha256).with_weights(&self.weights)
    }
}

/// The LoRAs that a prompt names, where its syntax has names of LoRAs: name and weights.
pub(super) fn named_in_prompt(_settings: &Settings) -> Vec<(String, String)> {
    Vec::new()
}

/// The request with the files.
///
/// # Errors
/// Returns [`Error::InvalidRequest`] for a file that the model cannot use.
pub(super) fn add_to(request: Request, loras: &[ChosenLora], embeddings: &[OfferedFile]) -> Result<Request> {
    refuse(embeddings)?;
    let loras = loras.iter().map(requested).collect::<Result<_>>()?;
    Ok(Request { loras, ..request })
}

/// The LoRA, opened.
fn requested(chosen: &ChosenLora) -> Result<RequestedLora> {
    let OfferedFile { name, path, sha256 } = &chosen.file;
    // Who asks for it by name learns nothing of where the worker has it.
    let fault = |error: Error| {
        let place = path.display().to_string();
        Error::invalid("loras", format!("`{name}`: {}", error.to_string().replace(&place, "its file")))
    };
    let file = LoraFile::open(path).map_err(fault)?;
    if file.digest() != sha256 {
        return Err(Error::invalid("loras", format!("`{name}` was replaced at this moment: retry")));
    }
    let weights = LoraWeights::parse(&chosen.weights).map_err(fault)?;
    Ok(RequestedLora { file: Arc::new(file), weights })
}

/// Continues from a checkpoint that was made with the same files.
///
/// # Errors
/// Returns [`Error::Checkpoint`] if it was made with others, [`Error::InvalidRequest`] for a file that the model cannot use.
pub(super) fn resume(
    model: &Model,
    checkpoint: Checkpoint,
    loras: &[ChosenLora],
    embeddings: &[OfferedFile],
) -> Result<Generation> {
    let request = add_to(checkpoint.settings().clone().into(), loras, embeddings)?;
    model.resume_with(checkpoint, request)
}

/// Nothing is drawn without what was asked for.
fn refuse(embeddings: &[OfferedFile]) -> Result<()> {
    if let Some(file) = embeddings.first() {
        let message = format!("`{}`: this version of Easel does not draw with embeddings", file.name);
        return Err(Error::invalid("embeddings", message));
    }
    Ok(())
}
