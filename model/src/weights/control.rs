//! Networks that steer by control images on disk: a folder as diffusers saves one, or a single file in its layout or in the
//! original one.

mod inferred;
mod layout;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::FloatDType;
use easel_settings::{control_kind, control_kinds};
use serde_json::Value;

use super::component_tensors::ComponentTensors;
use super::folder::{LONGEST_CONFIG, open_weights};
use super::manifest::{ListedTensor, steering_listing};
use super::packing::PACKED_FILE;
use super::safetensors::read_text;
use super::{Cache, Fingerprint, SafetensorsFile, TensorSource};
use crate::config::{ControlNetConfig, T2iAdapterConfig, UNetConfig};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::network::steering::SteeringConfig;
use crate::precision::WeightFormat;
use inferred::{inferred, inferred_adapter};
use layout::Layout;
use names::{is_of_a_control_net, wanted};

/// What the file or folder of a component of this kind is called in logs and in the cache.
const NAME: &str = "controlnet";

/// As checkpoints have numbers.
const PLAIN: WeightFormat = WeightFormat::plain(FloatDType::F32);

/// A ControlNet or T2I-Adapter; its weights are mapped while they are in use. Whether it fits a model shows when a generation
/// with it starts.
#[derive(Debug, Clone)]
pub struct ControlModel {
    path: PathBuf,
    config: SteeringConfig,
    layout: Layout,
    /// Whether heads, groups and the like are assumed, because nothing says them.
    is_assumed: bool,
    fingerprint: Fingerprint,
}

impl PartialEq for ControlModel {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl ControlModel {
    /// Opens a folder as diffusers saves it, or a single `.safetensors` file in its layout or the original one.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Config`] or [`Error::Weights`] if it is no such network for SDXL, saying
    /// what it is instead.
    pub fn open(path: &Path) -> Result<Self> {
        let (config, layout, is_assumed) = described(path)?;
        let fingerprint = Fingerprint::of_text("");
        let mut model = Self { path: path.to_owned(), config, layout, is_assumed, fingerprint };
        let weights = Fingerprint::of_tensors(model.tensors(&model.config)?.as_ref())?;
        model.fingerprint = Fingerprint::of_text(&format!("{:?}\n{weights}", model.config));
        Ok(model)
    }

    /// What it is like. What no tensor tells of a single file is as `unet` is, of which it was made.
    pub(crate) fn config_for(&self, unet: &UNetConfig) -> SteeringConfig {
        let mut config = self.config.clone();
        if let SteeringConfig::ControlNet(config) = &mut config
            && self.is_assumed
            && config.unet.block_out_channels == unet.block_out_channels
        {
            config.unet.attention_head_dim.clone_from(&unet.attention_head_dim);
            config.unet.norm_num_groups = unet.norm_num_groups;
            config.unet.norm_eps = unet.norm_eps;
            config.unet.addition_time_embed_dim = unet.addition_time_embed_dim;
            let depths = &config.unet.transformer_layers_per_block;
            if depths.iter().all(|depth| *depth == 0) {
                config.unet.cross_attention_dim = unet.cross_attention_dim;
            }
        }
        config
    }

    /// Why it cannot steer a UNet like `unet` to an image of `size`, if it cannot.
    pub(crate) fn misfit(&self, unet: &UNetConfig, (width, height): (u32, u32)) -> Option<String> {
        let (name, other) = (self.name(), "is for another model than this");
        match self.config_for(unet) {
            SteeringConfig::ControlNet(config) => {
                config.misfit(unet).map(|misfit| format!("`{name}` {other}: {misfit}"))
            }
            SteeringConfig::T2iAdapter(config) => {
                let side = config.downscale_factor as u32;
                let fits = width.is_multiple_of(side) && height.is_multiple_of(side);
                let size = || {
                    format!(
                        "`{name}` is a T2I-Adapter, which needs a width and a height that are multiples of {side}, and this \
                             is {width}×{height}"
                    )
                };
                let misfit = config.misfit(unet).map(|misfit| format!("`{name}` {other}: {misfit}"));
                misfit.or_else(|| (!fits).then(size))
            }
        }
    }

    /// Whether it looks at whole images alone, so that it cannot steer tiles.
    pub(crate) fn needs_whole_images(&self) -> bool {
        matches!(self.config, SteeringConfig::T2iAdapter(_))
    }

    /// Whether it is a union: one network for several kinds of control images, of which each has to be named.
    pub fn is_union(&self) -> bool {
        matches!(&self.config, SteeringConfig::ControlNet(ControlNetConfig { union: Some(_), .. }))
    }

    /// What a union calls the kinds of control images that it knows; none for other networks.
    pub fn kinds(&self) -> Vec<String> {
        match &self.config {
            SteeringConfig::ControlNet(ControlNetConfig { union: Some(union), .. }) => {
                control_kinds(union.num_control_type)
            }
            _ => Vec::new(),
        }
    }

    /// Its folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name: the folder's, or the file's without the ending.
    pub fn name(&self) -> String {
        let name = if self.path.is_dir() { self.path.file_name() } else { self.path.file_stem() };
        name.unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// What tells it from others: its weights, and what its configuration says.
    pub fn digest(&self) -> String {
        self.fingerprint.to_string()
    }

    /// Which of its kinds of control images a union calls `text`: a name, or a number from 0 on.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if there is no such kind, or only one.
    pub fn kind(&self, text: &str) -> Result<usize> {
        let invalid = |message: String| Error::invalid("controls", message);
        let SteeringConfig::ControlNet(ControlNetConfig { union: Some(union), .. }) = &self.config else {
            let message = format!("`{}` is for one kind of control images: leave `#{text}` away", self.name());
            return Err(invalid(message));
        };
        control_kind(text, union.num_control_type).ok_or_else(|| {
            let names = self.kinds();
            let last = union.num_control_type - 1;
            invalid(format!(
                "`{}` has no kind `{text}`: use {}, or a number from 0 to {last}",
                self.name(),
                names.join(", ")
            ))
        })
    }

    fn tensors(&self, config: &SteeringConfig) -> Result<Box<dyn TensorSource>> {
        let (label, files) = if self.path.is_dir() {
            open_weights(&self.path)?
        } else {
            (self.path.clone(), vec![Arc::new(SafetensorsFile::open(&self.path)?)])
        };
        let wanted = steering_listing(config, PLAIN)
            .into_iter()
            .map(|ListedTensor { name, shape, .. }| wanted(name, shape, config, self.layout));
        let belongs = |name: &str| is_of_a_control_net(name, self.layout);
        Ok(Box::new(ComponentTensors::locate(&label, &files, wanted.collect(), belongs)?))
    }

    /// How many numbers it has.
    pub fn count_numbers(&self) -> u64 {
        let listing = steering_listing(&self.config, PLAIN);
        listing.iter().map(|listed| listed.shape.iter().product::<usize>() as u64).sum()
    }

    /// Its parameters as `choice` wants them, packed once where there is a `cache`.
    pub(crate) fn parameters(
        &self,
        config: &SteeringConfig,
        choice: &DeviceChoice,
        cache: Option<&Cache>,
    ) -> Result<Box<dyn ParameterSource>> {
        let tensors = self.tensors(config)?;
        let packed = cache.filter(|_| choice.has_kernels()).and_then(|cache| {
            let listing = steering_listing(config, choice.precision.cpu_format());
            cache.packed_as(NAME, listing, tensors.as_ref(), self.fingerprint, choice.precision)
        });
        Ok(match packed {
            Some(packed) => Box::new(packed),
            None => Box::new(tensors),
        })
    }
}

/// What is at `path`, as far as can be told without its weights; whether some of it is assumed.
fn described(path: &Path) -> Result<(SteeringConfig, Layout, bool)> {
    if !path.is_dir() {
        let file = SafetensorsFile::open(path)?;
        if let Some(config) = inferred_adapter(&file)? {
            return Ok((SteeringConfig::T2iAdapter(config), Layout::Diffusers(""), true));
        }
        let (config, layout) = inferred(&file)?;
        return Ok((SteeringConfig::ControlNet(config), layout, true));
    }
    let fault = |message: &str| Err(Error::Config { file: path.to_owned(), message: message.to_owned() });
    if path.join(PACKED_FILE).is_file() {
        return fault("is packed for the CPU already: name the ControlNet that it was made from");
    }
    let file = path.join("config.json");
    if !file.is_file() {
        return fault(
            "has no config.json, so it is not a ControlNet's folder; name a folder such as \
             diffusers/controlnet-canny-sdxl-1.0, or a .safetensors file",
        );
    }
    let text = read_text(&file, LONGEST_CONFIG)?;
    let class = serde_json::from_str::<Value>(&text).ok();
    let class = class.as_ref().and_then(|config| config.get("_class_name")?.as_str());
    let config = match class {
        Some("T2IAdapter") => SteeringConfig::T2iAdapter(T2iAdapterConfig::from_json(&text, &file)?),
        _ => SteeringConfig::ControlNet(ControlNetConfig::from_json(&text, &file)?),
    };
    Ok((config, Layout::Diffusers(""), false))
}
