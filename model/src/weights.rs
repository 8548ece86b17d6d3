//! Everything between files on disk and the parameters of the networks: safetensors files, diffusers folders and
//! single-file checkpoints in the original layout, read and written; weights packed for the CPU's kernels; random ones.
//! Pickles are refused as weights, because opening one elsewhere runs its code; small ones are read without running it.

mod cache;
mod check_numbers;
mod component;
mod component_tensors;
mod config_texts;
mod control;
mod convert;
mod embedding;
mod export;
mod files;
mod fingerprint;
mod finite;
mod folder;
mod image_encoder;
mod ip_adapter;
mod kept;
mod left_over;
mod lora;
pub mod manifest;
mod merged_parameters;
mod options;
mod original;
mod other_model;
mod packing;
mod pickle;
mod prediction_name;
mod random;
mod recognise;
mod safetensors;
mod scale;
mod single_file;
mod source;
mod stored_numbers;
mod tensor_parameters;
mod tensor_source;
mod tiny_vae;
mod tokenizers;
mod upscaler;
mod vae;
mod write;

pub use cache::Cache;
pub use component::Component;
pub use control::ControlModel;
pub use convert::convert;
pub use embedding::Embedding;
pub use export::{ExportFormat, TOKENIZER_FILES, save_folder, save_single_file};
pub use files::ModelFiles;
pub(crate) use fingerprint::Fingerprint;
pub use image_encoder::ImageEncoderFiles;
pub use ip_adapter::IpAdapter;
pub(crate) use ip_adapter::attention_name;
pub(crate) use kept::{KeepingParameters, KeptMatrices};
pub(crate) use lora::{ComponentMerge, Merge};
pub use lora::{LoraFile, LoraWeights, RequestedLora};
pub use options::ModelOptions;
pub use original::{Transform, open_clip_name, unet_name, vae_name};
pub use packing::PACKED_FILE;
pub(crate) use random::RandomWeights;
pub use safetensors::{
    Header, HeaderFault, SafetensorsFile, Stored, TensorEntry, TensorToWrite, parse_header, write_safetensors,
};
pub use source::ModelSource;
pub use tensor_source::{RawTensor, TensorSource};
pub use tiny_vae::TinyVaeFiles;
pub(crate) use tokenizers::Tokenizers;
pub use upscaler::UpscalerFile;
pub use vae::VaeFiles;
pub(crate) use write::finish_writing;
pub use write::write_folder;

pub use crate::precision::WeightType;
