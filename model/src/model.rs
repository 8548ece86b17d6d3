//! An opened model: which files, which device, and which components are in memory.

use std::path::Path;
use std::sync::Arc;

use crate::cache::Cache;
use crate::checkpoint::Checkpoint;
use crate::computing::computing;
use crate::config::{ModelIndex, UNetConfig, VaeConfig};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::generation::Generation;
use crate::parameters::{Origin, Parameters};
use crate::parts::{Parts, Slot};
use crate::request::Request;
use crate::scheduler::SchedulerConfig;
use crate::source::{ModelSource, Tokenizers};
pub use crate::stage::Stage;
use crate::text_cache::TextCache;
use crate::text_encoder::TextEncoder;
use crate::unet::UNet;
use crate::vae::{TinyDecoder, VaeDecoder, VaeEncoder};
use crate::weights::Component;

/// What happens to a component that a generation needs no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It is let go at once: for one picture and out.
    OneShot,
    /// It stays for the next picture until memory asks for it: for a service.
    KeepWarm,
}

/// A model that can be asked for pictures. Clones share the components in memory and the texts encoded before.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    base: ModelSource,
    refiner: Option<ModelSource>,
    choice: DeviceChoice,
    retention: Retention,
    cache: Option<Cache>,
    /// Distinguishes models, for checkpoints.
    fingerprint: String,
    parts: [Parts; 2],
    texts: TextCache,
}

impl Model {
    /// Opens a diffusers folder or single-file checkpoint, and a refiner beside it if one is given.
    /// Configurations are read and checked; weights are mapped when they are first needed.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open(base: &Path, refiner: Option<&Path>, choice: &DeviceChoice, retention: Retention) -> Result<Self> {
        let base = ModelSource::open(base)?;
        let refiner = refiner.map(|path| ModelSource::open_refiner(path, &base)).transpose()?;
        Ok(Self::from_sources(base, refiner, choice, retention, None))
    }

    /// A model of sources that are open already. Weights that the device wants packed are packed into `cache` at their
    /// first use, or in memory without one.
    pub fn from_sources(
        base: ModelSource,
        refiner: Option<ModelSource>,
        choice: &DeviceChoice,
        retention: Retention,
        cache: Option<Cache>,
    ) -> Self {
        let parts = [Parts::default(), Parts::default()];
        let second = refiner.as_ref().map(ModelSource::fingerprint).unwrap_or_default();
        let fingerprint = format!("{}+{second}", base.fingerprint());
        Self(Arc::new(Inner {
            base,
            refiner,
            choice: choice.clone(),
            retention,
            cache,
            fingerprint,
            parts,
            texts: TextCache::default(),
        }))
    }

    /// Begins a generation: checks the request, encodes the prompt, draws the noise.
    ///
    /// # Errors
    /// A request that this model cannot fulfil, or a failure of files or device.
    pub fn start(&self, request: Request) -> Result<Generation> {
        Generation::start(self.clone(), request, false)
    }

    /// Like [`Self::start`], keeping the intermediate tensors.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_traced(&self, request: Request) -> Result<Generation> {
        Generation::start(self.clone(), request, true)
    }

    /// Goes on from a checkpoint of the same model.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model or not consistent in itself.
    pub fn resume(&self, checkpoint: Checkpoint) -> Result<Generation> {
        Generation::resume(self.clone(), checkpoint)
    }

    /// The device that computes.
    pub fn device(&self) -> &DeviceChoice {
        &self.0.choice
    }

    /// Whether there is a refiner.
    pub fn has_refiner(&self) -> bool {
        self.0.refiner.is_some()
    }

    /// What the model is called: its folder or file.
    pub fn name(&self) -> String {
        self.0.base.name()
    }

    /// Distinguishes models, for checkpoints.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    pub(crate) fn index(&self, stage: Stage) -> &ModelIndex {
        self.source(stage).index()
    }

    pub(crate) fn unet_config(&self, stage: Stage) -> &UNetConfig {
        self.source(stage).unet_config()
    }

    pub(crate) fn vae_config(&self) -> &VaeConfig {
        self.0.base.vae_config()
    }

    pub(crate) fn scheduler_config(&self) -> &SchedulerConfig {
        self.0.base.scheduler_config()
    }

    pub(crate) fn tokenizers(&self, stage: Stage) -> &Tokenizers {
        self.source(stage).tokenizers()
    }

    /// The texts encoded before.
    pub(crate) fn texts(&self) -> &TextCache {
        &self.0.texts
    }

    pub(crate) fn text_encoder(&self, stage: Stage) -> Result<Arc<TextEncoder>> {
        let source = self.source(stage);
        self.part(
            stage,
            Component::TextEncoder,
            |parts| &parts.text_encoder,
            |parameters| TextEncoder::load(parameters, source.text_encoder_config(), false, self.0.choice.compute()),
        )
    }

    pub(crate) fn text_encoder_2(&self, stage: Stage) -> Result<Arc<TextEncoder>> {
        let stage = self.owner(stage, Component::TextEncoder2);
        let source = self.source(stage);
        self.part(
            stage,
            Component::TextEncoder2,
            |parts| &parts.text_encoder_2,
            |parameters| TextEncoder::load(parameters, source.text_encoder_2_config(), true, self.0.choice.compute()),
        )
    }

    pub(crate) fn unet(&self, stage: Stage) -> Result<Arc<UNet>> {
        let source = self.source(stage);
        self.part(
            stage,
            Component::UNet,
            |parts| &parts.unet,
            |parameters| UNet::load(parameters, source.unet_config(), self.0.choice.compute()),
        )
    }

    pub(crate) fn vae_encoder(&self, stage: Stage) -> Result<Arc<VaeEncoder>> {
        let stage = self.owner(stage, Component::Vae);
        let source = self.source(stage);
        self.part(
            stage,
            Component::Vae,
            |parts| &parts.vae_encoder,
            |parameters| VaeEncoder::load(parameters, source.vae_config(), self.0.choice.vae_formats().1),
        )
    }

    pub(crate) fn vae_decoder(&self, stage: Stage) -> Result<Arc<VaeDecoder>> {
        let stage = self.owner(stage, Component::Vae);
        let source = self.source(stage);
        self.part(
            stage,
            Component::Vae,
            |parts| &parts.vae_decoder,
            |parameters| VaeDecoder::load(parameters, source.vae_config(), self.0.choice.vae_formats().1),
        )
    }

    /// What decodes in place of the VAE, if there is a tiny one.
    pub(crate) fn tiny_vae(&self) -> Result<Option<Arc<TinyDecoder>>> {
        let Some(files) = self.0.base.tiny_vae() else { return Ok(None) };
        let slot = &self.0.parts[Stage::Base as usize].tiny_vae;
        if let Some(part) = slot.get() {
            return Ok(Some(part));
        }
        let (stored, compute) = self.0.choice.vae_formats();
        let origin = Origin::Files(files.tensors()?);
        let parameters = Parameters::new(&origin, self.0.choice.device(), stored);
        let part = computing("loading weights", || TinyDecoder::load(&parameters, files.config(), compute))?;
        let part = Arc::new(part);
        slot.set(part.clone());
        Ok(Some(part))
    }

    /// Says that a generation needs no text encoder any more.
    pub(crate) fn done_with_text(&self) {
        if self.0.retention == Retention::OneShot {
            self.release_text();
        }
    }

    /// Says that a generation needs the UNet of `stage` no more.
    pub(crate) fn done_with_unet(&self, stage: Stage) {
        if self.0.retention == Retention::OneShot {
            self.0.parts[stage as usize].unet.release();
            self.0.choice.device().memory_cleanup();
        }
    }

    fn source(&self, stage: Stage) -> &ModelSource {
        match (stage, &self.0.refiner) {
            (Stage::Refiner, Some(refiner)) => refiner,
            _ => &self.0.base,
        }
    }

    /// The stage whose files hold `component` for `stage`: a refiner may share the base's.
    pub(crate) fn owner(&self, stage: Stage, component: Component) -> Stage {
        match stage {
            Stage::Refiner if !self.source(stage).shares(component) => Stage::Refiner,
            _ => Stage::Base,
        }
    }

    fn part<T>(
        &self,
        stage: Stage,
        component: Component,
        slot: impl Fn(&Parts) -> &Slot<T>,
        build: impl FnOnce(&Parameters) -> Result<T>,
    ) -> Result<Arc<T>> {
        let slot = slot(&self.0.parts[stage as usize]);
        if let Some(part) = slot.get() {
            return Ok(part);
        }
        let source = self.source(stage);
        self.make_room(source.count_numbers(component) * self.0.choice.precision.bytes() as u64);
        let origin = source.origin(component, &self.0.choice, self.0.cache.as_ref())?;
        let format = match component {
            Component::Vae => self.0.choice.vae_formats().0,
            _ => self.0.choice.weights(),
        };
        let part = computing("loading weights", || build(&Parameters::new(&origin, self.0.choice.device(), format)))?;
        let part = Arc::new(part);
        slot.set(part.clone());
        Ok(part)
    }

    /// Lets go of every component in memory if `weights` more bytes would not fit beside them.
    fn make_room(&self, weights: u64) {
        if self.0.choice.free_memory() < weights + Self::WORKING_MEMORY {
            tracing::info!("memory is short: letting go of components that are not needed now");
            self.release_text();
            for parts in &self.0.parts {
                parts.unet.release();
                parts.vae_encoder.release();
                parts.vae_decoder.release();
            }
            self.0.choice.device().memory_cleanup();
        }
    }

    fn release_text(&self) {
        for parts in &self.0.parts {
            parts.text_encoder.release();
            parts.text_encoder_2.release();
        }
        self.0.choice.device().memory_cleanup();
    }
}

/// Refuses a request for a stage that the model does not have.
pub(crate) fn no_refiner() -> Error {
    Error::invalid(
        "high_noise_frac",
        "0 leaves the picture to the refiner alone, and there is none: give --refiner PATH",
    )
}
