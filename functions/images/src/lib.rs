//! Image files: reading and writing them, and recording in them how an image was made, in Easel's own words
//! ([`ImageRecord`]) and in AUTOMATIC1111's ([`infotext`]).

mod decoding;
mod encoding;
mod error;
mod exif;
mod infotext;
mod metadata;
mod record;
#[cfg(test)]
mod samples;

pub use decoding::{
    decode, decode_mask, decode_with_transparency, load, load_mask, load_with_alpha, load_with_transparency,
};
pub use encoding::{Format, encode, format_of, save, save_with_alpha};
pub use error::ImageFileError;
pub use infotext::{infotext, upscaled_infotext};
pub use metadata::Metadata;
pub use record::{ControlRecord, EmbeddingRecord, ImagePromptRecord, ImageRecord, LoraRecord, UpscaleRecord};
