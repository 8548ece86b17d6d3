//! Latents to image by a tiny VAE: convolutions and no norms, about a twentieth of the VAE's work (diffusers
//! `DecoderTiny`).

use burn::tensor::activation::{relu, tanh};
use burn::tensor::{FloatDType, Tensor};

use super::tiling;
use crate::config::TinyVaeConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, UpsampleConv2d};
use crate::network::parameters::Parameters;

/// Latents beyond this size are pressed towards it.
const LARGEST_LATENT: f64 = 3.0;

/// The decoder of a tiny VAE.
pub(crate) struct TinyDecoder {
    conv_in: Conv2d,
    levels: Vec<TinyLevel>,
    conv_out: Conv2d,
    scaling_factor: f64,
    compute: FloatDType,
}

/// Residual blocks; then, except at the finest level, an upsampling convolution.
struct TinyLevel {
    blocks: Vec<TinyBlock>,
    upsampler: Option<UpsampleConv2d>,
}

/// Three convolutions beside a shortcut (diffusers `AutoencoderTinyBlock`).
struct TinyBlock([Conv2d; 3]);

impl TinyDecoder {
    /// Builds the decoder that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &TinyVaeConfig, compute: FloatDType) -> Result<Self> {
        let channels = config.channels;
        let layers = parameters.exact().child("decoder.layers");
        let conv_in = Conv2d::same(&layers.child(0), 4, channels)?;
        // The layers are numbered through, those without weights too: here the first activation.
        let mut next = 2;
        let mut levels = Vec::new();
        let finest = config.num_decoder_blocks.len() - 1;
        for (level, &count) in config.num_decoder_blocks.iter().enumerate() {
            let blocks = (next..next + count).map(|index| TinyBlock::load(&layers.child(index), channels));
            let blocks = blocks.collect::<Result<_>>()?;
            next += count;
            let upsampler = if level < finest {
                next += 2;
                Some(UpsampleConv2d::load_without_bias(&layers.child(next - 1), channels)?)
            } else {
                None
            };
            levels.push(TinyLevel { blocks, upsampler });
        }
        let conv_out = Conv2d::same(&layers.child(next), channels, 3)?;
        Ok(Self { conv_in, levels, conv_out, scaling_factor: config.scaling_factor, compute })
    }

    /// Latents as the UNet sees them, `[n, 4, h, w]` → images `[n, 3, 8h, 8w]` in about −1…1, in f32.
    pub(crate) fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        if tiling::is_large(&latents) {
            return tiling::decode(latents, |tile| self.decode_whole(tile));
        }
        self.decode_whole(latents)
    }

    fn decode_whole(&self, latents: Tensor<4>) -> Tensor<4> {
        let latents = latents.permute([0, 2, 3, 1]).cast(self.compute) / self.scaling_factor;
        let mut x = relu(self.conv_in.forward(tanh(latents / LARGEST_LATENT) * LARGEST_LATENT));
        for level in &self.levels {
            for block in &level.blocks {
                x = block.forward(x);
            }
            if let Some(conv) = &level.upsampler {
                let [_, h, w, _] = x.dims();
                x = conv.forward(x, 2 * h, 2 * w);
            }
        }
        self.conv_out.forward(x).permute([0, 3, 1, 2]).cast(FloatDType::F32) * 2.0 - 1.0
    }
}

impl TinyBlock {
    fn load(parameters: &Parameters, channels: usize) -> Result<Self> {
        // Activations lie between the convolutions.
        let conv = |index: usize| Conv2d::same(&parameters.child(format_args!("conv.{index}")), channels, channels);
        Ok(Self([conv(0)?, conv(2)?, conv(4)?]))
    }

    /// `[n, h, w, channels]` → the same shape.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [first, second, third] = &self.0;
        let hidden = relu(second.forward(relu(first.forward(x.clone()))));
        relu(third.forward_onto(hidden, x))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{DType, Device, TensorData};
    use safetensors::SafeTensors;

    use super::*;
    use crate::precision::Precision;
    use crate::weights::TinyVaeFiles;

    #[test]
    fn the_image_is_the_reference_implementations() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiny_vae");
        let bytes = std::fs::read(folder.join("case.safetensors")).expect("the case is there");
        let case = SafeTensors::deserialize(&bytes).expect("the case is well formed");
        let read = |name| {
            let view = case.tensor(name).expect("the case has it");
            let bytes: &[[u8; 4]] = view.data().as_chunks().0;
            let numbers: Vec<f32> = bytes.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let shape: [usize; 4] = view.shape().try_into().expect("four axes");
            (numbers, shape)
        };
        let files = TinyVaeFiles::open(&folder).expect("the tiny VAE opens");
        let tensors = files.tensors().expect("its tensors are there");
        let ((latents, shape), (expected, image)) = (read("latents"), read("picture"));
        let device = Device::flex();
        let parameters = Parameters::new(&tensors, &device, Precision::F32.cpu_format());
        let decoder = TinyDecoder::load(&parameters, files.config(), FloatDType::F32).expect("it is built");
        let latents = Tensor::from_data(TensorData::new(latents, shape), (&device, DType::F32));
        let found = decoder.decode(latents);
        assert_eq!(found.dims(), image);
        let found = found.into_data().try_into_vec::<f32>().expect("f32");
        let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-5, "{difference}");
    }
}
