//! The variational autoencoder between images and latents (diffusers `AutoencoderKL`).

mod decoder;
mod encoder;
mod middle;
mod tiling;
mod tiny;

use burn::tensor::{FloatDType, Tensor};

use crate::config::VaeConfig;
use crate::error::Result;
use crate::network::layers::Conv2d;
use crate::network::parameters::Parameters;
use decoder::Decoder;
use encoder::Encoder;
pub(crate) use tiling::SCALE;
pub(crate) use tiny::TinyDecoder;

/// Images to latents.
pub(crate) struct VaeEncoder {
    encoder: Encoder,
    quant_conv: Option<Conv2d>,
    config: VaeConfig,
    compute: FloatDType,
}

/// Latents to images.
pub(crate) struct VaeDecoder {
    post_quant_conv: Option<Conv2d>,
    decoder: Decoder,
    config: VaeConfig,
    compute: FloatDType,
}

/// The distribution of an image's latents, before scaling: each `[n, 4, h, w]`.
pub(crate) struct Posterior {
    /// The means.
    pub mean: Tensor<4>,
    /// The standard deviations.
    pub deviation: Tensor<4>,
}

impl VaeEncoder {
    /// Builds the encoder of the VAE that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &VaeConfig, compute: FloatDType) -> Result<Self> {
        let parameters = &parameters.exact();
        let moments = 2 * config.latent_channels;
        let quant_conv =
            config.use_quant_conv.then(|| Conv2d::pointwise(&parameters.child("quant_conv"), moments, moments));
        Ok(Self {
            encoder: Encoder::load(&parameters.child("encoder"), config)?,
            quant_conv: quant_conv.transpose()?,
            config: config.clone(),
            compute,
        })
    }

    /// Images `[n, 3, 8h, 8w]` in −1…1 → the distribution of their latents, in f32.
    pub(crate) fn encode(&self, images: Tensor<4>) -> Posterior {
        let moments = if tiling::is_large_image(&images) {
            tiling::encode(images, |tile| self.encode_whole(tile))
        } else {
            self.encode_whole(images)
        };
        let latent = self.config.latent_channels;
        let log_variance = moments.clone().narrow(1, latent, latent).clamp(-30.0, 20.0);
        Posterior { mean: moments.narrow(1, 0, latent), deviation: (log_variance * 0.5).exp() }
    }

    /// Latents as the encoder's distribution gives them → latents as the UNet sees them.
    pub(crate) fn scale(&self, latents: Tensor<4>) -> Tensor<4> {
        match channel_statistics(&self.config, &latents) {
            Some((mean, deviation)) => (latents - mean) * self.config.scaling_factor / deviation,
            None => latents * self.config.scaling_factor,
        }
    }

    fn encode_whole(&self, images: Tensor<4>) -> Tensor<4> {
        let x = self.encoder.forward(images.permute([0, 2, 3, 1]).cast(self.compute));
        let x = match &self.quant_conv {
            Some(conv) => conv.forward(x),
            None => x,
        };
        x.permute([0, 3, 1, 2]).cast(FloatDType::F32)
    }
}

impl VaeDecoder {
    /// Builds the decoder of the VAE that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &VaeConfig, compute: FloatDType) -> Result<Self> {
        let parameters = &parameters.exact();
        let latent = config.latent_channels;
        let post_quant_conv =
            config.use_post_quant_conv.then(|| Conv2d::pointwise(&parameters.child("post_quant_conv"), latent, latent));
        Ok(Self {
            post_quant_conv: post_quant_conv.transpose()?,
            decoder: Decoder::load(&parameters.child("decoder"), config)?,
            config: config.clone(),
            compute,
        })
    }

    /// Scaled `latents` `[n, 4, h, w]` → images `[n, 3, 8h, 8w]` in −1…1, in f32.
    pub(crate) fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        let latents = self.unscale(latents);
        if tiling::is_large(&latents) {
            return tiling::decode(latents, |tile| self.decode_whole(tile));
        }
        self.decode_whole(latents)
    }

    fn unscale(&self, latents: Tensor<4>) -> Tensor<4> {
        match channel_statistics(&self.config, &latents) {
            Some((mean, deviation)) => latents * deviation / self.config.scaling_factor + mean,
            None => latents / self.config.scaling_factor,
        }
    }

    fn decode_whole(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut x = latents.permute([0, 2, 3, 1]).cast(self.compute);
        if let Some(conv) = &self.post_quant_conv {
            x = conv.forward(x);
        }
        self.decoder.forward(x).permute([0, 3, 1, 2]).cast(FloatDType::F32)
    }
}

/// `latents_mean` and `latents_std`, each `[1, 4, 1, 1]`, if the model has them.
fn channel_statistics(config: &VaeConfig, like: &Tensor<4>) -> Option<(Tensor<4>, Tensor<4>)> {
    let (mean, deviation) = (config.latents_mean.as_ref()?, config.latents_std.as_ref()?);
    let tensor =
        |values: &[f32]| Tensor::<1>::from_floats(values, &like.device()).reshape([1, config.latent_channels, 1, 1]);
    Some((tensor(mean), tensor(deviation)))
}
