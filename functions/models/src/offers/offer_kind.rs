//! Kinds of files that a service offers by name.

use std::fmt;

/// A kind of files that change what a model draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferKind {
    /// LoRA and its family.
    Lora,
    /// Textual inversion.
    Embedding,
}

impl OfferKind {
    /// The extensions of its files.
    pub(super) fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Lora => &["safetensors"],
            Self::Embedding => &["safetensors", "pt"],
        }
    }
}

impl fmt::Display for OfferKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lora => "LoRA",
            Self::Embedding => "embedding",
        })
    }
}
