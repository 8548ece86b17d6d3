//! Latents to picture (diffusers `Decoder`).

use burn::tensor::Tensor;

use super::NORM_EPSILON;
use super::middle::Middle;
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
        })
    }

    /// `[n, h, w, 4]` → `[n, 8h, 8w, 3]`.
    pub(super) fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(self.conv_in.forward(latents));
        for block in &self.up_blocks {
            for resnet in &block.resnets {
                x = resnet.forward(x, None);
            }
            if let Some(upsampler) = &block.upsampler {
                let [_, h, w, _] = x.dims();
                x = upsampler.forward(x, 2 * h, 2 * w);
            }
        }
        self.conv_out.forward(self.conv_norm_out.forward_silu(x))
    }
}
