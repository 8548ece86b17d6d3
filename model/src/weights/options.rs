//! What a model is opened with beside its own files.

use std::path::PathBuf;

use super::Cache;
use crate::retention::Retention;
use crate::scheduler::PredictionChoice;

/// What a model is opened with beside its own files; [`Default`] is the model as it is, for a single image.
#[derive(Debug, Clone, Default)]
pub struct ModelOptions {
    /// The refiner, which finishes what the model began: a diffusers folder or a single-file checkpoint.
    pub refiner: Option<PathBuf>,
    /// A VAE in place of the model's own, or of one that it lacks: a folder or a file ([`VaeFiles::open`]).
    ///
    /// [`VaeFiles::open`]: super::VaeFiles::open
    pub vae: Option<PathBuf>,
    /// A tiny VAE, which decodes images and previews in place of the VAE: in a twentieth of the time, with less detail. A
    /// folder or a file ([`TinyVaeFiles::open`]).
    ///
    /// [`TinyVaeFiles::open`]: super::TinyVaeFiles::open
    pub tiny_vae: Option<PathBuf>,
    /// What the base predicts, where its files do not say so or say something else.
    pub prediction: Option<PredictionChoice>,
    /// What happens to a component that a generation no longer needs.
    pub retention: Retention,
    /// Where weights that the device wants packed are kept from their first use on; without one, they are packed in
    /// memory.
    pub cache: Option<Cache>,
}
