//! ControlNets on disk: a folder as diffusers saves one, or a single file in its layout or in the original one.

mod inferred;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::FloatDType;

use super::component_tensors::{ComponentTensors, Wanted};
use super::folder::{LONGEST_CONFIG, open_weights};
use super::manifest::{ListedTensor, control_net_listing};
use super::packing::PACKED_FILE;
use super::safetensors::read_text;
use super::{Cache, Fingerprint, SafetensorsFile, TensorSource};
use crate::config::{ControlNetConfig, UNetConfig};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::precision::WeightFormat;
use inferred::{Layout, inferred};
use names::{is_of_a_control_net, wanted};

/// What the file or folder of a component of this kind is called in logs and in the cache.
const NAME: &str = "controlnet";

/// The kinds of control images of the published unions, by number: what their makers call them, the usual name first.
const KINDS: [&[&str]; 8] = [
    &["openpose", "pose"],
    &["depth"],
    &["softedge", "hed", "pidi", "scribble", "ted"],
    &["canny", "lineart", "anime_lineart", "lines", "mlsd"],
    &["normal"],
    &["segment", "segmentation", "seg"],
    &["tile", "blur"],
    &["repaint", "inpaint", "outpaint"],
];

/// A ControlNet; its weights are mapped while they are in use. Whether it fits a model shows when a generation with it starts.
#[derive(Debug, Clone)]
pub struct ControlModel {
    path: PathBuf,
    config: ControlNetConfig,
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
    /// [`Error::Io`] if it cannot be read; [`Error::Config`] or [`Error::Weights`] if it is no ControlNet for SDXL, saying what
    /// it is instead.
    pub fn open(path: &Path) -> Result<Self> {
        let mut model = Self::described(path)?;
        let weights = Fingerprint::of_tensors(model.tensors(&model.config)?.as_ref())?;
        model.fingerprint = Fingerprint::of_text(&format!("{:?}\n{weights}", model.config));
        Ok(model)
    }

    /// What is known without its weights.
    fn described(path: &Path) -> Result<Self> {
        let fingerprint = Fingerprint::of_text("");
        if path.is_dir() {
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
            let config = ControlNetConfig::from_json(&read_text(&file, LONGEST_CONFIG)?, &file)?;
            return Ok(Self {
                path: path.to_owned(),
                config,
                layout: Layout::Diffusers(""),
                is_assumed: false,
                fingerprint,
            });
        }
        let file = SafetensorsFile::open(path)?;
        let (config, layout) = inferred(&file)?;
        Ok(Self { path: path.to_owned(), config, layout, is_assumed: true, fingerprint })
    }

    /// What it is like. What no tensor tells of a single file is as `unet` is, of which it was made.
    pub(crate) fn config_for(&self, unet: &UNetConfig) -> ControlNetConfig {
        let mut config = self.config.clone();
        if self.is_assumed && config.unet.block_out_channels == unet.block_out_channels {
            config.unet.attention_head_dim.clone_from(&unet.attention_head_dim);
            config.unet.norm_num_groups = unet.norm_num_groups;
            config.unet.norm_eps = unet.norm_eps;
            config.unet.addition_time_embed_dim = unet.addition_time_embed_dim;
        }
        config
    }

    /// What its configuration says, or its tensors tell.
    pub fn config(&self) -> &ControlNetConfig {
        &self.config
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
        let Some(union) = &self.config.union else {
            let message = format!("`{}` is for one kind of control images: leave `#{text}` away", self.name());
            return Err(invalid(message));
        };
        let named = KINDS.iter().position(|names| names.contains(&text));
        let kind = named.or_else(|| text.parse().ok()).filter(|kind| *kind < union.num_control_type);
        kind.ok_or_else(|| {
            let names: Vec<_> = KINDS.iter().take(union.num_control_type).map(|names| names[0]).collect();
            let last = union.num_control_type - 1;
            invalid(format!(
                "`{}` has no kind `{text}`: use {}, or a number from 0 to {last}",
                self.name(),
                names.join(", ")
            ))
        })
    }

    fn tensors(&self, config: &ControlNetConfig) -> Result<Box<dyn TensorSource>> {
        let (label, files) = if self.path.is_dir() {
            open_weights(&self.path)?
        } else {
            (self.path.clone(), vec![Arc::new(SafetensorsFile::open(&self.path)?)])
        };
        let listed = control_net_listing(config, WeightFormat::plain(FloatDType::F32));
        let wanted: Vec<Wanted> = listed
            .into_iter()
            .map(|ListedTensor { name, shape, .. }| wanted(name, shape, config, self.layout))
            .collect();
        let belongs = |name: &str| is_of_a_control_net(name, self.layout);
        Ok(Box::new(ComponentTensors::locate(&label, &files, wanted, belongs)?))
    }

    /// How many numbers it has.
    pub(crate) fn count_numbers(&self) -> u64 {
        let listing = control_net_listing(&self.config, WeightFormat::plain(FloatDType::F32));
        listing.iter().map(|listed| listed.shape.iter().product::<usize>() as u64).sum()
    }

    /// Its parameters as `choice` wants them, packed once where there is a `cache`.
    pub(crate) fn parameters(
        &self,
        config: &ControlNetConfig,
        choice: &DeviceChoice,
        cache: Option<&Cache>,
    ) -> Result<Box<dyn ParameterSource>> {
        let tensors = self.tensors(config)?;
        let packed = cache.filter(|_| choice.has_kernels()).and_then(|cache| {
            let listing = control_net_listing(config, choice.precision.cpu_format());
            cache.packed_as(NAME, listing, tensors.as_ref(), self.fingerprint, choice.precision)
        });
        Ok(match packed {
            Some(packed) => Box::new(packed),
            None => Box::new(tensors),
        })
    }
}
