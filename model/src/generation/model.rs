//! An opened model: which files, which device, and which components are in memory.

use std::path::Path;
use std::sync::Arc;

use easel_settings::{LONGEST_UNTILED, SIDES};

use super::components::{LoadedComponent, LoadedComponents};
use super::shelf::Adapters;
use super::text_cache::TextCache;
use crate::config::{ModelIndex, UNetConfig, VaeConfig};
use crate::device::DeviceChoice;
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::parameters::{ParameterSource, Parameters};
use crate::network::text_encoder::TextEncoder;
use crate::network::unet::UNet;
use crate::network::vae::{SCALE, TinyDecoder, VaeDecoder, VaeEncoder};
use crate::ops::release_buffers;
use crate::precision::WeightFormat;
use crate::request::Request;
use crate::retention::Retention;
use crate::scheduler::{SchedulerConfig, SchedulerName};
use crate::stage::Stage;
use crate::weights::{
    Cache, Component, ComponentMerge, Fingerprint, KeepingParameters, Merge, ModelOptions, ModelSource, Tokenizers,
    finish_writing,
};

/// A model that draws images. Clones share the components in memory and the texts encoded before.
#[derive(Clone)]
pub struct Model(Arc<Inner>, Merges);

/// What LoRAs change in the base and in the refiner.
type Merges = [Option<Arc<Merge>>; 2];

struct Inner {
    base: ModelSource,
    refiner: Option<ModelSource>,
    choice: DeviceChoice,
    retention: Retention,
    cache: Option<Cache>,
    /// What tells this model from others, for checkpoints.
    weights_fingerprint: String,
    fingerprint: String,
    loaded: [LoadedComponents; 2],
    texts: TextCache,
    adapters: Adapters,
}

impl Drop for Inner {
    /// Files on their way to the disk get there, or the next program has to make them again.
    fn drop(&mut self) {
        finish_writing();
    }
}

impl Model {
    /// Memory that activations and the rest of the process take beside a component's weights, in bytes.
    pub const WORKING_MEMORY: u64 = 2 << 30;

    /// Opens a diffusers folder or single-file checkpoint, and what `options` name beside it.
    /// Configurations are read and checked; weights are mapped when they are first needed.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open(base: &Path, options: &ModelOptions, choice: &DeviceChoice) -> Result<Self> {
        let (base, refiner) = ModelSource::open_with(base, options)?;
        Ok(Self::from_sources(base, refiner, choice, options))
    }

    /// A model of sources that are open already, as by [`ModelSource::open_with`] with the same `options`.
    pub fn from_sources(
        base: ModelSource,
        refiner: Option<ModelSource>,
        choice: &DeviceChoice,
        options: &ModelOptions,
    ) -> Self {
        let second = refiner.as_ref().map(|refiner| refiner.fingerprint().to_string()).unwrap_or_default();
        let weights_fingerprint = format!("{}+{second}", base.fingerprint());
        let fingerprint = format!("{weights_fingerprint} in {}", choice.precision);
        Self(
            Arc::new(Inner {
                base,
                refiner,
                choice: choice.clone(),
                retention: options.retention,
                cache: options.cache.clone(),
                weights_fingerprint,
                fingerprint,
                loaded: Default::default(),
                texts: TextCache::default(),
                adapters: Adapters::default(),
            }),
            Merges::default(),
        )
    }

    /// The same model with the LoRAs that `request` asks for. It shares everything else; what is in memory is exchanged when
    /// it is needed.
    pub(super) fn with_loras_of(&self, request: &Request) -> Result<Self> {
        if !request.refiner_loras.is_empty() && !self.has_refiner() {
            return Err(Error::invalid("refiner_loras", "there is no refiner that could take them: leave them out"));
        }
        let merge = |stage, loras| Ok::<_, Error>(self.source(stage).merge(loras)?.map(Arc::new));
        let merges = [merge(Stage::Base, &request.loras)?, merge(Stage::Refiner, &request.refiner_loras)?];
        Ok(Self(self.0.clone(), merges))
    }

    /// What tells `component` as `stage` uses it from the same one with other LoRAs; none if no LoRA changes it.
    pub(super) fn merged_as(&self, stage: Stage, component: Component) -> Option<Fingerprint> {
        self.merge(stage, component).map(|merge| merge.fingerprint())
    }

    /// The lengths (Frobenius norms) of what the base's first LoRA changes at weight 1, layer by layer; none without LoRAs.
    pub(super) fn lengths_of_changes(&self) -> Result<Option<Vec<f32>>> {
        let merge = self.1[Stage::Base as usize].as_ref();
        merge.map(|merge| self.0.base.lengths_of_changes(merge)).transpose()
    }

    /// What LoRAs change in `component` as `stage` uses it. A refiner takes none of the base's, not even in what they share.
    fn merge(&self, stage: Stage, component: Component) -> Option<&Arc<ComponentMerge>> {
        self.1[stage as usize].as_ref()?.of(component)
    }

    /// Looks at every weight of base and refiner, which are read whole.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] naming file and tensor if a number is not finite.
    pub fn check_numbers(&self) -> Result<()> {
        [Some(&self.0.base), self.0.refiner.as_ref()].into_iter().flatten().try_for_each(ModelSource::check_numbers)
    }

    /// The device that computes.
    pub fn device(&self) -> &DeviceChoice {
        &self.0.choice
    }

    /// Whether there is a refiner.
    pub fn has_refiner(&self) -> bool {
        self.0.refiner.is_some()
    }

    /// What whoever opens the model should know, such as a scheduler that is replaced.
    pub fn warnings(&self) -> Vec<String> {
        self.0.base.warnings()
    }

    /// What the model is called: its folder or file.
    pub fn name(&self) -> String {
        self.0.base.name()
    }

    /// What tells this model from others, for checkpoints: base and refiner, each with all its weights and settings, the
    /// VAEs, and the precision, because another one gives other bytes.
    pub(super) fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// What tells the weights and settings of base, refiner and VAEs from others, whichever precision they are computed in.
    pub fn weights_fingerprint(&self) -> &str {
        &self.0.weights_fingerprint
    }

    /// The width and height, in pixels, of the images that this model was made for, within what may be asked for.
    pub fn native_size(&self) -> u32 {
        let side = (self.unet_config(Stage::Base).sample_size * SCALE) as u32;
        side.clamp(*SIDES.start(), LONGEST_UNTILED)
    }

    /// The scheduler of a request that names none.
    pub fn default_scheduler(&self) -> SchedulerName {
        self.scheduler_config().default_name().0
    }

    pub(crate) fn index(&self, stage: Stage) -> &ModelIndex {
        self.source(stage).index()
    }

    pub(crate) fn unet_config(&self, stage: Stage) -> &UNetConfig {
        self.source(stage).unet_config()
    }

    /// The VAE's; none where only a tiny one decodes.
    pub(crate) fn vae_config(&self) -> Option<&VaeConfig> {
        self.0.base.vae_config()
    }

    pub(crate) fn scheduler_config(&self) -> &SchedulerConfig {
        self.0.base.scheduler_config()
    }

    pub(crate) fn tokenizers(&self, stage: Stage) -> &Tokenizers {
        self.source(stage).tokenizers()
    }

    /// Layers of the smallest text encoder of `stage`.
    pub(super) fn text_layers(&self, stage: Stage) -> usize {
        let second = self.source(stage).text_encoder_2_config().num_hidden_layers;
        match self.tokenizers(stage).first {
            Some(_) => second.min(self.source(stage).text_encoder_config().num_hidden_layers),
            None => second,
        }
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
            self.merge(stage, Component::TextEncoder),
            Component::TextEncoder,
            |loaded| &loaded.text_encoder,
            |parameters| TextEncoder::load(parameters, source.text_encoder_config(), false, self.0.choice.compute()),
        )
    }

    pub(crate) fn text_encoder_2(&self, stage: Stage) -> Result<Arc<TextEncoder>> {
        let merge = self.merge(stage, Component::TextEncoder2);
        let stage = self.owner(stage, Component::TextEncoder2);
        let source = self.source(stage);
        self.component(
            stage,
            merge,
            Component::TextEncoder2,
            |loaded| &loaded.text_encoder_2,
            |parameters| TextEncoder::load(parameters, source.text_encoder_2_config(), true, self.0.choice.compute()),
        )
    }

    pub(crate) fn unet(&self, stage: Stage) -> Result<Arc<UNet>> {
        let source = self.source(stage);
        self.component(
            stage,
            self.merge(stage, Component::UNet),
            Component::UNet,
            |loaded| &loaded.unet,
            |parameters| UNet::load(parameters, source.unet_config(), self.0.choice.compute()),
        )
    }

    pub(crate) fn vae_encoder(&self, stage: Stage) -> Result<Arc<VaeEncoder>> {
        let stage = self.owner(stage, Component::Vae);
        let config = self.source(stage).vae_config().ok_or_else(no_vae)?;
        self.component(
            stage,
            None,
            Component::Vae,
            |loaded| &loaded.vae_encoder,
            |parameters| VaeEncoder::load(parameters, config, self.0.choice.vae_formats().1),
        )
    }

    pub(crate) fn vae_decoder(&self, stage: Stage) -> Result<Arc<VaeDecoder>> {
        let stage = self.owner(stage, Component::Vae);
        let config = self.source(stage).vae_config().ok_or_else(no_vae)?;
        self.component(
            stage,
            None,
            Component::Vae,
            |loaded| &loaded.vae_decoder,
            |parameters| VaeDecoder::load(parameters, config, self.0.choice.vae_formats().1),
        )
    }

    /// What decodes in place of the VAE, if there is a tiny one.
    pub(crate) fn tiny_vae(&self) -> Result<Option<Arc<TinyDecoder>>> {
        let Some(files) = self.0.base.tiny_vae() else { return Ok(None) };
        let (format, compute) = self.0.choice.vae_formats();
        let decoder = self.loaded(
            &self.0.loaded[Stage::Base as usize].tiny_vae,
            None,
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
            self.0.adapters.release();
            self.0.choice.device().memory_cleanup();
        }
    }

    /// To be called when a generation has read its image prompts.
    pub(super) fn done_with_images(&self) {
        if self.0.retention == Retention::OneShot {
            self.0.adapters.image_encoders.keep_only(&[]);
            self.0.choice.device().memory_cleanup();
        }
    }

    /// Networks beside the model's own that are in memory.
    pub(super) fn adapters(&self) -> &Adapters {
        &self.0.adapters
    }

    /// Drops the networks beside the model's own that `request` does not need.
    pub(super) fn keep_adapters_of(&self, request: &Request) {
        let nets: Vec<_> = request.controls.iter().map(|control| control.model.digest()).collect();
        let encoders: Vec<_> = request.image_prompts.iter().map(|prompt| prompt.encoder.digest()).collect();
        self.0.adapters.control_nets.keep_only(&nets);
        self.0.adapters.image_encoders.keep_only(&encoders);
    }

    /// A network beside the model's own: what `slot` holds, or what `build` makes of the `numbers` numbers from `open`.
    pub(super) fn beside<T>(
        &self,
        slot: &LoadedComponent<T>,
        numbers: u64,
        open: impl FnOnce(&DeviceChoice, Option<&Cache>) -> Result<Box<dyn ParameterSource>>,
        build: impl FnOnce(&Parameters) -> Result<T>,
    ) -> Result<Arc<T>> {
        let choice = &self.0.choice;
        self.loaded(slot, None, numbers, choice.weights(), || open(choice, self.0.cache.as_ref()), build)
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

    /// The component of `stage`'s files that `slot` holds, with `merge`, loaded by `build` if it is not in memory.
    fn component<T>(
        &self,
        stage: Stage,
        merge: Option<&Arc<ComponentMerge>>,
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
            merge.map(AsRef::as_ref),
            source.count_numbers(component),
            format,
            || source.parameters(component, &self.0.choice, self.0.cache.as_ref(), merge),
            build,
        )
    }

    /// What `slot` holds; if that is nothing, or with other LoRAs, what `build` makes of the `numbers` numbers from `open`,
    /// held in `format`.
    fn loaded<T>(
        &self,
        slot: &LoadedComponent<T>,
        merge: Option<&ComponentMerge>,
        numbers: u64,
        format: WeightFormat,
        open: impl FnOnce() -> Result<Box<dyn ParameterSource>>,
        build: impl FnOnce(&Parameters) -> Result<T>,
    ) -> Result<Arc<T>> {
        if let Some(loaded) = slot.get(merge) {
            return Ok(loaded);
        }
        slot.make_way(merge);
        self.make_room(numbers * self.0.choice.precision.bytes() as u64);
        let opened = open()?;
        let keeping = KeepingParameters { source: opened.as_ref(), kept: slot.matrices(), merge };
        let source = match self.0.retention {
            Retention::KeepWarm => &keeping,
            Retention::OneShot => opened.as_ref(),
        };
        let parameters = Parameters::new(source, self.0.choice.device(), format);
        let loaded = Arc::new(computing("loading weights", || build(&parameters))?);
        slot.set(merge, loaded.clone());
        if merge.is_some() {
            // Merging takes other buffers than drawing.
            release_buffers();
        }
        Ok(loaded)
    }

    /// Releases every component in memory if `weights` more bytes would not fit beside them.
    fn make_room(&self, weights: u64) {
        if self.0.choice.free_memory() < weights + Self::WORKING_MEMORY {
            tracing::info!("memory is short: releasing components that are not needed now");
            self.0.loaded.iter().for_each(LoadedComponents::release_all);
            self.0.adapters.release();
            self.0.choice.device().memory_cleanup();
        }
    }

    fn release_text_encoders(&self) {
        self.0.loaded.iter().for_each(LoadedComponents::release_text_encoders);
        self.0.choice.device().memory_cleanup();
    }
}

fn no_vae() -> Error {
    let message = "there is no VAE to make latents of an image or an image of latents: give one as --vae, or leave the image to \
                   start from away";
    Error::invalid("vae", message)
}
