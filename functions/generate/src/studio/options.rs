//! Which model, where, and with which numbers.

use std::env;
use std::path::PathBuf;

use easel_model::{DevicePreference, Precision};

use crate::error::{Error, Result};

/// What a studio is opened with.
#[derive(Debug, Clone, Default)]
pub struct StudioOptions {
    /// The device asked for.
    pub device: DevicePreference,
    /// The precision asked for, if not the device's own.
    pub precision: Option<Precision>,
    /// A diffusers folder or a checkpoint, or where to fetch one; the demo model if none.
    pub model: Option<PathBuf>,
    /// A refiner, or where to fetch it; the demo model's own, or none.
    pub refiner: Option<PathBuf>,
    /// The folder of a tiny VAE that decodes in place of the model's own, or where to fetch it.
    pub tiny_vae: Option<PathBuf>,
    /// Where models are fetched to, and where weights are kept once they are packed; if none, they are packed in memory.
    pub cache: Option<PathBuf>,
}

impl StudioOptions {
    /// What `EASEL_DEVICE`, `EASEL_PRECISION`, `EASEL_MODEL`, `EASEL_REFINER`, `EASEL_TINY_VAE` and `EASEL_CACHE` say.
    ///
    /// # Errors
    /// [`Error::WrongUse`] names the variable that says something unknown.
    pub fn from_environment() -> Result<Self> {
        // A variable that is set to nothing is as good as not set.
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty() && value != "auto");
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let unknown = |name: &str, error: easel_model::Error| Error::WrongUse(format!("{name}: {error}"));
        let device = text("EASEL_DEVICE").map(|value| value.parse::<DevicePreference>()).transpose();
        let precision = text("EASEL_PRECISION").map(|value| value.parse::<Precision>()).transpose();
        Ok(Self {
            device: device.map_err(|error| unknown("EASEL_DEVICE", error))?.unwrap_or_default(),
            precision: precision.map_err(|error| unknown("EASEL_PRECISION", error))?,
            model: path("EASEL_MODEL"),
            refiner: path("EASEL_REFINER"),
            tiny_vae: path("EASEL_TINY_VAE"),
            cache: path("EASEL_CACHE"),
        })
    }
}
