//! The engine: the opened model on its device, both chosen once, before the first image.

mod options;
mod request;

use std::path::PathBuf;
use std::time::Instant;

use easel_model::{DeviceChoice, Model, Retention};
use easel_models::demo_model::DemoModel;
use easel_models::model_choice::{ModelChoice, NamedModels};
use easel_models::pull;
use easel_settings::Preset;
use easel_storage::store::WorkerReport;
use easel_system::environment::{self, LAMBDA_RUNTIME_API, MODEL, REFINER, TINY_VAE};
use jiff::Timestamp;

pub use options::EngineOptions;

use crate::error::{Error, Result};

/// The opened model on its device.
pub struct Engine {
    pub(crate) model: Model,
    pub(crate) device: DeviceChoice,
    /// The model's name.
    pub(crate) name: String,
    pub(crate) refiner_name: Option<String>,
    pub(crate) tiny_vae_name: Option<String>,
    /// Denoising steps where a request names none.
    default_steps: u32,
    /// The settings that the model wants where a request names none, if it is recognised as a distilled one.
    recipe: Option<&'static Preset>,
    /// How long opening took, in seconds.
    pub(crate) opening_seconds: f64,
    /// The memory that the whole model and its computations need, in bytes.
    pub(crate) expected_memory: u64,
    /// The demo model's files have to stay where they are.
    _demo: Option<DemoModel>,
}

impl Engine {
    /// Chooses the device and opens the model, which is fetched first if it is not on this machine. This takes a while,
    /// so it must not run on a thread of an async runtime.
    ///
    /// # Errors
    /// Fails if the model cannot be fetched or opened, or if a device that was named is not available.
    pub fn open(options: &EngineOptions) -> Result<Self> {
        let began = Instant::now();
        let local = |option: &str, named: &Option<PathBuf>| {
            let local = |named| pull::local(option, named, options.cache.as_deref(), &mut |_| {});
            named.as_deref().map(local).transpose()
        };
        let model = local(MODEL, &options.model)?;
        let refiner = local(REFINER, &options.refiner)?;
        let tiny_vae = local(TINY_VAE, &options.tiny_vae)?;
        let choice = ModelChoice::open(&NamedModels {
            options: [MODEL, REFINER, TINY_VAE],
            model: model.as_deref(),
            refiner: refiner.as_deref(),
            no_refiner: false,
            tiny_vae: tiny_vae.as_deref(),
            prediction: options.prediction,
            retention: Retention::KeepWarm,
            cache: options.cache.clone().map(easel_models::packed_weights).transpose()?,
        })?;
        let requirement = Model::requirement(&choice.base, choice.refiner.as_ref(), options.precision)?;
        let device = DeviceChoice::select(options.device, requirement)?;
        let (default_steps, recipe) = (choice.default_steps(), choice.base.recipe());
        for warning in choice.base.warnings() {
            tracing::warn!(model = choice.name, warning);
        }
        let ModelChoice { base, refiner, options, name, refiner_name, tiny_vae_name, demo } = choice;
        let expected_memory = Model::memory_at_once(&base, refiner.as_ref(), device.precision);
        let model = Model::from_sources(base, refiner, &device, &options);
        let opening_seconds = began.elapsed().as_secs_f64();
        tracing::info!(
            model = name,
            refiner = refiner_name,
            device = device.name,
            opening_seconds,
            "the model is loaded"
        );
        Ok(Self {
            model,
            device,
            name,
            refiner_name,
            tiny_vae_name,
            default_steps,
            recipe,
            opening_seconds,
            expected_memory,
            _demo: demo,
        })
    }

    /// The report of a worker with this engine, for `/health`.
    #[must_use]
    pub fn report(&self, worker: &str) -> WorkerReport {
        let has_refiner = self.model.has_refiner();
        WorkerReport {
            worker: worker.to_owned(),
            at: Timestamp::now(),
            sdxl_available: true,
            device: self.device.kind().to_owned(),
            base_model_loaded: true,
            refiner_model_loaded: has_refiner,
            refinement_enabled: has_refiner,
            backend: self.device.backend.to_string(),
            device_name: self.device.name.clone(),
            compute_capability: self.device.compute_capability.clone(),
            precision: self.device.precision.to_string(),
            fallback_reason: self.device.fallback_reason.clone(),
            model: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cold_start_seconds: self.opening_seconds,
            on_demand: is_on_demand(),
        }
    }
}

/// The report of a worker whose engine could not be opened.
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
        on_demand: is_on_demand(),
    }
}

/// Lambda starts workers when there are messages and freezes them in between.
fn is_on_demand() -> bool {
    environment::is_set(LAMBDA_RUNTIME_API)
}
