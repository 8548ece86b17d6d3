//! The studio: an opened model on the device that was chosen, once, before the first picture.

mod options;
mod request;

use std::path::PathBuf;
use std::time::Instant;

use easel_core::store::WorkerReport;
use easel_model::{Cache, DeviceChoice, Model, Retention};
use jiff::Timestamp;

pub use options::StudioOptions;

use crate::demo_model::DemoModel;
use crate::error::{Error, Result};
use crate::model_choice::{ModelChoice, NamedModels};
use crate::pull;

/// Everything that draws.
pub struct Studio {
    pub(crate) model: Model,
    pub(crate) device: DeviceChoice,
    /// The model's name.
    pub(crate) name: String,
    pub(crate) refiner_name: Option<String>,
    pub(crate) tiny_vae_name: Option<String>,
    /// Steps where nothing is asked for.
    default_steps: u32,
    /// Seconds that opening took.
    pub(crate) opening_seconds: f64,
    /// Bytes in which the whole model fits, and room to work.
    pub(crate) expected_memory: u64,
    /// The demo model's files have to stay where they are.
    _demo: Option<DemoModel>,
}

impl Studio {
    /// Chooses the device and opens the model, which is fetched if it is not on this machine. This takes a while: not for a
    /// thread that others wait for.
    ///
    /// # Errors
    /// Whatever is wrong with the model's files, or a device asked for by name that is not to be had.
    pub fn open(options: &StudioOptions) -> Result<Self> {
        let began = Instant::now();
        let local = |option: &str, named: &Option<PathBuf>| {
            let local = |named| pull::local(option, named, options.cache.as_deref(), &mut |_| {});
            named.as_deref().map(local).transpose()
        };
        let model = local("EASEL_MODEL", &options.model)?;
        let refiner = local("EASEL_REFINER", &options.refiner)?;
        let tiny_vae = local("EASEL_TINY_VAE", &options.tiny_vae)?;
        let choice = ModelChoice::open(&NamedModels {
            options: ["EASEL_MODEL", "EASEL_REFINER", "EASEL_TINY_VAE"],
            model: model.as_deref(),
            refiner: refiner.as_deref(),
            no_refiner: false,
            tiny_vae: tiny_vae.as_deref(),
        })?;
        let requirement = Model::requirement(&choice.base, choice.refiner.as_ref(), options.precision)?;
        let device = DeviceChoice::select(options.device, requirement)?;
        let default_steps = choice.default_steps();
        let ModelChoice { base, refiner, name, refiner_name, tiny_vae_name, demo } = choice;
        let cache = options.cache.clone().map(Cache::new);
        let expected_memory = Model::memory_at_once(&base, refiner.as_ref(), device.precision);
        let model = Model::from_sources(base, refiner, &device, Retention::KeepWarm, cache);
        let opening_seconds = began.elapsed().as_secs_f64();
        tracing::info!(
            model = name,
            refiner = refiner_name,
            device = device.name,
            opening_seconds,
            "the studio is open"
        );
        Ok(Self {
            model,
            device,
            name,
            refiner_name,
            tiny_vae_name,
            default_steps,
            opening_seconds,
            expected_memory,
            _demo: demo,
        })
    }

    /// What it is, for `/health`.
    #[must_use]
    pub fn report(&self, worker: &str) -> WorkerReport {
        let refined = self.model.has_refiner();
        WorkerReport {
            worker: worker.to_owned(),
            at: Timestamp::now(),
            sdxl_available: true,
            device: self.device.kind().to_owned(),
            base_model_loaded: true,
            refiner_model_loaded: refined,
            refinement_enabled: refined,
            backend: self.device.backend.to_string(),
            device_name: self.device.name.clone(),
            compute_capability: self.device.compute_capability.clone(),
            precision: self.device.precision.to_string(),
            fallback_reason: self.device.fallback_reason.clone(),
            model: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cold_start_seconds: self.opening_seconds,
        }
    }
}

/// What a worker reports that cannot draw at all.
#[must_use]
pub fn unavailable(worker: &str, error: &Error) -> WorkerReport {
    let none = || "none".to_owned();
    WorkerReport {
        worker: worker.to_owned(),
        at: Timestamp::now(),
        sdxl_available: false,
        device: none(),
        base_model_loaded: false,
        refiner_model_loaded: false,
        refinement_enabled: false,
        backend: none(),
        device_name: none(),
        compute_capability: None,
        precision: none(),
        fallback_reason: Some(error.to_string()),
        model: none(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cold_start_seconds: 0.0,
    }
}
