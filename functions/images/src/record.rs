//! How an image was made: everything that is needed to generate it again, kept in its file.

use easel_model::{Backend, Precision};
use easel_settings::ResolvedSettings;
use serde::Serialize;

/// Easel's own record of one image. It has the names of files without their folders, because others may see the image.
#[derive(Debug, Serialize)]
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
    /// The VAE's name, if it is not the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vae: Option<&'a str>,
    /// The tiny VAE's name, if one decoded the image.
    pub tiny_vae: Option<&'a str>,
    /// `cpu` or `cuda`.
    pub device: &'static str,
    /// What the image was computed with.
    pub backend: Backend,
    /// The number format of the weights.
    pub precision: Precision,
    /// The name of the init image's file; how much of the image may change is the request's `strength`.
    pub init: Option<&'a str>,
}
