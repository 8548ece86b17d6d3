//! A model that is open on the engine's device.

use std::path::PathBuf;

use easel_model::bench::{NOTICEABLE_WORK, StepRates, step_work};
use easel_model::{Backend, DeviceChoice, DevicePreference, Model, ModelSource, Retention};
use easel_models::demo_model::DemoModel;
use easel_models::model_choice::{ModelChoice, NamedModels};
use easel_models::offers::NamedModel;
use easel_models::{pull, recipes};
use easel_settings::{Preset, Settings};
use easel_storage::store::ModelDefaults;
use easel_system::environment::{MODEL, MODELS, REFINER, TINY_VAE, VAE};

use super::EngineOptions;
use super::on_demand::is_on_demand;
use crate::error::{Error, Result};

/// A model that is open.
pub struct OpenedModel {
    pub(crate) model: Model,
    /// The device that it draws on, in the precision that it has.
    pub(crate) device: DeviceChoice,
    /// The name that it is asked for by.
    pub(crate) name: String,
    pub(crate) refiner_name: Option<String>,
    pub(crate) vae_name: Option<String>,
    pub(crate) tiny_vae_name: Option<String>,
    /// Denoising steps where a request names none.
    pub(crate) default_steps: u32,
    /// The settings that it wants where a request names none, if it is recognised as a distilled one.
    pub(crate) recipe: Option<&'static Preset>,
    /// The memory that the whole model and its computations need, in bytes.
    pub(crate) expected_memory: u64,
    /// The demo model, whose files have to stay where they are.
    demo: Option<DemoModel>,
}

impl OpenedModel {
    /// The model that draws unless a task names another, and the device, which is chosen for it.
    ///
    /// # Errors
    /// Fails if the model cannot be fetched or opened, or if a device that was named is not available.
    pub(super) fn open_first(named: Option<&NamedModel>, options: &EngineOptions) -> Result<(Self, DeviceChoice)> {
        let sources = Self::sources(named, options)?;
        let requirement = Model::requirement(&sources.base, sources.refiner.as_ref(), options.precision)?;
        let device = DeviceChoice::select(options.device, requirement)?;
        log_times(&sources.base, &device)?;
        let name = named.map_or_else(|| sources.name.clone(), |named| named.name.clone());
        Ok((Self::of(&name, sources, device.clone()), device))
    }

    /// The files of a model, which are fetched first if they are not on this machine.
    ///
    /// # Errors
    /// Says what is wrong with which file.
    pub(super) fn sources(named: Option<&NamedModel>, options: &EngineOptions) -> Result<ModelChoice> {
        let local = |option: &str, path: Option<&PathBuf>| {
            let local = |path| pull::local(option, path, options.cache.as_deref(), &mut |_| {});
            path.map(|path| local(path)).transpose()
        };
        let option = if named.is_some() { MODELS } else { MODEL };
        let model = local(option, named.map(|named| &named.model).or(options.model.as_ref()))?;
        let refiner = local(REFINER, options.refiner.as_ref())?;
        let vae = local(VAE, options.vae.as_ref())?;
        let tiny_vae = local(TINY_VAE, options.tiny_vae.as_ref())?;
        Ok(ModelChoice::open(&NamedModels {
            options: [option, REFINER, VAE, TINY_VAE],
            model: model.as_deref(),
            refiner: refiner.as_deref(),
            no_refiner: false,
            vae: vae.as_deref(),
            tiny_vae: tiny_vae.as_deref(),
            prediction: options.prediction,
            retention: Retention::KeepWarm,
            cache: options.cache.clone().map(easel_models::packed_weights).transpose()?,
        })?)
    }

    /// What it does where a request says nothing else.
    pub(super) fn defaults(&self) -> ModelDefaults {
        let mut settings = Settings::default();
        recipes::fill(&mut settings, [], &self.name, self.recipe);
        settings.steps.get_or_insert(self.default_steps);
        let settings = settings.resolve();
        let side = self.model.native_size();
        ModelDefaults {
            width: side,
            height: side,
            steps: settings.steps,
            guidance_scale: settings.guidance_scale,
            scheduler: settings.scheduler.unwrap_or_else(|| self.model.default_scheduler()).to_string(),
            is_demo: self.demo.is_some(),
        }
    }

    /// The engine's device in the precision that these files ask for.
    ///
    /// # Errors
    /// Fails if the device cannot draw with them.
    pub(super) fn device(
        sources: &ModelChoice,
        options: &EngineOptions,
        engine: &DeviceChoice,
    ) -> Result<DeviceChoice> {
        let requirement = Model::requirement(&sources.base, sources.refiner.as_ref(), options.precision)?;
        let preference = match engine.backend {
            Backend::Flex => DevicePreference::Flex,
            Backend::NdArray => DevicePreference::NdArray,
            // Probes would find the memory that another model takes.
            _ if requirement.is_packed => {
                let message = "is packed for the CPU: use the model that it was made from on this device";
                return Err(Error::WrongUse(format!("the model {} {message}", sources.name)));
            }
            _ => return Ok(engine.clone()),
        };
        let mut choice = DeviceChoice::select(preference, requirement)?;
        choice.fallback_reason.clone_from(&engine.fallback_reason);
        choice.ladder.clone_from(&engine.ladder);
        Ok(choice)
    }

    /// Bytes that these files' model and its computations take.
    pub(super) fn memory(sources: &ModelChoice, device: &DeviceChoice) -> u64 {
        Model::memory_at_once(&sources.base, sources.refiner.as_ref(), device.precision)
    }

    /// The model of these files, by this name.
    pub(super) fn of(name: &str, sources: ModelChoice, device: DeviceChoice) -> Self {
        let expected_memory = Self::memory(&sources, &device);
        let (default_steps, recipe) = (sources.default_steps(), sources.base.recipe());
        for warning in sources.base.warnings() {
            tracing::warn!(model = sources.name, warning);
        }
        let ModelChoice { base, refiner, options, refiner_name, vae_name, tiny_vae_name, demo, .. } = sources;
        let model = Model::from_sources(base, refiner, &device, &options);
        Self {
            model,
            device,
            name: name.to_owned(),
            refiner_name,
            vae_name,
            tiny_vae_name,
            default_steps,
            recipe,
            expected_memory,
            demo,
        }
    }
}

/// Logs about how long a guided step takes in each precision, where it takes long enough that the choice matters. On Lambda a
/// start has no time for it.
fn log_times(base: &ModelSource, device: &DeviceChoice) -> Result<()> {
    let work = step_work(base, (None, None), true);
    if is_on_demand() || work < NOTICEABLE_WORK {
        return Ok(());
    }
    let Some(rates) = StepRates::measure(device)? else { return Ok(()) };
    for precision in rates.precisions() {
        let seconds_a_step = rates.seconds(precision, work);
        let is_used = precision == device.precision;
        tracing::info!(%precision, is_used, seconds_a_step, "about how long a guided step takes");
    }
    Ok(())
}
