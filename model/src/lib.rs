//! SDXL (Podell et al. 2023) on Burn: from a prompt to an image, on any device.
//!
//! ```no_run
//! use std::path::Path;
//! use easel_model::{DeviceChoice, DevicePreference, Model, ModelOptions, Request, Requirement};
//!
//! # fn main() -> easel_model::Result<()> {
//! let choice = DeviceChoice::select(DevicePreference::Auto, Requirement::default())?;
//! let model = Model::open(Path::new("sdxl-base"), &ModelOptions::default(), &choice)?;
//! let mut generation = model.start(Request::new("a lighthouse in a storm"))?;
//! while let Some(progress) = generation.advance()? {
//!     println!("{}/{}", progress.step, progress.total);
//! }
//! let images = generation.finish()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! A module uses only those above it in this table; `make lint` checks that none use each other in a circle.
//!
//! | Module | What it knows |
//! |---|---|
//! | `error`, `stage`, `retention` | the one error type; base or refiner; how long components stay in memory |
//! | `precision` | number formats: f32, bf16, f16, int8 |
//! | [`scheduler`] | from noise to latents, step by step, with diffusers' numbers; knows no tensors and no device |
//! | [`prompt`] | what a prompt means: weights, schedules, portions of tokens; knows no tensors |
//! | `noise` | PyTorch's random numbers |
//! | `resample` | Pillow's way of resizing images |
//! | [`config`] | the `config.json` files, checked; models by shape alone |
//! | [`tokenizer`] | from a prompt to CLIP's token ids |
//! | `preprocess` | control images from images, where that takes no network |
//! | `ops` | the operations that take the time, by kernels of ours (the crate `easel_kernels`) or by the backend |
//! | `device` | the device, chosen by probes that ran on it, and the ladder of those that were asked; its memory; panics of backends |
//! | `network` | text encoders, UNet, VAE, ControlNets, image encoders and upscalers with diffusers' names, and what they ask for while they are built |
//! | [`weights`] | files to parameters: safetensors, both layouts, LoRAs, trained words, packed weights and their cache, fingerprints |
//! | `upscaling` | enlarging images: by a network in tiles, or by resampling |
//! | [`request`] | what can be asked for, and its bounds |
//! | `generation` | an opened [`Model`], and a [`Generation`] that advances step by step and can be put aside |
//! | [`mod@bench`] | times of the parts, on random weights in real shapes |
//!
//! # From a prompt to an image
//!
//! [`Model::start`] plans which evaluations of the schedule each stage does, encodes the prompt and draws the noise. Each
//! [`Generation::advance`] is one denoising step: the UNet evaluates every image, guidance combines its outputs, and the
//! scheduler makes the next latents of them. [`Generation::finish`] decodes the latents.
//!
//! Between steps the latents are numbers on the host (`Vec<f32>`), not a tensor on the device. They are small (256 kB for
//! an image of 1024×1024 pixels), so moving them costs nothing beside an evaluation, and it keeps the schedulers free of
//! the backend: they are plain arithmetic that is the same on every device and is tested number by number, and a
//! checkpoint is nothing but these numbers and the position of the noise.

pub mod bench;
pub mod config;
mod device;
mod error;
mod generation;
mod network;
mod noise;
mod ops;
mod precision;
mod preprocess;
pub mod prompt;
pub mod request;
mod resample;
mod retention;
pub mod scheduler;
mod stage;
pub mod tokenizer;
mod upscaling;
pub mod weights;

pub use config::{Shape, UpscalerShape};
pub use device::{
    Backend, DeviceChoice, DevicePreference, ProbeResult, Requirement, Rung, answer_probe, examine, memory,
};
pub use easel_settings::{Preprocessor, ResolvedSettings};
pub use error::{Error, Result};
pub use generation::{Checkpoint, Generation, Model, StepProgress, Timings, Trace};
pub use noise::{NoiseGenerator, NoiseState};
pub use precision::Precision;
pub use preprocess::control_image;
pub use request::{Control, Extension, ImagePrompt, Mask, Request};
pub use retention::Retention;
pub use scheduler::SchedulerName;
pub use stage::Stage;
pub use upscaling::{Enlargement, LARGEST_FACTOR, Upscaler, UpscalerWork, enlarged_size};
pub use weights::{
    Cache, ControlModel, Embedding, ImageEncoderFiles, IpAdapter, LoraFile, LoraWeights, ModelOptions, ModelSource,
    RequestedLora, UpscalerFile,
};

/// The example of the README has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
