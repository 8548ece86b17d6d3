//! Where a model's configurations, tokenizers and weights come from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use easel_settings::{Preset, recipe_of};

use super::lora::{MergedTensors, Places};
use super::manifest::{Manifest, manifest};
use super::merged_parameters::MergedParameters;
use super::prediction_name::prediction_in_name;
use super::tokenizers::BaseTokenizers;
use super::{
    Cache, Component, ComponentMerge, Fingerprint, Merge, ModelFiles, ModelOptions, RandomWeights, RequestedLora,
    TensorSource, TinyVaeFiles, Tokenizers, VaeFiles, check_numbers,
};
use crate::config::{ModelConfigs, ModelIndex, Shape, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::network::vae::SCALE;
use crate::precision::Precision;
use crate::scheduler::{PredictionChoice, SchedulerConfig};

/// One model: files on disk, or random numbers in a model's shape.
pub struct ModelSource {
    origin: Origin,
    configs: ModelConfigs,
    scheduler: SchedulerConfig,
    tokenizers: Tokenizers,
    /// Components that a refiner leaves to its base.
    shared: Vec<Component>,
    /// What encodes and decodes in place of the files' own VAE.
    vae: Option<VaeFiles>,
    /// What decodes in place of the VAE.
    tiny_vae: Option<TinyVaeFiles>,
    fingerprint: Fingerprint,
    /// What LoRAs call its modules.
    places: OnceLock<Places>,
    /// The settings of the distilled model that this is, if it is recognised as one.
    recipe: Option<&'static Preset>,
    /// What was assumed about the files.
    warnings: Vec<String>,
}

enum Origin {
    /// With the fingerprint of each component that they have.
    Files(Box<ModelFiles>, BTreeMap<Component, Fingerprint>),
    Random(Shape),
}

impl ModelSource {
    /// Opens a diffusers folder or single-file checkpoint.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::open_with(path, &ModelOptions::default())?.0)
    }

    /// Opens the base model at `path` with what `options` change of it, and the refiner that they name.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open_with(path: &Path, options: &ModelOptions) -> Result<(Self, Option<Self>)> {
        let base = Self::from_files(ModelFiles::open(path)?, None, options)?.with_prediction(options.prediction)?;
        let refiner = options.refiner.as_deref().map(|path| Self::open_refiner(path, &base)).transpose()?;
        Ok((base, refiner))
    }

    /// Opens a refiner; what it lacks, or has the same as `base`, is shared with it.
    ///
    /// # Errors
    /// As [`Self::open`], and if the pair does not fit together.
    pub fn open_refiner(path: &Path, base: &Self) -> Result<Self> {
        let refiner = Self::from_files(ModelFiles::open(path)?, Some(base), &ModelOptions::default())?;
        if refiner.configs.unet.out_channels != base.configs.unet.out_channels {
            let message = "the refiner works on other latents than the base: use the refiner that belongs to it".into();
            return Err(Error::Config { file: path.to_owned(), message });
        }
        Ok(refiner)
    }

    /// Random weights in `shape`, the same every time.
    ///
    /// # Errors
    /// Never for the shapes there are.
    pub fn random(shape: Shape) -> Result<Self> {
        let configs = shape.configs()?;
        let tokenizers = Tokenizers::new(&configs, None, None)?;
        let fingerprint = Fingerprint::of_text(&format!("random {shape}"));
        Ok(Self {
            origin: Origin::Random(shape),
            configs,
            scheduler: SchedulerConfig::default(),
            tokenizers,
            shared: Vec::new(),
            vae: None,
            tiny_vae: None,
            fingerprint,
            places: OnceLock::new(),
            recipe: None,
            warnings: Vec::new(),
        })
    }

    /// The same model, of which is known what it predicts: as `choice` says; without one, as the name or metadata of a single
    /// file says that has no marker.
    fn with_prediction(mut self, choice: Option<PredictionChoice>) -> Result<Self> {
        let assumed = match choice {
            Some(_) => None,
            None => {
                let told = |files| prediction_in_name(files, self.name(), &self.scheduler);
                self.files().map(told).transpose()?.flatten()
            }
        };
        if let Some((choice, told)) = &assumed {
            self.warnings.push(format!(
                "`{told}` has no marker of what it predicts and is taken as {choice} by its name: if the images are noise, \
                 give --prediction-type epsilon"
            ));
        }
        if let Some(choice) = choice.or(assumed.map(|(choice, _)| choice)) {
            self.scheduler = choice.applied(&self.scheduler);
            self.fingerprint = Fingerprint::of_text(&format!("{}\nprediction {choice}", self.fingerprint));
        }
        Ok(self)
    }

    /// The model in `files`; a refiner if there is a `base`. Of a refiner, neither `options.vae` nor `options.tiny_vae` is asked for:
    /// its base's are used.
    fn from_files(files: ModelFiles, base: Option<&Self>, options: &ModelOptions) -> Result<Self> {
        let mut configs = files.configs().clone();
        let vae = options.vae.as_deref().map(|path| VaeFiles::open(path, configs.vae.as_ref())).transpose()?;
        let tiny_vae = options.tiny_vae.as_deref().map(TinyVaeFiles::open).transpose()?;
        if let Some(vae) = &vae {
            configs.vae = Some(vae.config().clone());
        }
        let mut shared = Vec::new();
        for component in [Component::TextEncoder2, Component::Vae] {
            let Some(base) = base else { break };
            let same = match &base.origin {
                Origin::Files(theirs, _) => files.is_same_component_as(theirs, component)?,
                Origin::Random(_) => false,
            };
            let is_replaced = component == Component::Vae && base.vae.is_some();
            if same || is_replaced || !files.has(component) {
                shared.push(component);
                match component {
                    Component::TextEncoder2 => configs.text_encoder_2.clone_from(&base.configs.text_encoder_2),
                    _ => configs.vae.clone_from(&base.configs.vae),
                }
            }
        }
        configs.check(files.path())?;
        let lacking = |message: &str| Err(Error::Config { file: files.path().to_owned(), message: message.to_owned() });
        if configs.text_encoder_2.is_none() {
            return lacking(
                "has no text_encoder_2: if this is a refiner that shares its base's, give it as --refiner beside --model",
            );
        }
        if base.is_none() && configs.vae.is_none() && tiny_vae.is_none() {
            return lacking(
                "has no VAE: give one as --vae (a folder or file, such as madebyollin/sdxl-vae-fp16-fix), or a tiny one as \
                 --tiny-vae, which is enough for text-to-image; if this is a refiner that shares its base's VAE, give it as \
                 --refiner beside --model",
            );
        }
        let scheduler = match files.scheduler_config() {
            Some(text) => SchedulerConfig::from_json(text, &files.scheduler_config_path())?,
            None => SchedulerConfig::default(),
        };
        let of_base = base.map(|base| BaseTokenizers { files: base.files(), tokenizers: &base.tokenizers });
        let tokenizers = Tokenizers::new(&configs, Some(&files), of_base.as_ref())?;
        let mut identity = format!("{configs:?}\n{scheduler:?}\n");
        let mut components = BTreeMap::new();
        for component in Component::ALL {
            let replaced = vae.as_ref().filter(|_| component == Component::Vae);
            let fingerprint = match replaced {
                Some(vae) => Some(vae.fingerprint()?),
                None => files.fingerprint(component)?,
            };
            if let Some(fingerprint) = fingerprint {
                identity += &format!("{} {fingerprint}\n", component.folder());
                components.insert(component, fingerprint);
            }
        }
        let mut fingerprint = Fingerprint::of_text(&identity);
        if let Some(tiny_vae) = &tiny_vae {
            let added = format!(
                "{fingerprint}
{:?} {}",
                tiny_vae.config(),
                tiny_vae.fingerprint()?
            );
            fingerprint = Fingerprint::of_text(&added);
        }
        let metadata = files.metadata()?;
        let origin = Origin::Files(Box::new(files), components);
        let (places, warnings) = (OnceLock::new(), Vec::new());
        let mut source = Self {
            origin,
            configs,
            scheduler,
            tokenizers,
            shared,
            vae,
            tiny_vae,
            fingerprint,
            places,
            recipe: None,
            warnings,
        };
        source.recipe = recipe_of(&source.name(), &metadata);
        Ok(source)
    }

    /// The settings of the distilled model that this is, if its name or metadata says so.
    pub fn recipe(&self) -> Option<&'static Preset> {
        self.recipe
    }

    /// What whoever opens the model should know: what was assumed about its files, and a scheduler that is replaced.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.iter().cloned().chain(self.scheduler.default_name().1).collect()
    }

    /// What the model is called: its folder or file.
    pub fn name(&self) -> String {
        match &self.origin {
            Origin::Files(files, _) => {
                let path = files.path();
                let name = if files.is_folder() { path.file_name() } else { path.file_stem() };
                name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            Origin::Random(shape) => format!("random {shape}"),
        }
    }

    /// How many numbers `component` has; 0 if it has none of its own.
    pub fn count_numbers(&self, component: Component) -> u64 {
        self.manifest(component).iter().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum()
    }

    /// Names and shapes of the tensors of `component`.
    pub fn manifest(&self, component: Component) -> Manifest {
        manifest(component, &self.configs)
    }

    /// What tells this model from others: all weights, the tiny VAE's too, and what the configurations say.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn tiny_vae(&self) -> Option<&TinyVaeFiles> {
        self.tiny_vae.as_ref()
    }

    pub(crate) fn shares(&self, component: Component) -> bool {
        self.shared.contains(&component)
    }

    /// What the weights are packed for, if they are packed for the CPU's kernels.
    pub fn packed(&self) -> Option<Precision> {
        match &self.origin {
            Origin::Files(files, _) => files.packed(),
            Origin::Random(_) => None,
        }
    }

    /// What `loras` change in this model; none if nothing.
    ///
    /// # Errors
    /// A LoRA that does not fit, by file and tensor.
    pub(crate) fn merge(&self, loras: &[RequestedLora]) -> Result<Option<Merge>> {
        if loras.is_empty() {
            return Ok(None);
        }
        Merge::new(loras, self.places.get_or_init(|| Places::new(&self.configs)))
    }

    /// The lengths (Frobenius norms) of what the first of the LoRAs in `merge` changes at weight 1, layer by layer, in the
    /// order of their names.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub(crate) fn lengths_of_changes(&self, merge: &Merge) -> Result<Vec<f32>> {
        let mut lengths = Vec::new();
        for component in merge.components() {
            let (Some(merge), Origin::Files(files, _)) = (merge.of(component), &self.origin) else { continue };
            let tensors = MergedTensors::new(self.tensors_of(files, component)?, merge.clone());
            let name = |tensor: &str| format!("{}.{}", component.folder(), tensor.trim_end_matches(".weight"));
            lengths.extend(tensors.lengths()?.into_iter().map(|(tensor, length)| (name(&tensor), length)));
        }
        lengths.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(lengths.into_iter().map(|(_, length)| length).collect())
    }

    /// Where the parameters of `component` come from, with `merge` merged into them. If the device wants them packed and
    /// they are not, and there is a `cache`, they are packed into it once: the component itself, and beside it what LoRAs
    /// change.
    pub(crate) fn parameters(
        &self,
        component: Component,
        choice: &DeviceChoice,
        cache: Option<&Cache>,
        merge: Option<&Arc<ComponentMerge>>,
    ) -> Result<Box<dyn ParameterSource>> {
        let (files, fingerprints) = match &self.origin {
            Origin::Random(_) if merge.is_some() => {
                return Err(Error::invalid("loras", "cannot be merged into random weights: name a model"));
            }
            Origin::Random(_) => return Ok(Box::new(RandomWeights::new(0))),
            Origin::Files(files, fingerprints) => (files, fingerprints),
        };
        let is_replaced = component == Component::Vae && self.vae.is_some();
        if let Some(precision) = files.packed().filter(|_| !is_replaced) {
            let fault = |message| Err(Error::Config { file: files.path().to_owned(), message });
            if !choice.has_kernels() || choice.precision != precision {
                return fault(format!(
                    "is packed for {precision} on the CPU: use these, or the model that it was made from"
                ));
            }
            if merge.is_some() {
                return fault(format!(
                    "is packed for {precision}, and LoRAs are merged into unpacked weights: use the model that it was \
                     made from"
                ));
            }
            return Ok(Box::new(files.packed_component(component)?));
        }
        let cached = cache.zip(fingerprints.get(&component)).filter(|_| choice.has_kernels());
        let original = self.tensors_of(files, component)?;
        let packed = cached.and_then(|(cache, &fingerprint)| {
            cache.packed(original.as_ref(), fingerprint, component, &self.configs, choice.precision)
        });
        let unchanged: Box<dyn ParameterSource> = match packed {
            Some(packed) => Box::new(packed),
            None => Box::new(original),
        };
        let Some(merge) = merge else { return Ok(unchanged) };
        let merged = MergedTensors::new(self.tensors_of(files, component)?, merge.clone());
        let packed = cached.and_then(|(cache, &fingerprint)| {
            cache.merged(&merged, fingerprint, merge, component, &self.configs, choice.precision)
        });
        let merged: Box<dyn ParameterSource> = match packed {
            Some(packed) => Box::new(packed),
            None => Box::new(Box::new(merged) as Box<dyn TensorSource>),
        };
        Ok(Box::new(MergedParameters { merged, unchanged, merge: merge.clone() }))
    }

    /// The tensors of `component` as they are stored, those of another VAE in the place of the model's own.
    fn tensors_of(&self, files: &ModelFiles, component: Component) -> Result<Box<dyn TensorSource>> {
        if let Some(vae) = self.vae.as_ref().filter(|_| component == Component::Vae) {
            return vae.tensors();
        }
        let absent =
            || Error::Config { file: files.path().to_owned(), message: format!("has no {}", component.folder()) };
        files.component(component)?.ok_or_else(absent)
    }

    fn files(&self) -> Option<&ModelFiles> {
        match &self.origin {
            Origin::Files(files, _) => Some(files),
            Origin::Random(_) => None,
        }
    }

    pub(crate) fn index(&self) -> &ModelIndex {
        &self.configs.model_index
    }

    /// The side, in pixels, of the images that it was made for.
    #[must_use]
    pub fn native_side(&self) -> u32 {
        (self.configs.unet.sample_size * SCALE) as u32
    }

    pub(crate) fn unet_config(&self) -> &UNetConfig {
        &self.configs.unet
    }

    pub(crate) fn text_encoder_config(&self) -> &TextEncoderConfig {
        self.configs.text_encoder.as_ref().expect("asked for only where there is a first tokenizer")
    }

    pub(crate) fn text_encoder_2_config(&self) -> &TextEncoderConfig {
        self.configs.text_encoder_2.as_ref().expect("opening a model checks that it is there")
    }

    /// The VAE's; none where only a tiny one decodes.
    pub(crate) fn vae_config(&self) -> Option<&VaeConfig> {
        self.configs.vae.as_ref()
    }

    /// Looks at every weight of the model's files, which are read whole.
    ///
    /// # Errors
    /// [`Error::Weights`] naming file and tensor if a number is not finite.
    pub(crate) fn check_numbers(&self) -> Result<()> {
        let Origin::Files(files, _) = &self.origin else { return Ok(()) };
        for component in Component::ALL {
            let replaced = self.vae.as_ref().filter(|_| component == Component::Vae);
            match replaced {
                Some(vae) => check_numbers::of_tensors(vae.tensors()?.as_ref())?,
                None if !files.has(component) || self.shares(component) => {}
                None if files.packed().is_some() => {
                    check_numbers::of_packed(&files.packed_component(component)?, component, &self.configs)?;
                }
                None => {
                    if let Some(tensors) = files.component(component)? {
                        check_numbers::of_tensors(tensors.as_ref())?;
                    }
                }
            }
        }
        self.tiny_vae.as_ref().map_or(Ok(()), |tiny_vae| check_numbers::of_tensors(tiny_vae.tensors()?.as_ref()))
    }

    pub(crate) fn scheduler_config(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    pub(crate) fn tokenizers(&self) -> &Tokenizers {
        &self.tokenizers
    }
}
