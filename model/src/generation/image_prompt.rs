//! The image prompts of a generation.

use std::sync::Arc;

use crate::network::unet::ImageKeys;
use crate::request::ImagePrompt;

/// The image prompts of a generation.
#[derive(Default)]
pub(super) struct ImagePrompts {
    pub(super) prompts: Vec<ImagePrompt>,
    identities: Vec<String>,
    /// Keys and values of each; absent until the images are read.
    pub(super) keys: Option<Vec<Arc<ImageKeys>>>,
}

impl ImagePrompts {
    pub(super) fn new(prompts: Vec<ImagePrompt>) -> Self {
        Self { identities: identities(&prompts), prompts, keys: None }
    }

    /// What tells them from others, for checkpoints.
    pub(super) fn identities(&self) -> &[String] {
        &self.identities
    }
}

/// What tells `prompts` from others, for checkpoints.
pub(super) fn identities(prompts: &[ImagePrompt]) -> Vec<String> {
    prompts.iter().map(ImagePrompt::identity).collect()
}
