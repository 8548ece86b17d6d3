//! IP-Adapters on disk (Ye et al. 2023): an image projection, and keys and values for the UNet's cross-attention.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::FloatDType;

use super::component_tensors::{ComponentTensors, Wanted};
use super::manifest::{ListedTensor, image_projection_listing};
use super::other_model::kind;
use super::safetensors::shorten;
use super::{Fingerprint, SafetensorsFile, TensorSource, Transform};
use crate::config::UNetConfig;
use crate::error::{Error, Result};
use crate::network::image_projection::ImageProjectionShape;
use crate::network::parameters::ParameterSource;
use crate::network::unet::transformer_blocks;
use crate::precision::WeightFormat;

/// Tokens of the plain adapter's image.
const TOKENS: usize = 4;
/// Width of a head of the resampler's attention.
const HEAD: usize = 64;
/// More than any adapter has of anything.
const LARGEST: usize = 65_536;

/// An IP-Adapter for SDXL: what lets a UNet be prompted with images.
#[derive(Debug)]
pub struct IpAdapter {
    file: Arc<SafetensorsFile>,
    shape: ImageProjectionShape,
    /// Width of the tokens that it makes.
    context: usize,
    fingerprint: Fingerprint,
}

impl PartialEq for IpAdapter {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl IpAdapter {
    /// Opens the `.safetensors` file at `path`: a plain adapter, or a plus one. Whether it fits a model shows when a
    /// generation with it starts.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] if it is no such adapter, saying what it is instead.
    pub fn open(path: &Path) -> Result<Self> {
        let file = SafetensorsFile::open(path)?;
        let (shape, context) = shape(&file)?;
        let fingerprint = Fingerprint::of_file(&file)?;
        Ok(Self { file: Arc::new(file), shape, context, fingerprint })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its name: the file's, without the ending.
    pub fn name(&self) -> String {
        self.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What tells its weights from others.
    pub fn digest(&self) -> String {
        self.fingerprint.to_string()
    }

    /// How many numbers it has.
    pub fn count_numbers(&self) -> u64 {
        let entries = self.file.header().tensors.values();
        entries.map(|entry| entry.shape.iter().product::<usize>() as u64).sum()
    }

    pub(crate) fn shape(&self) -> ImageProjectionShape {
        self.shape
    }

    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// Its parameters for a UNet like `unet`, each with the name and the shape that it has in the file.
    ///
    /// # Errors
    /// [`Error::Weights`] if it is for another UNet.
    pub(crate) fn parameters(&self, unet: &UNetConfig) -> Result<Box<dyn ParameterSource>> {
        let listing =
            image_projection_listing(self.shape, self.context, WeightFormat::plain(FloatDType::F32)).into_iter();
        let mut wanted: Vec<Wanted> = listing.map(|ListedTensor { name, shape, .. }| same(name, shape)).collect();
        for (index, (_, width)) in transformer_blocks(unet).into_iter().enumerate() {
            for part in ["k", "v"] {
                wanted.push(same(format!("{}.to_{part}_ip.weight", attention_name(index)), vec![width, self.context]));
            }
        }
        let misfit = |message: String| Error::Weights { file: self.path().to_owned(), tensor: None, message };
        if self.context != unet.cross_attention_dim {
            return Err(misfit(format!(
                "makes tokens {} wide, and the model attends to {}: it is for another model than this",
                self.context, unet.cross_attention_dim
            )));
        }
        let found = self.file.header().tensors.keys().filter(|name| name.ends_with(".to_k_ip.weight")).count();
        let needed = wanted.iter().filter(|wanted| wanted.name.ends_with(".to_k_ip.weight")).count();
        if found != needed {
            return Err(misfit(format!(
                "has keys for {found} attention layers, and the model has {needed}: it is for another model than this"
            )));
        }
        let label: PathBuf = self.path().to_owned();
        let tensors = ComponentTensors::locate(&label, std::slice::from_ref(&self.file), wanted, |_| true)?;
        Ok(Box::new(Box::new(tensors) as Box<dyn TensorSource>))
    }
}

/// What the file calls the cross-attention number `index`: self-attention has the even numbers.
pub(crate) fn attention_name(index: usize) -> String {
    format!("ip_adapter.{}", 2 * index + 1)
}

fn same(name: String, shape: Vec<usize>) -> Wanted {
    let candidates = vec![(name.clone(), Transform::Same)];
    Wanted { name, shape, candidates }
}

/// The image projection in `file`, and how wide its tokens are.
fn shape(file: &SafetensorsFile) -> Result<(ImageProjectionShape, usize)> {
    let tensors = &file.header().tensors;
    let refused =
        |message: &str| Error::Weights { file: file.path().to_owned(), tensor: None, message: message.to_owned() };
    let has = |name: &str| tensors.contains_key(name);
    let axes = |name: &str| tensors.get(name).map(|entry| entry.shape.as_slice());
    if !tensors.keys().any(|name| name.starts_with("ip_adapter.")) {
        let found = kind(tensors).unwrap_or("of none of the kinds that Easel knows");
        return Err(refused(&format!("is {found}, and no IP-Adapter")));
    }
    if has("image_proj.perceiver_resampler.proj_in.weight")
        || has("image_proj.norm.weight") && has("image_proj.proj.2.weight")
    {
        return Err(refused(
            "is an IP-Adapter FaceID, which needs a face recognition model beside it and is not supported: get \
             ip-adapter-plus-face_sdxl_vit-h",
        ));
    }
    let context = axes("ip_adapter.1.to_k_ip.weight").and_then(|axes| axes.get(1)).copied();
    let found = match (axes("image_proj.proj.weight"), axes("image_proj.latents")) {
        (Some(&[rows, input]), _) => Some((ImageProjectionShape::Linear { input, tokens: TOKENS }, rows / TOKENS)),
        (None, Some(&[1, tokens, width])) => resampler(&axes, tokens, width),
        _ => None,
    };
    let Some((shape, made)) = found else {
        let first = tensors.keys().find(|name| name.starts_with("image_proj.")).map(|name| shorten(name));
        return Err(refused(&format!(
            "is an IP-Adapter of a kind that is not supported ({}): get a plain or a plus one for SDXL",
            first.map_or_else(|| "it has no image projection".to_owned(), |name| format!("it has `{name}`"))
        )));
    };
    if context == Some(768) {
        return Err(refused("is an IP-Adapter for Stable Diffusion 1: get the one for SDXL"));
    }
    let (ImageProjectionShape::Linear { input, .. } | ImageProjectionShape::Resampler { input, .. }) = shape;
    if !(1..=LARGEST).contains(&input)
        || !(1..=LARGEST).contains(&made)
        || context.is_some_and(|context| context != made)
    {
        return Err(refused("is an IP-Adapter whose tensors do not go together: get the file again"));
    }
    Ok((shape, made))
}

/// A plus adapter's image projection.
fn resampler<'a>(
    axes: &impl Fn(&str) -> Option<&'a [usize]>,
    tokens: usize,
    width: usize,
) -> Option<(ImageProjectionShape, usize)> {
    let axis = |name: &str, axis: usize| {
        axes(name).and_then(|axes| axes.get(axis).copied()).filter(|length| (1..=LARGEST).contains(length))
    };
    let inner = axis("image_proj.layers.0.0.to_q.weight", 0)?;
    let depth = (0..64).take_while(|index| axes(&format!("image_proj.layers.{index}.0.to_q.weight")).is_some()).count();
    let is_sound = inner.is_multiple_of(HEAD) && (1..=1024).contains(&tokens) && (1..=LARGEST).contains(&width);
    let shape = ImageProjectionShape::Resampler {
        input: axis("image_proj.proj_in.weight", 1)?,
        tokens,
        width,
        inner,
        feed_forward: axis("image_proj.layers.0.1.1.weight", 0)?,
        depth,
    };
    is_sound.then_some((shape, axis("image_proj.proj_out.weight", 0)?))
}
