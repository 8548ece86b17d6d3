//! Names and shapes of every tensor that a model's modules ask for, without allocating any.

use std::sync::Mutex;

use burn::tensor::{Device, FloatDType};

use crate::config::{ModelConfigs, TextEncoderConfig, TinyVaeConfig, UNetConfig, VaeConfig};
use crate::error::Result;
use crate::packing::Listed;
use crate::parameters::{Origin, Parameters, WeightFormat};
use crate::text_encoder::TextEncoder;
use crate::unet::UNet;
use crate::vae::{TinyDecoder, VaeDecoder, VaeEncoder};
use crate::weights::Component;

/// Name and shape of each tensor of a component, in the order in which it is built.
pub type Manifest = Vec<(String, Vec<usize>)>;

/// As checkpoints have them.
const PLAIN: WeightFormat = WeightFormat { numbers: FloatDType::F32, packing: None };

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

/// The tensors of `component` and the forms in which its modules ask for them; none if it has no configuration.
pub(crate) fn listing(component: Component, configs: &ModelConfigs, format: WeightFormat) -> Vec<Listed> {
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

fn list_text_encoder(config: &TextEncoderConfig, with_projection: bool, format: WeightFormat) -> Vec<Listed> {
    listed(format, |parameters| TextEncoder::load(parameters, config, with_projection, FloatDType::F32).map(drop))
}

fn list_unet(config: &UNetConfig, format: WeightFormat) -> Vec<Listed> {
    listed(format, |parameters| UNet::load(parameters, config, FloatDType::F32).map(drop))
}

fn list_vae(config: &VaeConfig, format: WeightFormat) -> Vec<Listed> {
    listed(format, |parameters| {
        VaeEncoder::load(parameters, config, FloatDType::F32)?;
        VaeDecoder::load(parameters, config, FloatDType::F32).map(drop)
    })
}

fn names(listing: Vec<Listed>) -> Manifest {
    listing.into_iter().map(|listed| (listed.name, listed.shape)).collect()
}

/// The tensors of a tiny VAE's decoder.
pub fn tiny_vae_manifest(config: &TinyVaeConfig) -> Manifest {
    names(listed(PLAIN, |parameters| TinyDecoder::load(parameters, config, FloatDType::F32).map(drop)))
}

/// What `build` asks for: the modules' own constructors are the one list of names and shapes.
fn listed(format: WeightFormat, build: impl FnOnce(&Parameters) -> Result<()>) -> Vec<Listed> {
    let origin = Origin::Manifest(Mutex::default());
    let built = build(&Parameters::new(&origin, &Device::flex(), format));
    debug_assert!(built.is_ok(), "listing names reads nothing that could fail");
    match origin {
        Origin::Manifest(entries) => entries.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()),
        Origin::Files(_) | Origin::Packed(_) | Origin::Random(_) => Vec::new(),
    }
}
