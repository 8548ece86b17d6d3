//! Image to latents (diffusers `Encoder`).

use burn::tensor::Tensor;

use super::middle::{Middle, NORM_EPSILON};
use crate::config::VaeConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm};
use crate::network::parameters::Parameters;
use crate::network::resnet::ResnetBlock;
use crate::network::row_tiling::{FeatureMap, RowTiling};

pub(super) struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownEncoderBlock>,
    mid_block: Middle,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// Large levels are computed in tiles of rows where memory is a CPU's.
    tiling: Option<RowTiling>,
}

struct DownEncoderBlock {
    resnets: Vec<ResnetBlock>,
    downsampler: Option<Conv2d>,
}

impl Encoder {
    pub(super) fn load(parameters: &Parameters, config: &VaeConfig) -> Result<Self> {
        let channels = &config.block_out_channels;
        let coarsest = channels[channels.len() - 1];
        let groups = config.norm_num_groups;
        let mut down_blocks = Vec::new();
        for (index, &output) in channels.iter().enumerate() {
            let parameters = parameters.child(format_args!("down_blocks.{index}"));
            let input = channels[index.saturating_sub(1)];
            let resnet = |layer: usize| {
                let input = if layer == 0 { input } else { output };
                let parameters = parameters.child(format_args!("resnets.{layer}"));
                ResnetBlock::load(&parameters, input, output, None, groups, NORM_EPSILON)
            };
            down_blocks.push(DownEncoderBlock {
                resnets: (0..config.layers_per_block).map(resnet).collect::<Result<_>>()?,
                // The VAE pads right and bottom only, unlike the UNet.
                downsampler: (index + 1 < channels.len())
                    .then(|| Conv2d::downsampling(&parameters.child("downsamplers.0.conv"), output, (0, 1)))
                    .transpose()?,
            });
        }
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in"), config.in_channels, channels[0])?,
            down_blocks,
            mid_block: Middle::load(&parameters.child("mid_block"), config, coarsest)?,
            conv_norm_out: GroupNorm::load(&parameters.child("conv_norm_out"), groups, coarsest, NORM_EPSILON)?,
            conv_out: Conv2d::same(&parameters.child("conv_out"), coarsest, 2 * config.latent_channels)?,
            tiling: parameters.has_kernels().then(RowTiling::default),
        })
    }

    /// `[n, 8h, 8w, 3]` → means and log variances `[n, h, w, 8]`.
    pub(super) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let mut x = self.conv_in.forward(images);
        for block in &self.down_blocks {
            let mut moments = None;
            for resnet in &block.resnets {
                x = match RowTiling::of_level(self.tiling, x.dims()[0], x.shape().num_elements()) {
                    Some(tiling) => {
                        let (x, of_result) = resnet.forward_in_tiles(FeatureMap::Whole(x), moments, tiling);
                        moments = Some(of_result);
                        x
                    }
                    None => resnet.forward(x, None),
                };
            }
            if let Some(downsampler) = &block.downsampler {
                x = downsampler.forward(x);
            }
        }
        self.conv_out.forward(self.conv_norm_out.forward_silu(self.mid_block.forward(x)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{DType, Device, Distribution};

    use super::*;
    use crate::precision::Precision;
    use crate::weights::{Component, ModelFiles};

    #[test]
    fn latents_are_the_same_in_tiles() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/base");
        let files = ModelFiles::open(&demo).expect("the demo model opens");
        let tensors = files.component(Component::Vae).expect("it can be read").expect("it has a VAE");
        let device = Device::flex();
        let parameters = Parameters::new(&tensors, &device, Precision::F32.cpu_format());
        let config = files.configs().vae.as_ref().expect("it says of what kind");
        let mut encoder = Encoder::load(&parameters.child("encoder"), config).expect("it is built");
        for (h, w) in [(64, 48), (40, 88)] {
            let image = Tensor::random([1, h, w, 3], Distribution::Normal(0.0, 0.5), (&device, DType::F32));
            encoder.tiling = None;
            let whole = encoder.forward(image.clone());
            encoder.tiling = Some(RowTiling { from: 0, size: 0, kept: 0 });
            let difference: f32 = (encoder.forward(image) - whole).abs().max().into_scalar();
            assert!(difference < 2e-5, "{h}×{w}: {difference}");
        }
    }
}
