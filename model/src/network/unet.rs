//! The denoising UNet of SDXL, base and refiner (Podell et al. 2023; diffusers `UNet2DConditionModel`).

mod blocks;
mod transformer;

use burn::tensor::{FloatDType, Tensor};

use crate::config::UNetConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm, TimestepEmbedding, sinusoids};
use crate::network::parameters::Parameters;
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
    /// Sizes and crop of each image of the batch, one after another (base: height, width, top, left,
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
        self.forward_reusing(latents, timestep, conditioning, None).0
    }

    /// Like [`Self::forward`], with the features that come up to the finest level, `[n, h, w, c]`, beside the prediction.
    /// Given as `deep`, those of an earlier step stand in for every level below (DeepCache, Ma et al. 2024).
    pub(crate) fn forward_reusing(
        &self,
        latents: Tensor<4>,
        timestep: f64,
        conditioning: &Conditioning,
        deep: Option<Tensor<4>>,
    ) -> (Tensor<4>, Tensor<4>) {
        let embedding = self.embed(timestep, conditioning, latents.dims()[0]);
        let context = conditioning.context.clone().cast(self.compute);
        let (first, deeper) = self.down_blocks.split_first().expect("the configuration asks for at least one level");
        let (last, coarser) = self.up_blocks.split_last().expect("there are as many ways up as down");
        let x = self.conv_in.forward(latents.permute([0, 2, 3, 1]).cast(self.compute));
        let mut skips = vec![x.clone()];
        let x = first.forward_layers(x, &embedding, &context, &mut skips);
        let deep = deep.unwrap_or_else(|| {
            let mut x = first.downsample(x, &mut skips);
            for block in deeper {
                x = block.forward(x, &embedding, &context, &mut skips);
            }
            x = self.mid_block.forward(x, &embedding, &context);
            for block in coarser {
                x = block.forward(x, &embedding, &context, &mut skips);
            }
            x
        });
        let x = last.forward(deep.clone(), &embedding, &context, &mut skips);
        let noise = self.conv_out.forward(self.conv_norm_out.forward_silu(x));
        (noise.permute([0, 3, 1, 2]).cast(FloatDType::F32), deep)
    }

    /// Timestep, sizes and pooled text as one vector per image: `[n, embedding]`.
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::config::Shape;
    use crate::precision::Precision;
    use crate::weights::RandomWeights;

    #[test]
    fn reused_features_stand_in_for_the_deeper_levels() {
        let config = Shape::Demo.configs().expect("the demo's shape").unet;
        let (device, random) = (Device::flex(), RandomWeights::new(0));
        let parameters = Parameters::new(&random, &device, Precision::F32.cpu_format());
        let unet = UNet::load(&parameters, &config, FloatDType::F32).expect("it is built");
        let pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim;
        let conditioning = Conditioning {
            context: Tensor::zeros([1, 77, config.cross_attention_dim], &device),
            pooled: Tensor::zeros([1, pooled], &device),
            time_ids: vec![64.0, 64.0, 0.0, 0.0, 64.0, 64.0],
        };
        // A size that the coarser levels round up.
        let latents = || Tensor::<4>::random([1, 4, 9, 8], Distribution::Default, &device);
        let (first, second) = (latents(), latents());
        let numbers = |x: Tensor<4>| x.into_data().try_into_vec::<f32>().expect("f32");

        let (whole, deep) = unet.forward_reusing(first.clone(), 500.0, &conditioning, None);
        assert_eq!(deep.dims()[1..3], [9, 8]);
        let again = unet.forward_reusing(first, 500.0, &conditioning, Some(deep.clone())).0;
        assert_eq!(numbers(again), numbers(whole));

        let next = |deep| numbers(unet.forward_reusing(second.clone(), 450.0, &conditioning, deep).0);
        let (exact, reused, none) = (next(None), next(Some(deep.clone())), next(Some(deep.zeros_like())));
        assert!(reused != exact && reused != none);
    }
}
