//! Between the files that a task is drawn with and the model: the one place where names in prompts are read, and where files
//! become a part of a request.

use std::sync::Arc;

use easel_domain::task::Settings;
use easel_images::LoraRecord;
use easel_model::prompt::extra_networks;
use easel_model::{Embedding, Error, LoraFile, LoraWeights, Request, RequestedLora, Result};
use easel_models::offers::OfferedFile;
use parking_lot::Mutex;

/// How many files stay open for the next tasks.
const KEPT: usize = 16;

/// Files that are open, the one that was used last first.
#[derive(Default)]
pub(super) struct OpenedFiles {
    /// With the hashes by which AUTOMATIC1111 knows them, for which a file is read as a whole.
    loras: Mutex<Vec<(Arc<LoraFile>, String)>>,
}

impl OpenedFiles {
    /// The LoRA in a file, with these weights, as settings or prompts write them; and what an image's metadata says of it.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`], with the name, if it is no LoRA or these are no weights.
    pub(super) fn lora(&self, offered: &OfferedFile, weights: &str) -> Result<(RequestedLora, LoraRecord)> {
        let OfferedFile { name, path, sha256 } = offered;
        // Who asks for it by name learns nothing of where the worker has it.
        let fault = |error: Error| {
            let place = path.display().to_string();
            Error::invalid("loras", format!("`{name}`: {}", error.to_string().replace(&place, "its file")))
        };
        let weights = LoraWeights::parse(weights).map_err(fault)?;
        let mut opened = self.loras.lock();
        let (file, short_hash) = match opened.iter().position(|(file, _)| file.digest() == sha256) {
            Some(place) => opened.remove(place),
            None => {
                let file = LoraFile::open(path).map_err(fault)?;
                let short_hash = file.short_hash().map_err(fault)?;
                (Arc::new(file), short_hash)
            }
        };
        if file.digest() != sha256 {
            return Err(Error::invalid("loras", format!("`{name}` was replaced at this moment: retry")));
        }
        opened.insert(0, (file.clone(), short_hash.clone()));
        opened.truncate(KEPT);
        let record =
            LoraRecord { name: name.clone(), weights: weights.to_string(), digest: sha256.clone(), short_hash };
        Ok((RequestedLora { file, weights }, record))
    }
}

/// The LoRAs that a prompt names, where its syntax has names of LoRAs: name and weights.
pub(super) fn named_in_prompt(settings: &Settings) -> Vec<(String, String)> {
    settings.prompt_syntax.map_or_else(Vec::new, |syntax| extra_networks(&settings.prompt, syntax).loras)
}

/// The request with the files.
///
/// # Errors
/// Returns [`Error::InvalidRequest`] for a file that the model cannot use.
pub(super) fn add_to(request: Request, loras: &[RequestedLora], embeddings: &[OfferedFile]) -> Result<Request> {
    let embeddings = embeddings.iter().map(|file| embedding(file).map(Arc::new)).collect::<Result<_>>()?;
    Ok(Request { loras: loras.to_vec(), embeddings, ..request })
}

/// The trained word in a file.
fn embedding(OfferedFile { name, path, sha256 }: &OfferedFile) -> Result<Embedding> {
    let opened = Embedding::open(path).map_err(|error| {
        let message = error.to_string().replace(&path.display().to_string(), "its file");
        Error::invalid("embeddings", format!("`{name}`: {message}"))
    })?;
    if opened.digest() != sha256 {
        return Err(Error::invalid("embeddings", format!("`{name}` was replaced at this moment: retry")));
    }
    Ok(opened)
}
