//! An opened model: which files, which device, and which components are in memory.

use std::path::Path;
use std::sync::Arc;

use super::components::{LoadedComponent, LoadedComponents};
use super::text_cache::TextCache;
use crate::config::{ModelIndex, UNetConfig, VaeConfig};
use crate::device::DeviceChoice;
use crate::device::panics::computing;
use crate::error::Result;
use crate::network::parameters::{ParameterSource, Parameters};
use crate::network::text_encoder::TextEncoder;
use crate::network::unet::UNet;
use crate::network::vae::{TinyDecoder, VaeDecoder, VaeEncoder};
use crate::precision::WeightFormat;
use crate::scheduler::SchedulerConfig;
use crate::stage::Stage;
use crate::weights::{Cache, Component, ModelSource, Tokenizers};

/// What happens to a component that a generation no longer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It is released at once: for a single image.
    OneShot,
    /// It stays for the next image until the memory is needed: for a service.
    KeepWarm,
}

/// A model that draws images. Clones share the components in memory and the texts encoded before.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    base: ModelSource,
    refiner: Option<ModelSource>,
    choice: DeviceChoice,
    retention: Retention,
    cache: Option<Cache>,
    /// What tells this model from others, for checkpoints.
    fingerprint: String,
    loaded: [LoadedComponents; 2],
    texts: TextCache,
}

impl Model {
    /// Memory that activations and the rest of the process take beside a component's weights, in bytes.
    pub const WORKING_MEMORY: u64 = 2 << 30;

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
        let second = refiner.as_ref().map(|refiner| refiner.fingerprint().to_string()).unwrap_or_default();
        let fingerprint = format!("{}+{second}", base.fingerprint());
        Self(Arc::new(Inner {
            base,
            refiner,
            choice: choice.clone(),
            retention,
            cache,
            fingerprint,
            loaded: Default::default(),
            texts: TextCache::default(),
        }))
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

    /// What tells this model from others, for checkpoints: base and refiner, each with all its weights and settings, and the
    /// tiny VAE.
    pub(super) fn fingerprint(&self) -> &str {
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

    /// How wide the states of a text encoder are.
    pub(crate) fn text_width(&self, stage: Stage, component: Component) -> usize {
        let source = self.source(self.owner(stage, component));
        match component {
            Component::TextEncoder => source.text_encoder_config().hidden_size,
            _ => source.text_encoder_2_config().hidden_size,
        }
    }

    /// The texts encoded before.
    pub(super) fn texts(&self) -> &TextCache {
        &self.0.texts
    }

    pub(crate) fn text_encoder(&self, stage: Stage) -> Result<Arc<TextEncoder>> {
        let source = self.source(stage);
        self.component(
            stage,
            Component::TextEncoder,
            |loaded| &loaded.text_encoder,
            |parameters| TextEncoder::load(parameters, source.text_encoder_config(), false, self.0.choice.compute()),
        )
    }

    pub(crate) fn text_encoder_2(&self, stage: Stage) -> Result<Arc<TextEncoder>> {
        let stage = self.owner(stage, Component::TextEncoder2);
        let source = self.source(stage);
        self.component(
            stage,
            Component::TextEncoder2,
            |loaded| &loaded.text_encoder_2,
            |parameters| TextEncoder::load(parameters, source.text_encoder_2_config(), true, self.0.choice.compute()),
        )
    }

    pub(crate) fn unet(&self, stage: Stage) -> Result<Arc<UNet>> {
        let source = self.source(stage);
        self.component(
            stage,
            Component::UNet,
            |loaded| &loaded.unet,
            |parameters| UNet::load(parameters, source.unet_config(), self.0.choice.compute()),
        )
    }

    pub(crate) fn vae_encoder(&self, stage: Stage) -> Result<Arc<VaeEncoder>> {
        let stage = self.owner(stage, Component::Vae);
        let source = self.source(stage);
        self.component(
            stage,
            Component::Vae,
            |loaded| &loaded.vae_encoder,
            |parameters| VaeEncoder::load(parameters, source.vae_config(), self.0.choice.vae_formats().1),
        )
    }

    pub(crate) fn vae_decoder(&self, stage: Stage) -> Result<Arc<VaeDecoder>> {
        let stage = self.owner(stage, Component::Vae);
        let source = self.source(stage);
        self.component(
            stage,
            Component::Vae,
            |loaded| &loaded.vae_decoder,
            |parameters| VaeDecoder::load(parameters, source.vae_config(), self.0.choice.vae_formats().1),
        )
    }

    /// What decodes in place of the VAE, if there is a tiny one.
    pub(crate) fn tiny_vae(&self) -> Result<Option<Arc<TinyDecoder>>> {
        let Some(files) = self.0.base.tiny_vae() else { return Ok(None) };
        let (format, compute) = self.0.choice.vae_formats();
        let decoder = self.loaded(
            &self.0.loaded[Stage::Base as usize].tiny_vae,
            files.count_numbers(),
            format,
            || Ok(Box::new(files.tensors()?)),
            |parameters| TinyDecoder::load(parameters, files.config(), compute),
        );
        decoder.map(Some)
    }

    /// To be called when a generation no longer needs text encoders.
    pub(crate) fn done_with_text(&self) {
        if self.0.retention == Retention::OneShot {
            self.release_text_encoders();
        }
    }

    /// To be called when a generation no longer needs the UNet of `stage`.
    pub(crate) fn done_with_unet(&self, stage: Stage) {
        if self.0.retention == Retention::OneShot {
            self.0.loaded[stage as usize].unet.release();
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

    /// The component of `stage`'s files that `slot` holds, loaded by `build` if it is not in memory.
    fn component<T>(
        &self,
        stage: Stage,
        component: Component,
        slot: impl Fn(&LoadedComponents) -> &LoadedComponent<T>,
        build: impl FnOnce(&Parameters) -> Result<T>,
    ) -> Result<Arc<T>> {
        let source = self.source(stage);
        let format = match component {
            Component::Vae => self.0.choice.vae_formats().0,
            _ => self.0.choice.weights(),
        };
        self.loaded(
            slot(&self.0.loaded[stage as usize]),
            source.count_numbers(component),
            format,
            || source.parameters(component, &self.0.choice, self.0.cache.as_ref()),
            build,
        )
    }

    /// What `slot` holds; if that is nothing, what `build` makes of the `numbers` numbers from `open`, held in `format`.
    fn loaded<T>(
        &self,
        slot: &LoadedComponent<T>,
        numbers: u64,
        format: WeightFormat,
        open: impl FnOnce() -> Result<Box<dyn ParameterSource>>,
        build: impl FnOnce(&Parameters) -> Result<T>,
    ) -> Result<Arc<T>> {
        if let Some(loaded) = slot.get() {
            return Ok(loaded);
        }
        self.make_room(numbers * self.0.choice.precision.bytes() as u64);
        let source = open()?;
        let parameters = Parameters::new(source.as_ref(), self.0.choice.device(), format);
        let loaded = Arc::new(computing("loading weights", || build(&parameters))?);
        slot.set(loaded.clone());
        Ok(loaded)
    }

    /// Releases every component in memory if `weights` more bytes would not fit beside them.
    fn make_room(&self, weights: u64) {
        if self.0.choice.free_memory() < weights + Self::WORKING_MEMORY {
            tracing::info!("memory is short: releasing components that are not needed now");
            self.0.loaded.iter().for_each(LoadedComponents::release_all);
            self.0.choice.device().memory_cleanup();
        }
    }

    fn release_text_encoders(&self) {
        self.0.loaded.iter().for_each(LoadedComponents::release_text_encoders);
        self.0.choice.device().memory_cleanup();
    }
}
