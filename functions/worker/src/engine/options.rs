//! Which model to open, on which device, and in which precision.

use std::path::PathBuf;

use easel_model::scheduler::PredictionChoice;
use easel_model::{DevicePreference, Precision};
use easel_system::environment::{self, CACHE, DEVICE, MODEL, PRECISION, PREDICTION_TYPE, REFINER, TINY_VAE};

use crate::error::{Error, Result};

/// The options that an engine is opened with.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The device to use.
    pub device: DevicePreference,
    /// The precision of the weights (f32, bf16, f16 or int8); `None` lets the device decide.
    pub precision: Option<Precision>,
    /// A diffusers folder or a checkpoint, or the address to fetch one from; the demo model if `None`.
    pub model: Option<PathBuf>,
    /// A refiner, or the address to fetch it from; the demo model has its own.
    pub refiner: Option<PathBuf>,
    /// The folder of a tiny VAE that decodes in place of the model's own, or the address to fetch it from.
    pub tiny_vae: Option<PathBuf>,
    /// What the model predicts, where its files do not say so.
    pub prediction: Option<PredictionChoice>,
    /// The folder for fetched models and packed weights; if `None`, weights are packed in memory.
    pub cache: Option<PathBuf>,
}

impl EngineOptions {
    /// The options that `EASEL_DEVICE`, `EASEL_PRECISION`, `EASEL_MODEL`, `EASEL_REFINER`, `EASEL_TINY_VAE`,
    /// `EASEL_PREDICTION_TYPE` and `EASEL_CACHE` set.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`], naming the variable, for an unknown value.
    pub fn from_environment() -> Result<Self> {
        let named = |name: &str| environment::text(name).filter(|value| value != "auto");
        let unknown = |name: &str, error: easel_model::Error| Error::WrongUse(format!("{name}: {error}"));
        let device = named(DEVICE).map(|value| value.parse::<DevicePreference>()).transpose();
        let precision = named(PRECISION).map(|value| value.parse::<Precision>()).transpose();
        let prediction = named(PREDICTION_TYPE).map(|value| value.parse::<PredictionChoice>()).transpose();
        Ok(Self {
            device: device.map_err(|error| unknown(DEVICE, error))?.unwrap_or_default(),
            precision: precision.map_err(|error| unknown(PRECISION, error))?,
            model: environment::path(MODEL),
            refiner: environment::path(REFINER),
            tiny_vae: environment::path(TINY_VAE),
            prediction: prediction.map_err(|error| unknown(PREDICTION_TYPE, error))?,
            cache: environment::path(CACHE),
        })
    }
}
