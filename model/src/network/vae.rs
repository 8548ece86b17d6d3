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
        let parameters = &parameters.exact_but_sums();
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
        let parameters = &parameters.exact_but_sums();
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{DType, Device};

    use super::*;
    use crate::precision::Precision;
    use crate::weights::{Component, ModelFiles};

    /// An image with edges, slopes and fine lines, `[1, 3, side, side]` in −1…1.
    fn patterned(side: usize, device: &Device) -> Tensor<4> {
        let number = |index: usize| {
            let (channel, row, column) = (index / (side * side), index / side % side, index % side);
            let (y, x) = (row as f32 / side as f32 - 0.5, column as f32 / side as f32 - 0.5);
            let is_inside = x * x + y * y < 0.1;
            let slope = [x, y, -x][channel];
            let lines = if row > side / 2 { 0.2 * (column as f32 * 0.9).sin() } else { 0.0 };
            (if is_inside { 0.6 - channel as f32 * 0.5 } else { slope }) + lines
        };
        let numbers: Vec<f32> = (0..3 * side * side).map(number).collect();
        Tensor::<1>::from_data(numbers.as_slice(), (device, DType::F32)).reshape([1, 3, side, side])
    }

    /// Rounding costs nothing that can be seen, neither on the way to latents nor back.
    #[test]
    fn every_precision_decodes_and_encodes_the_same() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/base");
        let files = ModelFiles::open(&demo).expect("the demo model opens");
        let tensors = files.component(Component::Vae).expect("it can be read").expect("it has a VAE");
        let device = Device::flex();
        let config = files.configs().vae.as_ref().expect("it says of what kind");
        let of = |precision: Precision| {
            let parameters = Parameters::new(&tensors, &device, precision.cpu_format());
            let compute = precision.dtype();
            let encoder = VaeEncoder::load(&parameters, config, compute).expect("it is built");
            (encoder, VaeDecoder::load(&parameters, config, compute).expect("it is built"))
        };
        let (encoder, decoder) = of(Precision::F32);
        let image = patterned(256, &device);
        let latents = encoder.encode(image.clone()).mean;
        let levels = |latents: &Tensor<4>, decoder: &VaeDecoder, encoder: &VaeEncoder| {
            decoder.decode(encoder.scale(latents.clone())).clamp(-1.0, 1.0) * 127.5
        };
        let exact = levels(&latents, &decoder, &encoder);
        for precision in [Precision::Bf16, Precision::Int8] {
            let (narrow_encoder, narrow_decoder) = of(precision);
            let found = levels(&latents, &narrow_decoder, &encoder);
            let difference = (found - exact.clone()).abs();
            let (mean, worst): (f32, f32) = (difference.clone().mean().into_scalar(), difference.max().into_scalar());
            println!("decoding in {precision}: mean {mean:.3} levels, worst {worst:.2}");
            assert!(mean < 0.5 && worst < 8.0, "decoding in {precision}: mean {mean} levels, worst {worst}");
            let again = levels(&narrow_encoder.encode(image.clone()).mean, &decoder, &encoder);
            let difference = (again - exact.clone()).abs();
            let (mean, worst): (f32, f32) = (difference.clone().mean().into_scalar(), difference.max().into_scalar());
            println!("encoding in {precision}: mean {mean:.3} levels, worst {worst:.2}");
            assert!(mean < 0.5 && worst < 8.0, "encoding in {precision}: mean {mean} levels, worst {worst}");
        }
    }
}
