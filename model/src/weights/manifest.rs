//! Names and shapes of every tensor that a model's modules ask for, without allocating any.

use std::cell::RefCell;

use burn::tensor::{Device, FloatDType, TensorData};

use super::Component;
use crate::config::{ImageEncoderConfig, ModelConfigs, TextEncoderConfig, TinyVaeConfig, UNetConfig, VaeConfig};
use crate::error::Result;
use crate::network::image_encoder::ImageEncoder;
use crate::network::image_projection::{ImageProjection, ImageProjectionShape};
use crate::network::parameters::{ParameterSource, Parameters};
use crate::network::steering::{SteeringConfig, SteeringNetwork};
use crate::network::text_encoder::TextEncoder;
use crate::network::unet::UNet;
use crate::network::vae::{TinyDecoder, VaeDecoder, VaeEncoder};
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};
use crate::precision::WeightFormat;

/// Name and shape of each tensor of a component, in the order in which it is built.
pub type Manifest = Vec<(String, Vec<usize>)>;

/// As checkpoints have them.
const PLAIN: WeightFormat = WeightFormat::plain(FloatDType::F32);

/// One tensor that a module asks for, and in which form.
pub(super) struct ListedTensor {
    /// Its name in the checkpoint.
    pub(super) name: String,
    /// Its shape in the checkpoint.
    pub(super) shape: Vec<usize>,
    pub(super) form: TensorForm,
}

/// How a module holds a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TensorForm {
    /// As it is.
    Plain(FloatDType),
    /// A packed matrix.
    Matrix(PackedShape),
    /// A matrix packed a second time, for the kernel that upsamples and convolves in one.
    Upsample(Arithmetic),
}

/// Has no numbers: names and shapes are written down, and nothing is allocated.
#[derive(Default)]
struct ManifestSource(RefCell<Vec<ListedTensor>>);

impl ManifestSource {
    fn add(&self, name: &str, shape: &[usize], form: TensorForm) {
        self.0.borrow_mut().push(ListedTensor { name: name.to_owned(), shape: shape.to_vec(), form });
    }
}

impl ParameterSource for ManifestSource {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        self.add(name, shape, TensorForm::Plain(dtype));
        Ok(None)
    }

    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        self.add(name, shape, TensorForm::Matrix(packed));
        Ok(None)
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        self.add(name, shape, TensorForm::Upsample(arithmetic));
        Ok(None)
    }
}

/// The tensors of `component`; none if it has no configuration.
pub fn manifest(component: Component, configs: &ModelConfigs) -> Manifest {
    names(listing(component, configs, PLAIN))
}

/// The tensors of a text encoder; `with_projection` for the second one.
pub fn text_encoder_manifest(config: &TextEncoderConfig, with_projection: bool) -> Manifest {
    names(list_text_encoder(config, with_projection, PLAIN))
}

/// The tensors of a UNet.
pub fn unet_manifest(config: &UNetConfig) -> Manifest {
    names(list_unet(config, PLAIN))
}

/// The tensors of a VAE.
pub fn vae_manifest(config: &VaeConfig) -> Manifest {
    names(list_vae(config, PLAIN))
}

/// The tensors of a tiny VAE's decoder.
pub fn tiny_vae_manifest(config: &TinyVaeConfig) -> Manifest {
    names(listed(PLAIN, |parameters| TinyDecoder::load(parameters, config, FloatDType::F32).map(drop)))
}

/// The tensors of `component` and the forms in which its modules ask for them; none if it has no configuration.
pub(super) fn listing(component: Component, configs: &ModelConfigs, format: WeightFormat) -> Vec<ListedTensor> {
    let text_encoder = |config: &Option<TextEncoderConfig>, with_projection| {
        config.as_ref().map(|config| list_text_encoder(config, with_projection, format))
    };
    match component {
        Component::TextEncoder => text_encoder(&configs.text_encoder, false),
        Component::TextEncoder2 => text_encoder(&configs.text_encoder_2, true),
        Component::UNet => Some(list_unet(&configs.unet, format)),
        Component::Vae => configs.vae.as_ref().map(|config| list_vae(config, format)),
    }
    .unwrap_or_default()
}

/// The tensors of a network that steers and the forms in which its modules ask for them.
pub(super) fn steering_listing(config: &SteeringConfig, format: WeightFormat) -> Vec<ListedTensor> {
    listed(format, |parameters| SteeringNetwork::load(parameters, config, FloatDType::F32).map(drop))
}

/// The tensors of an image encoder and the forms in which its modules ask for them.
pub(super) fn image_encoder_listing(config: &ImageEncoderConfig, format: WeightFormat) -> Vec<ListedTensor> {
    listed(format, |parameters| ImageEncoder::load(parameters, config, FloatDType::F32).map(drop))
}

/// The tensors of an image projection whose tokens are `context` wide, and the forms in which its modules ask for them.
pub(super) fn image_projection_listing(
    shape: ImageProjectionShape,
    context: usize,
    format: WeightFormat,
) -> Vec<ListedTensor> {
    listed(format, |parameters| ImageProjection::load(parameters, shape, context, FloatDType::F32).map(drop))
}

fn list_text_encoder(config: &TextEncoderConfig, with_projection: bool, format: WeightFormat) -> Vec<ListedTensor> {
    listed(format, |parameters| TextEncoder::load(parameters, config, with_projection, FloatDType::F32).map(drop))
}

fn list_unet(config: &UNetConfig, format: WeightFormat) -> Vec<ListedTensor> {
    listed(format, |parameters| UNet::load(parameters, config, FloatDType::F32).map(drop))
}

fn list_vae(config: &VaeConfig, format: WeightFormat) -> Vec<ListedTensor> {
    listed(format, |parameters| {
        VaeEncoder::load(parameters, config, FloatDType::F32)?;
        VaeDecoder::load(parameters, config, FloatDType::F32).map(drop)
    })
}

fn names(listing: Vec<ListedTensor>) -> Manifest {
    listing.into_iter().map(|listed| (listed.name, listed.shape)).collect()
}

/// What `build` asks for: the modules' own constructors are the one list of names and shapes.
fn listed(format: WeightFormat, build: impl FnOnce(&Parameters) -> Result<()>) -> Vec<ListedTensor> {
    let listing = ManifestSource::default();
    let built = build(&Parameters::new(&listing, &Device::flex(), format));
    debug_assert!(built.is_ok(), "listing names reads nothing that could fail");
    listing.0.into_inner()
}
