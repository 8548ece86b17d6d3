//! Everything between files on disk and raw tensors: safetensors files, diffusers folders and single-file
//! checkpoints in the original layout, read and written. Pickles are refused, because opening one runs its code.

mod component;
mod convert;
mod export;
mod files;
mod folder;
mod header;
mod mapping;
mod original;
mod recognise;
mod safetensors_file;
mod single_file;
mod tiny_vae;
mod write;

use std::path::PathBuf;

use bytes::Bytes;

pub use crate::packing::PACKED_FILE;
pub use convert::convert;
pub use export::{Form, TOKENIZER_FILES, save_folder, save_single_file};
pub use files::ModelFiles;
pub use header::{Entry, Header, HeaderFault, parse_header};
pub use original::{Transform, open_clip_name, unet_name, vae_name};
pub use safetensors_file::SafetensorsFile;
pub use tiny_vae::TinyVaeFiles;
pub use write::{Stored, TensorToWrite, write_folder, write_safetensors};

use crate::error::Result;

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
    /// Every component, in the order a picture needs them.
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

/// The number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WeightType {
    /// 32-bit IEEE floats.
    F32,
    /// 16-bit IEEE floats.
    F16,
    /// 16-bit brain floats.
    BF16,
}

impl WeightType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// The name in safetensors headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }
}

/// One tensor as stored: row-major, in PyTorch's layout (linear `[out, in]`, convolution `[out, in, height, width]`),
/// little-endian, aligned for its format.
#[derive(Debug, Clone)]
pub struct RawTensor {
    /// Format of the numbers.
    pub dtype: WeightType,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers: a slice of the mapped file, or a buffer of its own.
    pub data: Bytes,
}

/// The tensors of one component under the names that diffusers gives them; text encoders always with `text_model.`.
pub trait TensorSource: Send + Sync {
    /// Every name, sorted.
    fn names(&self) -> Vec<String>;

    /// Format and shape of a tensor, without reading it.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name.
    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)>;

    /// The tensor where it lies in the mapped file, wherever layout and alignment allow; else a copy.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name.
    fn tensor(&self, name: &str) -> Result<RawTensor>;

    /// The tensor read into a buffer of its own without touching the mapping, for callers that convert it, so that
    /// mapped pages and the converted copy are not both in memory.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] if there is none of this name, [`crate::Error::Io`] if it cannot be read.
    fn read(&self, name: &str) -> Result<RawTensor>;

    /// The file that holds the tensor, for messages.
    fn file_of(&self, name: &str) -> Option<PathBuf>;
}
