//! Image encoders on disk: a folder as transformers saves one, or a single file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::FloatDType;

use super::component_tensors::{ComponentTensors, Wanted};
use super::folder::{LONGEST_CONFIG, open_weights};
use super::manifest::{ListedTensor, image_encoder_listing};
use super::other_model::kind;
use super::safetensors::read_text;
use super::{Cache, Fingerprint, SafetensorsFile, TensorSource, Transform};
use crate::config::{HiddenAct, ImageEncoderConfig};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::precision::WeightFormat;

const NAME: &str = "image_encoder";
/// Where models of IP-Adapter keep theirs.
const INNER: [&str; 2] = ["image_encoder", "models/image_encoder"];
/// Known by their width: OpenAI's ViT-L, OpenCLIP's ViT-H and ViT-bigG.
const KNOWN: [(usize, HiddenAct); 3] = [(1024, HiddenAct::QuickGelu), (1280, HiddenAct::Gelu), (1664, HiddenAct::Gelu)];
const HEADS: usize = 16;

/// A CLIP image encoder, which image prompts are read with.
#[derive(Debug, Clone)]
pub struct ImageEncoderFiles {
    path: PathBuf,
    config: ImageEncoderConfig,
    fingerprint: Fingerprint,
}

impl PartialEq for ImageEncoderFiles {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl ImageEncoderFiles {
    /// Opens a folder with `config.json` and weights, one that has it as `image_encoder`, or a single `.safetensors` file of
    /// ViT-L, ViT-H or ViT-bigG with transformers' names.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Config`] or [`Error::Weights`] naming the file, and the field or tensor in it.
    pub fn open(path: &Path) -> Result<Self> {
        let mut path = path.to_owned();
        if path.is_dir() && !path.join("config.json").is_file() {
            let inner = INNER.iter().map(|inner| path.join(inner)).find(|inner| inner.join("config.json").is_file());
            path = inner.ok_or_else(|| Error::Config {
                file: path.clone(),
                message:
                    "has no config.json, so it is not an image encoder's folder; name the folder `image_encoder` of a \
                          model of IP-Adapter, or a .safetensors file"
                        .to_owned(),
            })?;
        }
        let config = if path.is_dir() {
            let file = path.join("config.json");
            ImageEncoderConfig::from_json(&read_text(&file, LONGEST_CONFIG)?, &file)?
        } else {
            inferred(&SafetensorsFile::open(&path)?)?
        };
        let mut files = Self { path, config, fingerprint: Fingerprint::of_text("") };
        let weights = Fingerprint::of_tensors(files.tensors()?.as_ref())?;
        files.fingerprint = Fingerprint::of_text(&format!("{:?}\n{weights}", files.config));
        Ok(files)
    }

    /// What its configuration says.
    pub fn config(&self) -> &ImageEncoderConfig {
        &self.config
    }

    /// Its folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells its weights from others.
    pub fn digest(&self) -> String {
        self.fingerprint.to_string()
    }

    /// How many numbers it has.
    pub fn count_numbers(&self) -> u64 {
        let listing = image_encoder_listing(&self.config, WeightFormat::plain(FloatDType::F32));
        listing.iter().map(|listed| listed.shape.iter().product::<usize>() as u64).sum()
    }

    fn tensors(&self) -> Result<Box<dyn TensorSource>> {
        let (label, files) = if self.path.is_dir() {
            open_weights(&self.path)?
        } else {
            (self.path.clone(), vec![Arc::new(SafetensorsFile::open(&self.path)?)])
        };
        let listing = image_encoder_listing(&self.config, WeightFormat::plain(FloatDType::F32));
        let wanted = listing.into_iter().map(|ListedTensor { name, shape, .. }| {
            let candidates = vec![(name.clone(), Transform::Same)];
            Wanted { name, shape, candidates }
        });
        let belongs = |name: &str| name.starts_with("vision_model.") && !name.ends_with("position_ids");
        Ok(Box::new(ComponentTensors::locate(&label, &files, wanted.collect(), belongs)?))
    }

    /// Its parameters as `choice` wants them, packed once where there is a `cache`.
    pub(crate) fn parameters(&self, choice: &DeviceChoice, cache: Option<&Cache>) -> Result<Box<dyn ParameterSource>> {
        let tensors = self.tensors()?;
        let packed = cache.filter(|_| choice.has_kernels()).and_then(|cache| {
            let listing = image_encoder_listing(&self.config, choice.precision.cpu_format());
            cache.packed_as(NAME, listing, tensors.as_ref(), self.fingerprint, choice.precision)
        });
        Ok(match packed {
            Some(packed) => Box::new(packed),
            None => Box::new(tensors),
        })
    }
}

/// The configuration of the image encoder in `file`.
fn inferred(file: &SafetensorsFile) -> Result<ImageEncoderConfig> {
    let tensors = &file.header().tensors;
    let refused = |message: String| Error::Weights { file: file.path().to_owned(), tensor: None, message };
    let shape = |name: &str| tensors.get(name).map(|entry| entry.shape.as_slice());
    let (Some(&[hidden]), Some(&[positions, _]), Some(&[_, _, patch, _])) = (
        shape("vision_model.embeddings.class_embedding"),
        shape("vision_model.embeddings.position_embedding.weight"),
        shape("vision_model.embeddings.patch_embedding.weight"),
    ) else {
        let found = kind(tensors).unwrap_or("of none of the kinds that Easel knows");
        return Err(refused(format!("is {found}, and no CLIP image encoder with transformers' names")));
    };
    let known = KNOWN.into_iter().find(|(width, _)| *width == hidden);
    let (_, hidden_act) = known.ok_or_else(|| {
        refused(format!("is an image encoder of a kind that is not known by its width of {hidden}: name its folder, with config.json"))
    })?;
    let layer = |index: usize| format!("vision_model.encoder.layers.{index}.mlp.fc1.weight");
    let odd = || refused("is an image encoder whose tensors do not go together: get the file again".to_owned());
    let inner = shape(&layer(0)).and_then(|shape| shape.first().copied()).filter(|inner| (1..=65_536).contains(inner));
    let projection = shape("visual_projection.weight").and_then(|shape| shape.first().copied());
    let projection = projection.filter(|width| (1..=16_384).contains(width));
    let side = positions.checked_sub(1).map_or(0, usize::isqrt);
    let layers = (0..128).take_while(|&index| shape(&layer(index)).is_some()).count();
    if side * side + 1 != positions || !(1..=1024).contains(&side.saturating_mul(patch)) || layers < 2 {
        return Err(odd());
    }
    let config = ImageEncoderConfig {
        hidden_size: hidden,
        intermediate_size: inner.ok_or_else(odd)?,
        num_hidden_layers: layers,
        num_attention_heads: HEADS,
        image_size: side * patch,
        patch_size: patch,
        projection_dim: projection.ok_or_else(odd)?,
        hidden_act,
        layer_norm_eps: 1e-5,
    };
    config.check(file.path())?;
    Ok(config)
}
