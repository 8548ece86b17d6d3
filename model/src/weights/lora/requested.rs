//! A LoRA as a generation asks for it.

use std::sync::Arc;

use super::{LoraFile, LoraWeights};

/// A LoRA and how strongly it is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestedLora {
    /// The file.
    pub file: Arc<LoraFile>,
    /// How strongly.
    pub weights: LoraWeights,
}

impl RequestedLora {
    /// What tells it from others, for checkpoints: the file's digest and the weights.
    pub(crate) fn identity(&self) -> String {
        format!("{} {}", self.file.digest(), self.weights)
    }
}
