//! The denoising UNet of SDXL, base and refiner (Podell et al. 2023; diffusers `UNet2DConditionModel`).

mod blocks;
mod transformer;

use burn::tensor::{FloatDType, Tensor};

use crate::config::UNetConfig;
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, TimestepEmbedding, sinusoids};
use crate::parameters::Parameters;
use blocks::{DownBlock, MiddleBlock, UpBlock};

/// Predicts the noise in latents.
pub(crate) struct UNet {
    conv_in: Conv2d,
    time_embedding: TimestepEmbedding,
    add_embedding: TimestepEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MiddleBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    time_width: usize,
    add_time_width: usize,
    compute: FloatDType,
}

/// What the UNet is conditioned on; the same for every step of a run.
#[derive(Clone)]
pub(crate) struct Conditioning {
    /// Text context `[n, tokens, cross_attention_dim]`.
    pub context: Tensor<3>,
    /// Pooled text embedding `[n, pooled]`.
    pub pooled: Tensor<2>,
    /// Sizes and crop of each picture of the batch, one after another (base: height, width, top, left,
    /// target height, target width; refiner: height, width, top, left, aesthetic score).
    pub time_ids: Vec<f32>,
}

impl UNet {
    /// Builds the UNet that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &UNetConfig, compute: FloatDType) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let embedding = 4 * first;
        let down_blocks = (0..channels.len())
            .map(|level| DownBlock::load(&parameters.child(format_args!("down_blocks.{level}")), config, level))
            .collect::<Result<_>>()?;
        let up_blocks = (0..channels.len())
            .map(|index| UpBlock::load(&parameters.child(format_args!("up_blocks.{index}")), config, index))
            .collect::<Result<_>>()?;
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in").exact(), config.in_channels, first)?,
            time_embedding: TimestepEmbedding::load(&parameters.child("time_embedding").exact(), first, embedding)?,
            add_embedding: TimestepEmbedding::load(
                &parameters.child("add_embedding").exact(),
                config.projection_class_embeddings_input_dim,
                embedding,
            )?,
            down_blocks,
            mid_block: MiddleBlock::load(&parameters.child("mid_block"), config, last)?,
            up_blocks,
            conv_norm_out: GroupNorm::load(
                &parameters.child("conv_norm_out"),
                config.norm_num_groups,
                first,
                config.norm_eps,
            )?,
            conv_out: Conv2d::same(&parameters.child("conv_out").exact(), first, config.out_channels)?,
            time_width: first,
            add_time_width: config.addition_time_embed_dim,
            compute,
        })
    }

    /// `latents` `[n, 4, h, w]` (scaled for the model) at `timestep` → predicted noise of the same shape, in f32.
    pub(crate) fn forward(&self, latents: Tensor<4>, timestep: f64, conditioning: &Conditioning) -> Tensor<4> {
        let embedding = self.embed(timestep, conditioning, latents.dims()[0]);
        let context = conditioning.context.clone().cast(self.compute);
        let mut x = self.conv_in.forward(latents.permute([0, 2, 3, 1]).cast(self.compute));
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &embedding, &context, &mut skips);
        }
        x = self.mid_block.forward(x, &embedding, &context);
        for block in &self.up_blocks {
            x = block.forward(x, &embedding, &context, &mut skips);
        }
        let noise = self.conv_out.forward(self.conv_norm_out.forward_silu(x));
        noise.permute([0, 3, 1, 2]).cast(FloatDType::F32)
    }

    /// Timestep, sizes and pooled text as one vector a picture: `[n, embedding]`.
    fn embed(&self, timestep: f64, conditioning: &Conditioning, batch: usize) -> Tensor<2> {
        let device = conditioning.pooled.device();
        let time = sinusoids(&[timestep as f32], self.time_width, &device).cast(self.compute);
        let sizes = sinusoids(&conditioning.time_ids, self.add_time_width, &device);
        let width = conditioning.time_ids.len() / batch * self.add_time_width;
        let sizes = sizes.reshape([batch, width]).cast(self.compute);
        let pooled = conditioning.pooled.clone().cast(self.compute);
        let added = self.add_embedding.forward(Tensor::cat(vec![pooled, sizes], 1));
        self.time_embedding.forward(time) + added
    }
}
