//! Latents to picture (diffusers `Decoder`).

use burn::tensor::Tensor;
use easel_kernels::release_buffers;

use super::NORM_EPSILON;
use super::middle::Middle;
use crate::bands::{Bands, Picture, with_neighbours};
use crate::config::VaeConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, UpsampleConv2d};
use crate::parameters::Parameters;
use crate::resnet::ResnetBlock;

pub(super) struct Decoder {
    conv_in: Conv2d,
    mid_block: Middle,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// Large levels are computed in bands of rows where memory is a CPU's.
    bands: Option<Bands>,
}

struct UpBlock {
    resnets: Vec<ResnetBlock>,
    upsampler: Option<UpsampleConv2d>,
}

impl Decoder {
    pub(super) fn load(parameters: &Parameters, config: &VaeConfig) -> Result<Self> {
        let channels: Vec<_> = config.block_out_channels.iter().rev().copied().collect();
        let (coarsest, finest) = (channels[0], channels[channels.len() - 1]);
        let groups = config.norm_num_groups;
        let mut up_blocks = Vec::new();
        for (index, &output) in channels.iter().enumerate() {
            let parameters = parameters.child(format_args!("up_blocks.{index}"));
            let input = channels[index.saturating_sub(1)];
            let resnet = |layer: usize| {
                let input = if layer == 0 { input } else { output };
                let parameters = parameters.child(format_args!("resnets.{layer}"));
                ResnetBlock::load(&parameters, input, output, None, groups, NORM_EPSILON)
            };
            up_blocks.push(UpBlock {
                resnets: (0..=config.layers_per_block).map(resnet).collect::<Result<_>>()?,
                upsampler: (index + 1 < channels.len())
                    .then(|| UpsampleConv2d::load(&parameters.child("upsamplers.0.conv"), output))
                    .transpose()?,
            });
        }
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in"), config.latent_channels, coarsest)?,
            mid_block: Middle::load(&parameters.child("mid_block"), config, coarsest)?,
            up_blocks,
            conv_norm_out: GroupNorm::load(&parameters.child("conv_norm_out"), groups, finest, NORM_EPSILON)?,
            conv_out: Conv2d::same(&parameters.child("conv_out"), finest, config.out_channels)?,
            bands: parameters.has_kernels().then(Bands::default),
        })
    }

    /// `[n, h, w, 4]` → `[n, 8h, 8w, 3]`.
    pub(super) fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(self.conv_in.forward(latents));
        let mut upsampler: Option<&UpsampleConv2d> = None;
        for block in &self.up_blocks {
            let [n, h, w, c] = x.dims();
            let (first, others) = block.resnets.split_first().expect("every level has a residual block");
            let bands = self.bands_for(n, 4 * h * w * c);
            if bands.is_some() {
                release_buffers();
            }
            x = match (upsampler, bands) {
                (Some(upsampler), Some(bands)) => first.forward_in_bands(bands.doubled(x, upsampler), bands),
                (Some(upsampler), None) => first.forward(upsampler.forward(x, 2 * h, 2 * w), None),
                (None, _) => first.forward(x, None),
            };
            for resnet in others {
                x = match self.bands_for(n, x.shape().num_elements()) {
                    Some(bands) => resnet.forward_in_bands(Picture::Whole(x), bands),
                    None => resnet.forward(x, None),
                };
            }
            upsampler = block.upsampler.as_ref();
        }
        match self.bands_for(x.dims()[0], x.shape().num_elements()) {
            Some(bands) => self.finish_in_bands(x, bands),
            None => self.conv_out.forward(self.conv_norm_out.forward_silu(x)),
        }
    }

    /// The bands in which a level of so many numbers is computed, if it is.
    fn bands_for(&self, pictures: usize, numbers: usize) -> Option<Bands> {
        self.bands.filter(|bands| pictures == 1 && numbers > bands.from)
    }

    /// The last norm and convolution, in bands.
    fn finish_in_bands(&self, x: Tensor<4>, bands: Bands) -> Tensor<4> {
        let h = x.dims()[1];
        let picture = Picture::Whole(x);
        let norm = bands.norm(&picture, &self.conv_norm_out);
        let pieces = bands.of(picture.dims()).map(|band| {
            let (rows, edges) = with_neighbours(&band, h);
            self.conv_out.forward_rows(norm.forward_silu(picture.rows(rows)), edges, None)
        });
        Tensor::cat(pieces.collect(), 1)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{DType, Device, Distribution};

    use super::*;
    use crate::parameters::Origin;
    use crate::precision::Precision;
    use crate::weights::{Component, ModelFiles};

    #[test]
    fn a_picture_is_the_same_in_bands() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/base");
        let files = ModelFiles::open(&demo).expect("the demo model opens");
        let tensors = files.component(Component::Vae).expect("it can be read").expect("it has a VAE");
        let (device, origin) = (Device::flex(), Origin::Files(tensors));
        let parameters = Parameters::new(&origin, &device, Precision::F32.cpu_format());
        let config = files.configs().vae.as_ref().expect("it says of what kind");
        let mut decoder = Decoder::load(&parameters.child("decoder"), config).expect("it is built");
        for (h, w) in [(16, 12), (9, 7), (3, 33)] {
            let latents = Tensor::random([1, h, w, 4], Distribution::Normal(0.0, 1.0), (&device, DType::F32));
            decoder.bands = None;
            let whole = decoder.forward(latents.clone());
            // All doubled pictures are computed again, or the finest alone, or none.
            for kept in [0, 4 * h * w * 64 * 4, usize::MAX] {
                decoder.bands = Some(Bands { from: 0, size: 0, kept });
                let difference: f32 = (decoder.forward(latents.clone()) - whole.clone()).abs().max().into_scalar();
                assert!(difference < 1e-5, "{h}×{w}, {kept}: {difference}");
            }
        }
    }
}
