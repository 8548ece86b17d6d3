//! Kinds of files that a service offers by name.

use std::fmt;

/// A kind of files that change what a model draws, or what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferKind {
    /// LoRA and its family.
    Lora,
    /// Textual inversion.
    Embedding,
    /// What steers by a control image: ControlNet and its family.
    Control,
    /// What a model is prompted with images through: IP-Adapter.
    ImageAdapter,
    /// What reads images for such an adapter: CLIP's vision model.
    ImageEncoder,
    /// What enlarges images.
    Upscaler,
}

impl OfferKind {
    /// The extensions of its files.
    pub(super) fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Embedding => &["safetensors", "pt"],
            Self::Upscaler => &["safetensors", "pth", "pt"],
            Self::Lora | Self::Control | Self::ImageAdapter | Self::ImageEncoder => &["safetensors"],
        }
    }

    /// Whether a folder with a `config.json` is one of it, as diffusers and transformers save them.
    pub(super) fn has_folders(self) -> bool {
        matches!(self, Self::Control | Self::ImageEncoder)
    }
}

impl fmt::Display for OfferKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lora => "LoRA",
            Self::Embedding => "embedding",
            Self::Control => "control model",
            Self::ImageAdapter => "image adapter",
            Self::ImageEncoder => "image encoder",
            Self::Upscaler => "upscaler",
        })
    }
}
