//! Which model to open, on which device, and in which precision.

use std::collections::BTreeMap;
use std::path::PathBuf;

use easel_model::scheduler::PredictionChoice;
use easel_model::{DevicePreference, Precision};
use easel_models::offers::{NamedModel, OfferKind};
use easel_system::environment::{
    self, CACHE, CONTROLS, DEVICE, EMBEDDINGS, IMAGE_ADAPTERS, IMAGE_ENCODERS, LORAS, MODEL, MODELS, PRECISION,
    PREDICTION_TYPE, REFINER, TINY_VAE, UPSCALERS, VAE,
};

use crate::error::{Error, Result};

/// What is offered by name beside models, and the variable that says where it is.
pub const OFFERED: [(OfferKind, &str); 6] = [
    (OfferKind::Lora, LORAS),
    (OfferKind::Embedding, EMBEDDINGS),
    (OfferKind::Control, CONTROLS),
    (OfferKind::ImageAdapter, IMAGE_ADAPTERS),
    (OfferKind::ImageEncoder, IMAGE_ENCODERS),
    (OfferKind::Upscaler, UPSCALERS),
];

/// The options that an engine is opened with.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The device to use.
    pub device: DevicePreference,
    /// The precision of the weights (f32, bf16, f16 or int8); `None` lets the device decide.
    pub precision: Option<Precision>,
    /// A diffusers folder or a checkpoint, or the address to fetch one from; the demo model if `None`.
    pub model: Option<PathBuf>,
    /// Models with a name each, in the place of `model`; the first one draws unless a task names another.
    pub models: Vec<NamedModel>,
    /// A refiner, or the address to fetch it from; the demo model has its own.
    pub refiner: Option<PathBuf>,
    /// The folder or file of a VAE in place of the model's own, or the address to fetch it from.
    pub vae: Option<PathBuf>,
    /// The folder of a tiny VAE that decodes in place of the model's own, or the address to fetch it from.
    pub tiny_vae: Option<PathBuf>,
    /// What the model predicts, where its files do not say so.
    pub prediction: Option<PredictionChoice>,
    /// The folder, or the address, of what is offered of each kind.
    pub offered: BTreeMap<OfferKind, PathBuf>,
    /// The folder for fetched models and packed weights; if `None`, weights are packed in memory.
    pub cache: Option<PathBuf>,
}

impl EngineOptions {
    /// The options that `EASEL_DEVICE`, `EASEL_PRECISION`, `EASEL_MODEL`, `EASEL_MODELS`, `EASEL_REFINER`, `EASEL_VAE`,
    /// `EASEL_TINY_VAE`, `EASEL_PREDICTION_TYPE`, `EASEL_CACHE` and those of [`OFFERED`] set.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`], naming the variable, for an unknown value, and if both `EASEL_MODEL` and
    /// `EASEL_MODELS` are set.
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
            models: models()?,
            refiner: environment::path(REFINER),
            vae: environment::path(VAE),
            tiny_vae: environment::path(TINY_VAE),
            prediction: prediction.map_err(|error| unknown(PREDICTION_TYPE, error))?,
            offered: OFFERED.into_iter().filter_map(|(kind, name)| Some((kind, environment::path(name)?))).collect(),
            cache: environment::path(CACHE),
        })
    }
}

/// The models that `EASEL_MODELS` lists.
fn models() -> Result<Vec<NamedModel>> {
    let Some(list) = environment::text(MODELS) else { return Ok(Vec::new()) };
    if environment::is_set(MODEL) {
        let message =
            format!("{MODEL} and {MODELS} are both set: name one model with {MODEL}, or several with {MODELS}");
        return Err(Error::WrongUse(message));
    }
    Ok(NamedModel::list(MODELS, &list)?)
}
