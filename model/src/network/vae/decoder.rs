//! Latents to image (diffusers `Decoder`).

use burn::tensor::Tensor;
use easel_kernels::release_buffers;

use super::middle::{Middle, NORM_EPSILON};
use crate::config::VaeConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm, Moments, UpsampleConv2d};
use crate::network::parameters::Parameters;
use crate::network::resnet::ResnetBlock;
use crate::network::row_tiling::{FeatureMap, RowTiling, with_neighbours};

pub(super) struct Decoder {
    conv_in: Conv2d,
    mid_block: Middle,
    up_blocks: Vec<UpDecoderBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    /// Large levels are computed in tiles of rows where memory is a CPU's.
    tiling: Option<RowTiling>,
}

struct UpDecoderBlock {
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
            up_blocks.push(UpDecoderBlock {
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
            tiling: parameters.has_kernels().then(RowTiling::default),
        })
    }

    /// `[n, h, w, 4]` → `[n, 8h, 8w, 3]`.
    pub(super) fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let mut x = self.mid_block.forward(self.conv_in.forward(latents));
        let mut upsampler: Option<&UpsampleConv2d> = None;
        // Of `x`, where it was computed in tiles.
        let mut moments = None;
        for block in &self.up_blocks {
            let [n, h, w, c] = x.dims();
            let (first, others) = block.resnets.split_first().expect("every level has a residual block");
            let tiling = RowTiling::of_level(self.tiling, n, 4 * h * w * c);
            if tiling.is_some() {
                release_buffers();
            }
            (x, moments) = match (upsampler, tiling) {
                (Some(upsampler), Some(tiling)) => {
                    let upsampled = tiling.upsample_nearest_2x(x, upsampler);
                    in_tiles(first.forward_in_tiles(upsampled, None, tiling))
                }
                (Some(upsampler), None) => (first.forward(upsampler.forward(x, 2 * h, 2 * w), None), None),
                (None, _) => (first.forward(x, None), None),
            };
            for resnet in others {
                (x, moments) = match RowTiling::of_level(self.tiling, n, x.shape().num_elements()) {
                    Some(tiling) => in_tiles(resnet.forward_in_tiles(FeatureMap::Whole(x), moments, tiling)),
                    None => (resnet.forward(x, None), None),
                };
            }
            upsampler = block.upsampler.as_ref();
        }
        match RowTiling::of_level(self.tiling, x.dims()[0], x.shape().num_elements()) {
            Some(tiling) => self.finish_in_tiles(x, moments, tiling),
            None => self.conv_out.forward(self.conv_norm_out.forward_silu(x)),
        }
    }

    /// The last norm and convolution, in tiles.
    fn finish_in_tiles(&self, x: Tensor<4>, moments: Option<Moments>, tiling: RowTiling) -> Tensor<4> {
        let h = x.dims()[1];
        let features = FeatureMap::Whole(x);
        let moments = moments.unwrap_or_else(|| tiling.moments(&features, &self.conv_norm_out));
        let norm = self.conv_norm_out.of_moments(&moments);
        let pieces = tiling.tiles(features.dims()).map(|tile| {
            let (rows, edges) = with_neighbours(&tile, h);
            self.conv_out.forward_rows(norm.forward_silu(features.rows(rows)), edges, None)
        });
        Tensor::cat(pieces.collect(), 1)
    }
}

fn in_tiles((x, moments): (Tensor<4>, Moments)) -> (Tensor<4>, Option<Moments>) {
    (x, Some(moments))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::{DType, Device, Distribution};

    use super::*;
    use crate::precision::Precision;
    use crate::weights::{Component, ModelFiles};

    #[test]
    fn an_image_is_the_same_in_tiles() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/base");
        let files = ModelFiles::open(&demo).expect("the demo model opens");
        let tensors = files.component(Component::Vae).expect("it can be read").expect("it has a VAE");
        let device = Device::flex();
        let parameters = Parameters::new(&tensors, &device, Precision::F32.cpu_format());
        let config = files.configs().vae.as_ref().expect("it says of what kind");
        let mut decoder = Decoder::load(&parameters.child("decoder"), config).expect("it is built");
        for (h, w) in [(16, 12), (9, 7), (3, 33)] {
            let latents = Tensor::random([1, h, w, 4], Distribution::Normal(0.0, 1.0), (&device, DType::F32));
            decoder.tiling = None;
            let whole = decoder.forward(latents.clone());
            // All upsampled maps are computed again, or the finest alone, or none.
            for kept in [0, 4 * h * w * 64 * 4, usize::MAX] {
                decoder.tiling = Some(RowTiling { from: 0, size: 0, kept });
                let difference: f32 = (decoder.forward(latents.clone()) - whole.clone()).abs().max().into_scalar();
                assert!(difference < 1e-5, "{h}×{w}, {kept}: {difference}");
            }
        }
    }
}
