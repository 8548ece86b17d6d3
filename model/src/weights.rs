//! Everything between files on disk and the parameters of the networks: safetensors files, diffusers folders and
//! single-file checkpoints in the original layout, read and written; weights packed for the CPU's kernels; random ones.
//! Pickles are refused as weights, because opening one elsewhere runs its code; small ones are read without running it.

mod cache;
mod component;
mod component_tensors;
mod config_texts;
mod convert;
mod embedding;
mod export;
mod files;
mod fingerprint;
mod folder;
pub mod manifest;
mod original;
mod packing;
mod pickle;
mod random;
mod recognise;
mod safetensors;
mod single_file;
mod source;
mod tensor_parameters;
mod tensor_source;
mod tiny_vae;
mod write;

pub use cache::Cache;
pub use component::Component;
pub use convert::convert;
pub use embedding::Embedding;
pub use export::{ExportFormat, TOKENIZER_FILES, save_folder, save_single_file};
pub use files::ModelFiles;
pub(crate) use fingerprint::Fingerprint;
pub use original::{Transform, open_clip_name, unet_name, vae_name};
pub use packing::PACKED_FILE;
pub(crate) use random::RandomWeights;
pub use safetensors::{
    Header, HeaderFault, SafetensorsFile, Stored, TensorEntry, TensorToWrite, parse_header, write_safetensors,
};
pub use source::ModelSource;
pub(crate) use source::Tokenizers;
pub use tensor_source::{RawTensor, TensorSource};
pub use tiny_vae::TinyVaeFiles;
pub use write::write_folder;

pub use crate::precision::WeightType;
