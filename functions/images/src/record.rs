//! How an image was made: everything that is needed to generate it again, kept in its file.

use easel_model::{Backend, Precision};
use easel_settings::ResolvedSettings;
use serde::Serialize;

/// Easel's own record of one image. It has the names of files without their folders, because others may see the image.
#[derive(Debug, Clone, Serialize)]
pub struct ImageRecord<'a> {
    /// This program's version.
    pub easel: &'static str,
    /// What generates this image by itself, with every default filled in, whether or not it was one of several.
    #[serde(rename = "request")]
    pub settings: &'a ResolvedSettings,
    /// The model's name.
    pub model: &'a str,
    /// The refiner's name, if it was used.
    pub refiner: Option<&'a str>,
    /// The tiny VAE's name, if one decoded the image.
    pub tiny_vae: Option<&'a str>,
    /// The LoRAs that changed the model, with their weights.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<RecordedFile<'a>>,
    /// The textual inversions whose words the prompts could use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embeddings: Vec<RecordedFile<'a>>,
    /// `cpu` or `cuda`.
    pub device: &'static str,
    /// What the image was computed with.
    pub backend: Backend,
    /// The number format of the weights.
    pub precision: Precision,
    /// The name of the init image's file; how much of the image may change is the request's `strength`.
    pub init: Option<&'a str>,
}

/// A file that an image was made with, beside its model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// The weights of a LoRA: a number, or what was written for its blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<&'a str>,
}

impl<'a> RecordedFile<'a> {
    /// A file without weights.
    #[must_use]
    pub fn new(name: &'a str, sha256: &'a str) -> Self {
        Self { name, sha256, weights: None }
    }

    /// The same with weights.
    #[must_use]
    pub fn with_weights(self, weights: &'a str) -> Self {
        Self { weights: Some(weights), ..self }
    }
}
