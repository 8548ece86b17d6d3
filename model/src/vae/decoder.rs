//! Latents to picture (diffusers `Decoder`).

use burn::tensor::Tensor;

use super::NORM_EPSILON;
use super::middle::Middle;
use crate::bands::{Picture, bands, with_neighbours};
use crate::config::VaeConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, UpsampleConv2d};
use crate::parameters::Parameters;
use crate::resnet::ResnetBlock;

/// Levels of more numbers are computed in bands of rows.
const LARGE: usize = 1 << 25;

pub(super) struct Decoder {
    conv_in: Conv2d,
    mid_block: Middle,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// Whether large levels are computed in bands of rows: where memory is a CPU's.
    in_bands: bool,
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
            in_bands: parameters.has_kernels(),
        })
    }

    /// `[n, h, w, 4]` → `[n, 8h, 8w, 3]`.
    pub(super) fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(self.conv_in.forward(latents));
        let mut upsampler: Option<&UpsampleConv2d> = None;
        for block in &self.up_blocks {
            let [n, h, w, c] = x.dims();
            let doubled_size = 4 * h * w * c;
            let (first, others) = block.resnets.split_first().expect("every level has a residual block");
            let in_bands = self.in_bands && n == 1 && doubled_size > LARGE;
            x = match upsampler {
                Some(upsampler) if in_bands => first.forward_in_bands(Picture::doubled(x, upsampler)),
                Some(upsampler) => first.forward(upsampler.forward(x, 2 * h, 2 * w), None),
                None => first.forward(x, None),
            };
            for resnet in others {
                x = if in_bands && upsampler.is_some() {
                    resnet.forward_in_bands(Picture::Whole(x))
                } else {
                    resnet.forward(x, None)
                };
            }
            upsampler = block.upsampler.as_ref();
        }
        if self.in_bands && x.dims()[0] == 1 && x.shape().num_elements() > LARGE {
            return self.finish_in_bands(x);
        }
        self.conv_out.forward(self.conv_norm_out.forward_silu(x))
    }

    /// The last norm and convolution, in bands.
    fn finish_in_bands(&self, x: Tensor<4>) -> Tensor<4> {
        let h = x.dims()[1];
        let picture = Picture::Whole(x);
        let norm = picture.norm(&self.conv_norm_out);
        let pieces = bands(picture.dims()).map(|band| {
            let (rows, edges) = with_neighbours(&band, h);
            self.conv_out.forward_rows(norm.forward_silu(picture.rows(rows)), edges, None)
        });
        Tensor::cat(pieces.collect(), 1)
    }
}
