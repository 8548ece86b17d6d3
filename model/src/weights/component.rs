//! The parts of a model.

/// A part of the model that has weights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// CLIP-L.
    TextEncoder,
    /// OpenCLIP bigG.
    TextEncoder2,
    /// The UNet.
    UNet,
    /// The VAE.
    Vae,
}

impl Component {
    /// Every component, in the order an image needs them.
    pub const ALL: [Self; 4] = [Self::TextEncoder, Self::TextEncoder2, Self::UNet, Self::Vae];

    /// Its folder in the diffusers layout.
    pub fn folder(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
            Self::UNet => "unet",
            Self::Vae => "vae",
        }
    }

    /// The folder of the tokenizer that goes with it, for a text encoder.
    pub fn tokenizer_folder(self) -> Option<&'static str> {
        match self {
            Self::TextEncoder => Some("tokenizer"),
            Self::TextEncoder2 => Some("tokenizer_2"),
            Self::UNet | Self::Vae => None,
        }
    }
}
