//! Image to latents (diffusers `Encoder`).

use burn::tensor::Tensor;

use super::middle::{Middle, NORM_EPSILON};
use crate::config::VaeConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm};
use crate::network::parameters::Parameters;
use crate::network::resnet::ResnetBlock;

pub(super) struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownEncoderBlock>,
    mid_block: Middle,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
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
        })
    }

    /// `[n, 8h, 8w, 3]` → means and log variances `[n, h, w, 8]`.
    pub(super) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let mut x = self.conv_in.forward(images);
        for block in &self.down_blocks {
            for resnet in &block.resnets {
                x = resnet.forward(x, None);
            }
            if let Some(downsampler) = &block.downsampler {
                x = downsampler.forward(x);
            }
        }
        self.conv_out.forward(self.conv_norm_out.forward_silu(self.mid_block.forward(x)))
    }
}
