//! How an image was made: everything that is needed to generate it again, kept in its file.

use easel_model::{Backend, Precision};
use easel_settings::ResolvedSettings;
use serde::Serialize;

/// Easel's own record of one image. It has the names of files without their folders, because others may see the image.
#[derive(Debug, Clone, Serialize)]
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
    /// `cpu`, `cuda`, `vulkan` or `metal`.
    pub device: &'static str,
    /// What the image was computed with.
    pub backend: Backend,
    /// The number format of the weights.
    pub precision: Precision,
    /// The name of the init image's file; how much of the image may change is the request's `strength`.
    pub init: Option<&'a str>,
    /// The name of the mask's file, or `transparency` where the init image's is the mask; how it was read is among the
    /// request's settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<&'a str>,
    /// By how many pixels the init image was extended on which sides, such as `left=256,top=128`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extend: Option<&'a str>,
    /// What changed the model.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub loras: &'a [LoraRecord],
    /// What changed the refiner.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub refiner_loras: &'a [LoraRecord],
    /// The trained words that the prompts could use.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub embeddings: &'a [EmbeddingRecord],
    /// What steered the model.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub controls: &'a [ControlRecord],
    /// The images that the model was prompted with.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub image_prompts: &'a [ImagePromptRecord],
    /// How the finished image was enlarged, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upscale: Option<&'a UpscaleRecord>,
}

/// A control image and what looked at it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlRecord {
    /// The ControlNet's name.
    pub name: String,
    /// What tells its weights from others.
    pub digest: String,
    /// Which kind of control image it is, where the model is a union of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What made the control image from an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessor: Option<String>,
    /// The name of the image's file.
    pub image: String,
    /// How strongly it steered.
    pub scale: f64,
    /// The share of the steps before it began.
    pub start: f64,
    /// The share of the steps after which it ended.
    pub end: f64,
}

/// Images that a model was prompted with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImagePromptRecord {
    /// The IP-Adapter's name.
    pub name: String,
    /// What tells its weights from others.
    pub digest: String,
    /// What tells the image encoder's weights from others.
    pub encoder: String,
    /// The names of the images' files.
    pub images: Vec<String>,
    /// How strongly they were followed.
    pub scale: f64,
    /// The share of the steps before they began.
    pub start: f64,
    /// The share of the steps after which they ended.
    pub end: f64,
}

/// How a finished image was enlarged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpscaleRecord {
    /// By how much its sides grew.
    pub by: f64,
    /// The name of the network's file, without the ending, or `Lanczos`.
    pub upscaler: String,
    /// The SHA-256 of the network's file, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A trained word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmbeddingRecord {
    /// The name of its file, without the ending, or the name that a service offers it by.
    pub name: String,
    /// The SHA-256 of its file, in hexadecimal digits.
    pub digest: String,
}

/// A LoRA that changed a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoraRecord {
    /// The name of its file, without the ending.
    pub name: String,
    /// How strongly, as it is written behind the name in `<lora:…>`.
    pub weights: String,
    /// The SHA-256 of its file, in hexadecimal digits.
    pub digest: String,
    /// The hash by which AUTOMATIC1111 knows it.
    #[serde(skip)]
    pub short_hash: String,
}
