//! Where a model's configurations, tokenizers and weights come from.

use std::path::Path;

use crate::cache::Cache;
use crate::config::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::device::{Backend, DeviceChoice};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, manifest};
use crate::parameters::Origin;
use crate::precision::Precision;
use crate::random::RandomWeights;
use crate::scheduler::SchedulerConfig;
use crate::shape::Shape;
use crate::tokenizer::{Padding, Tokenizer};
use crate::weights::{Component, ModelFiles, TensorSource, TinyVaeFiles};

/// One model: files on disk, or random numbers in a model's shape.
pub struct ModelSource {
    weights: Weights,
    configs: ModelConfigs,
    scheduler: SchedulerConfig,
    tokenizers: Tokenizers,
    /// Components that a refiner leaves to its base.
    shared: Vec<Component>,
    /// What decodes in place of the VAE.
    tiny_vae: Option<TinyVaeFiles>,
}

enum Weights {
    Files(Box<ModelFiles>),
    Random(Shape),
}

/// The tokenizers of a stage.
pub(crate) struct Tokenizers {
    /// Of the first text encoder, which only base models have.
    pub(crate) first: Option<Tokenizer>,
    /// Of the second.
    pub(crate) second: Tokenizer,
}

impl ModelSource {
    /// Opens a diffusers folder or single-file checkpoint.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_files(ModelFiles::open(path)?, None)
    }

    /// Opens a refiner; what it lacks, or has the same as `base`, is shared with it.
    ///
    /// # Errors
    /// As [`Self::open`], and if the pair does not fit together.
    pub fn open_refiner(path: &Path, base: &Self) -> Result<Self> {
        let refiner = Self::from_files(ModelFiles::open(path)?, Some(base))?;
        if refiner.configs.unet.in_channels != base.configs.unet.in_channels {
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
        let scheduler = SchedulerConfig::default();
        Ok(Self { weights: Weights::Random(shape), configs, scheduler, tokenizers, shared: Vec::new(), tiny_vae: None })
    }

    /// Has the tiny VAE in `folder` (diffusers' layout of an `AutoencoderTiny`) decode pictures and previews in place of the
    /// VAE: in a twentieth of the time, with less detail. For a base model; a refiner's is not asked for.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn with_tiny_vae(mut self, folder: &Path) -> Result<Self> {
        self.tiny_vae = Some(TinyVaeFiles::open(folder)?);
        Ok(self)
    }

    fn from_files(files: ModelFiles, base: Option<&Self>) -> Result<Self> {
        let mut configs = files.configs().clone();
        let mut shared = Vec::new();
        for component in [Component::TextEncoder2, Component::Vae] {
            let Some(base) = base else { break };
            let same = match &base.weights {
                Weights::Files(theirs) => files.is_same_component_as(theirs, component)?,
                Weights::Random(_) => false,
            };
            if same || !files.has(component) {
                shared.push(component);
                match component {
                    Component::TextEncoder2 => configs.text_encoder_2.clone_from(&base.configs.text_encoder_2),
                    _ => configs.vae.clone_from(&base.configs.vae),
                }
            }
        }
        configs.check(files.path())?;
        let lacking = if configs.text_encoder_2.is_none() {
            Some("text_encoder_2")
        } else if configs.vae.is_none() {
            Some("vae")
        } else {
            None
        };
        if let Some(part) = lacking {
            let message = format!(
                "has no {part}: if this is a refiner that shares its base's, give it as --refiner beside --model"
            );
            return Err(Error::Config { file: files.path().to_owned(), message });
        }
        let scheduler = match files.scheduler_config() {
            Some(text) => SchedulerConfig::from_json(text, &files.scheduler_config_path())?,
            None => SchedulerConfig::default(),
        };
        let tokenizers = Tokenizers::new(&configs, Some(&files), base)?;
        Ok(Self { weights: Weights::Files(Box::new(files)), configs, scheduler, tokenizers, shared, tiny_vae: None })
    }

    /// What the model is called: its folder or file.
    pub fn name(&self) -> String {
        match &self.weights {
            Weights::Files(files) => {
                let path = files.path();
                let name = if files.is_folder() { path.file_name() } else { path.file_stem() };
                name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
            Weights::Random(shape) => format!("random {shape}"),
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

    /// Distinguishes models of other shapes or other weights.
    pub(crate) fn fingerprint(&self) -> String {
        let origin = match &self.weights {
            Weights::Files(_) => "files".to_owned(),
            Weights::Random(shape) => shape.to_string(),
        };
        let mut hash = crc32fast::Hasher::new();
        hash.update(format!("{:?} {:?}", self.configs, self.scheduler).as_bytes());
        if let Weights::Files(files) = &self.weights {
            if let Some(packed) = files.packed().and_then(|_| files.packed_component(Component::UNet).ok()) {
                packed.matrices().take(HASHED).for_each(|data| hash_beginning(&mut hash, &data));
            } else if let Ok(Some(unet)) = files.component(Component::UNet) {
                hash_weights(&mut hash, unet.as_ref());
            }
        }
        if let Some(tiny) = &self.tiny_vae {
            hash.update(format!("{:?}", tiny.config()).as_bytes());
            if let Ok(tensors) = tiny.tensors() {
                hash_weights(&mut hash, tensors.as_ref());
            }
        }
        format!("{origin}-{:08x}", hash.finalize())
    }

    pub(crate) fn tiny_vae(&self) -> Option<&TinyVaeFiles> {
        self.tiny_vae.as_ref()
    }

    pub(crate) fn shares(&self, component: Component) -> bool {
        self.shared.contains(&component)
    }

    /// What the weights are packed for, if they are packed for the CPU's kernels.
    pub fn packed(&self) -> Option<Precision> {
        match &self.weights {
            Weights::Files(files) => files.packed(),
            Weights::Random(_) => None,
        }
    }

    /// Where the weights of `component` come from. If the device wants them packed and they are not, and there is a
    /// `cache`, they are packed into it once.
    pub(crate) fn origin(&self, component: Component, choice: &DeviceChoice, cache: Option<&Cache>) -> Result<Origin> {
        let files = match &self.weights {
            Weights::Random(_) => return Ok(Origin::Random(RandomWeights::new(0))),
            Weights::Files(files) => files,
        };
        if let Some(precision) = files.packed() {
            if choice.backend != Backend::Flex || choice.precision != precision {
                let message = format!(
                    "is packed for {precision} on the CPU's backend flex: use these, or the model that it was made from"
                );
                return Err(Error::Config { file: files.path().to_owned(), message });
            }
            return files.packed_component(component).map(Origin::Packed);
        }
        let tensors = files.component(component)?.ok_or_else(|| Error::Config {
            file: files.path().to_owned(),
            message: format!("has no {}", component.folder()),
        })?;
        if let Some(cache) = cache.filter(|_| choice.backend == Backend::Flex)
            && let Some(packed) = cache.packed(tensors.as_ref(), component, &self.configs, choice.precision)
        {
            return Ok(Origin::Packed(packed));
        }
        Ok(Origin::Files(tensors))
    }

    pub(crate) fn index(&self) -> &ModelIndex {
        &self.configs.model_index
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

    pub(crate) fn vae_config(&self) -> &VaeConfig {
        self.configs.vae.as_ref().expect("opening a model checks that it is there")
    }

    pub(crate) fn scheduler_config(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    pub(crate) fn tokenizers(&self) -> &Tokenizers {
        &self.tokenizers
    }
}

/// The first tensors tell one set of weights from another of the same shape.
const HASHED: usize = 8;

fn hash_weights(hash: &mut crc32fast::Hasher, tensors: &dyn TensorSource) {
    for name in tensors.names().iter().take(HASHED) {
        if let Ok(tensor) = tensors.tensor(name) {
            hash_beginning(hash, &tensor.data);
        }
    }
}

fn hash_beginning(hash: &mut crc32fast::Hasher, data: &[u8]) {
    hash.update(&data[..data.len().min(4096)]);
}

impl Tokenizers {
    /// The model's own tables, else its base's, else CLIP's.
    fn new(configs: &ModelConfigs, files: Option<&ModelFiles>, base: Option<&ModelSource>) -> Result<Self> {
        let open = |component, config: &TextEncoderConfig, padding| {
            let folder = |files: &ModelFiles| files.tokenizer_folder(component);
            let base = base.and_then(|base| match &base.weights {
                Weights::Files(files) => Some(files.as_ref()),
                Weights::Random(_) => None,
            });
            let folder = files.and_then(folder).or_else(|| base.and_then(folder));
            let tokenizer = match &folder {
                Some(folder) => Tokenizer::from_folder(folder)?,
                None => Tokenizer::built_in(config.vocab_size, padding)?,
            };
            if tokenizer.vocabulary_size() > config.vocab_size {
                let file = folder.unwrap_or_default();
                let message = format!(
                    "has {} words but the text encoder knows {}: they are not of the same model",
                    tokenizer.vocabulary_size(),
                    config.vocab_size
                );
                return Err(Error::Config { file, message });
            }
            Ok(tokenizer)
        };
        let first = configs.text_encoder.as_ref();
        let first = first.map(|config| open(Component::TextEncoder, config, Padding::EndOfText)).transpose()?;
        let second = configs.text_encoder_2.as_ref().expect("checked before the tokenizers are opened");
        Ok(Self { first, second: open(Component::TextEncoder2, second, Padding::Exclamation)? })
    }
}
