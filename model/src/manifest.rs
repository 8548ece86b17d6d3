//! Names and shapes of every tensor that a model's modules ask for, without allocating any.

use std::sync::Mutex;

use burn::tensor::{Device, FloatDType};

use crate::config::{ModelConfigs, TextEncoderConfig, TinyVaeConfig, UNetConfig, VaeConfig};
use crate::error::Result;
use crate::parameters::{Origin, Parameters};
use crate::text_encoder::TextEncoder;
use crate::unet::UNet;
use crate::vae::{TinyDecoder, Vae};
use crate::weights::Component;

/// Name and shape of each tensor of a component, in the order in which it is built.
pub type Manifest = Vec<(String, Vec<usize>)>;

/// The tensors of `component`; none if it has no configuration.
pub fn manifest(component: Component, configs: &ModelConfigs) -> Manifest {
    match component {
        Component::TextEncoder => configs.text_encoder.as_ref().map(|config| text_encoder_manifest(config, false)),
        Component::TextEncoder2 => configs.text_encoder_2.as_ref().map(|config| text_encoder_manifest(config, true)),
        Component::UNet => Some(unet_manifest(&configs.unet)),
        Component::Vae => configs.vae.as_ref().map(vae_manifest),
    }
    .unwrap_or_default()
}

/// The tensors of a text encoder; `with_projection` for the second one.
pub fn text_encoder_manifest(config: &TextEncoderConfig, with_projection: bool) -> Manifest {
    listed(|parameters| TextEncoder::load(parameters, config, with_projection, FloatDType::F32).map(drop))
}

/// The tensors of a UNet.
pub fn unet_manifest(config: &UNetConfig) -> Manifest {
    listed(|parameters| UNet::load(parameters, config, FloatDType::F32).map(drop))
}

/// The tensors of a VAE.
pub fn vae_manifest(config: &VaeConfig) -> Manifest {
    listed(|parameters| Vae::load(parameters, config, FloatDType::F32).map(drop))
}

/// The tensors of a tiny VAE's decoder.
pub fn tiny_vae_manifest(config: &TinyVaeConfig) -> Manifest {
    listed(|parameters| TinyDecoder::load(parameters, config, FloatDType::F32).map(drop))
}

/// What `build` asks for: the modules' own constructors are the one list of names and shapes.
fn listed(build: impl FnOnce(&Parameters) -> Result<()>) -> Manifest {
    let origin = Origin::Manifest(Mutex::default());
    let built = build(&Parameters::new(&origin, &Device::flex(), FloatDType::F32));
    debug_assert!(built.is_ok(), "listing names reads nothing that could fail");
    match origin {
        Origin::Manifest(entries) => entries.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()),
        Origin::Files(_) | Origin::Random(_) => Manifest::new(),
    }
}
