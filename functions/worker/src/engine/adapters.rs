//! Between the files that a task is drawn with and the model: the one place where names in prompts are read, and where files
//! become a part of a request.

use std::sync::Arc;

use easel_domain::task::Settings;
use easel_images::LoraRecord;
use easel_model::prompt::extra_networks;
use easel_model::{Embedding, Error, LoraFile, LoraWeights, Request, RequestedLora, Result};
use easel_models::offers::OfferedFile;

use super::shelf::{Shelf, fault};

/// How many files stay open for the next tasks.
const KEPT: usize = 16;
const LORAS: &str = "loras";

/// LoRAs that are open, with the hashes by which AUTOMATIC1111 knows them, for which a file is read as a whole.
pub(super) struct OpenedFiles(Shelf<(Arc<LoraFile>, String)>);

impl Default for OpenedFiles {
    fn default() -> Self {
        Self(Shelf::keeping(KEPT))
    }
}

impl OpenedFiles {
    /// The LoRA in a file, with these weights, as settings or prompts write them; and what an image's metadata says of it.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`], with the name, if it is no LoRA or these are no weights.
    pub(super) fn lora(&self, offered: &OfferedFile, weights: &str) -> Result<(RequestedLora, LoraRecord)> {
        let weights = LoraWeights::parse(weights).map_err(|error| fault(offered, LORAS, &error))?;
        let opened = self.0.open(&offered.sha256, offered, LORAS, || {
            let file = LoraFile::open(&offered.path)?;
            let short_hash = file.short_hash()?;
            Ok((Arc::new(file), short_hash))
        })?;
        let (file, short_hash) = (*opened).clone();
        if file.digest() != offered.sha256 {
            return Err(replaced(offered, LORAS));
        }
        let digest = offered.sha256.clone();
        let record = LoraRecord { name: offered.name.clone(), weights: weights.to_string(), digest, short_hash };
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
fn embedding(offered: &OfferedFile) -> Result<Embedding> {
    let opened = Embedding::open(&offered.path).map_err(|error| fault(offered, "embeddings", &error))?;
    if opened.digest() != offered.sha256 {
        return Err(replaced(offered, "embeddings"));
    }
    Ok(opened)
}

fn replaced(offered: &OfferedFile, field: &'static str) -> Error {
    Error::invalid(field, format!("`{}` was replaced at this moment: retry", offered.name))
}
