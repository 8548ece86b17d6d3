//! The denoising UNet of SDXL, base and refiner (Podell et al. 2023; diffusers `UNet2DConditionModel`).

pub(in crate::network) mod blocks;
mod conditioning;
mod context;
mod kept_attention;
mod residuals;
mod token_merging;
mod transformer;

use burn::tensor::{FloatDType, Tensor};

use crate::config::UNetConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm};
use crate::network::parameters::Parameters;
use blocks::{DownBlock, MiddleBlock, UpBlock};
pub(crate) use conditioning::Conditioning;
pub(in crate::network) use conditioning::ConditioningEmbedding;
pub(crate) use context::{Context, ImageContext, ImageKeys, TextKeys, transformer_blocks};
pub(crate) use kept_attention::{CrossAttention, KeptAttention, count_kept_numbers};
pub(crate) use residuals::{Additions, Residuals};
pub(crate) use token_merging::{TokenMerging, mixed};

/// Predicts the noise in latents.
pub(crate) struct UNet {
    conv_in: Conv2d,
    embedding: ConditioningEmbedding,
    down_blocks: Vec<DownBlock>,
    mid_block: MiddleBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    compute: FloatDType,
}

impl UNet {
    /// Builds the UNet that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &UNetConfig, compute: FloatDType) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let down_blocks = (0..channels.len())
            .map(|level| DownBlock::load(&parameters.child(format_args!("down_blocks.{level}")), config, level))
            .collect::<Result<_>>()?;
        let up_blocks = (0..channels.len())
            .map(|index| UpBlock::load(&parameters.child(format_args!("up_blocks.{index}")), config, index))
            .collect::<Result<_>>()?;
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in").exact(), config.in_channels, first)?,
            embedding: ConditioningEmbedding::load(parameters, config, compute)?,
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
            compute,
        })
    }

    /// `latents` `[n, 4, h, w]` (scaled for the model) at `timestep` → predicted noise of the same shape, in f32.
    pub(crate) fn forward(&self, latents: Tensor<4>, timestep: f64, conditioning: &Conditioning) -> Tensor<4> {
        self.forward_with(latents, timestep, conditioning, Additions::default(), None).0
    }

    /// Like [`Self::forward`], with what other networks add, and with the features that come up to the finest level,
    /// `[n, h, w, c]`, beside the prediction. Given as `deep`, those of an earlier step stand in for every level below
    /// (DeepCache, Ma et al. 2024).
    pub(crate) fn forward_with(
        &self,
        latents: Tensor<4>,
        timestep: f64,
        conditioning: &Conditioning,
        additions: Additions,
        deep: Option<Tensor<4>>,
    ) -> (Tensor<4>, Tensor<4>) {
        let embedding = self.embedding.forward(timestep, conditioning, latents.dims()[0]);
        let Additions { residuals, features, images, cross_attention, merging } = additions;
        let context = Context::of(&conditioning.context, self.compute)
            .with_images(images)
            .with_keys(&conditioning.keys)
            .with_less_work(cross_attention, merging);
        let mut features = features.into_iter();
        let (first, deeper) = self.down_blocks.split_first().expect("the configuration asks for at least one level");
        let (last, coarser) = self.up_blocks.split_last().expect("there are as many ways up as down");
        let x = self.conv_in.forward(latents.permute([0, 2, 3, 1]).cast(self.compute));
        let mut skips = vec![x.clone()];
        let x = first.forward_layers(x, &embedding, &context, &mut skips, &mut features);
        // What the way down goes on with is not touched: only what the way up takes.
        let add = |skips: &mut Vec<Tensor<4>>| residuals.iter().for_each(|residuals| residuals.add_to(skips));
        let deep = match deep {
            Some(deep) => {
                add(&mut skips);
                deep
            }
            None => {
                let mut x = first.downsample(x, &mut skips, &mut features);
                for block in deeper {
                    x = block.forward(x, &embedding, &context, &mut skips, &mut features);
                }
                x = self.mid_block.forward(x, &embedding, &context);
                if let Some(feature) = features.next().filter(|feature| feature.dims()[1..] == x.dims()[1..]) {
                    x = x + feature;
                }
                if let Some(residual) = residuals.as_ref().and_then(|residuals| residuals.middle.clone()) {
                    x = x + residual;
                }
                add(&mut skips);
                for block in coarser {
                    x = block.forward(x, &embedding, &context, &mut skips);
                }
                x
            }
        };
        let x = last.forward(deep.clone(), &embedding, &context, &mut skips);
        let noise = self.conv_out.forward(self.conv_norm_out.forward_silu(x));
        (noise.permute([0, 3, 1, 2]).cast(FloatDType::F32), deep)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::kept_attention::AttentionSums;
    use super::*;
    use crate::config::Shape;
    use crate::precision::Precision;
    use crate::weights::RandomWeights;

    /// The demo model's UNet with random weights, and something to draw.
    fn unet(device: &Device) -> (UNet, Conditioning) {
        let config = Shape::Demo.configs().expect("the demo's shape").unet;
        let random = RandomWeights::new(0);
        let parameters = Parameters::new(&random, device, Precision::F32.cpu_format());
        let unet = UNet::load(&parameters, &config, FloatDType::F32).expect("it is built");
        let pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim;
        let conditioning = Conditioning {
            context: Tensor::random([1, 77, config.cross_attention_dim], Distribution::Default, device),
            pooled: Tensor::zeros([1, pooled], device),
            time_ids: vec![64.0, 64.0, 0.0, 0.0, 64.0, 64.0],
            negatives: 0,
            keys: TextKeys::default(),
        };
        (unet, conditioning)
    }

    /// Of a size that the coarser levels round up.
    fn latents(device: &Device) -> Tensor<4> {
        Tensor::random([1, 4, 9, 8], Distribution::Default, device)
    }

    fn numbers(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_into_vec::<f32>().expect("f32")
    }

    #[test]
    fn reused_features_stand_in_for_the_deeper_levels() {
        let device = Device::flex();
        let (unet, conditioning) = unet(&device);
        let (first, second) = (latents(&device), latents(&device));

        let forward =
            |latents, timestep, deep| unet.forward_with(latents, timestep, &conditioning, Additions::default(), deep);
        let (whole, deep) = forward(first.clone(), 500.0, None);
        assert_eq!(deep.dims()[1..3], [9, 8]);
        let again = forward(first, 500.0, Some(deep.clone())).0;
        assert_eq!(numbers(again), numbers(whole));

        let next = |deep| numbers(forward(second.clone(), 450.0, deep).0);
        let (exact, reused, none) = (next(None), next(Some(deep.clone())), next(Some(deep.zeros_like())));
        assert!(reused != exact && reused != none);
    }

    #[test]
    fn kept_attention_stands_in_for_the_prompt() {
        let device = Device::flex();
        let (unet, conditioning) = unet(&device);
        let (first, second) = (latents(&device), latents(&device));
        let other = Conditioning {
            context: conditioning.context.clone() * 2.0,
            keys: TextKeys::default(),
            ..conditioning.clone()
        };
        let forward = |latents: &Tensor<4>, conditioning: &Conditioning, cross_attention: &CrossAttention| {
            let additions = Additions { cross_attention: cross_attention.clone(), ..Additions::default() };
            numbers(unet.forward_with(latents.clone(), 500.0, conditioning, additions, None).0)
        };
        let difference = |one: &[f32], other: &[f32]| {
            one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
        };
        let sums = AttentionSums::default();
        let plain = forward(&first, &conditioning, &CrossAttention::Computed);
        let keeping = forward(&first, &conditioning, &CrossAttention::Kept(sums.clone()));
        assert!(difference(&plain, &keeping) < 1e-4, "keeping changes what is computed");
        let reused = CrossAttention::Reused(sums.means());
        // The same map gets what it got; the prompt is no longer looked at.
        assert!(difference(&keeping, &forward(&first, &conditioning, &reused)) < 1e-4);
        assert_eq!(forward(&second, &conditioning, &reused), forward(&second, &other, &reused));
        assert!(
            difference(
                &forward(&second, &conditioning, &CrossAttention::Computed),
                &forward(&second, &other, &CrossAttention::Computed)
            ) > 1e-3
        );
    }

    #[test]
    fn tokens_are_merged_at_the_finest_level_with_attention() {
        let device = Device::flex();
        let (unet, conditioning) = unet(&device);
        let latents = latents(&device);
        let forward = |ratio: f64| {
            let merging = Some(TokenMerging { ratio, seed: 1 });
            let additions = Additions { merging, ..Additions::default() };
            numbers(unet.forward_with(latents.clone(), 500.0, &conditioning, additions, None).0)
        };
        let plain = forward(0.0);
        assert_eq!(plain, numbers(unet.forward(latents.clone(), 500.0, &conditioning)));
        let merged = forward(0.5);
        assert!(merged != plain && merged.iter().all(|number| number.is_finite()));
        assert_eq!(merged, forward(0.5));
    }

    #[test]
    fn keys_and_values_of_the_text_are_made_once_and_change_nothing() {
        let config = Shape::Demo.configs().expect("the demo's shape").unet;
        let (device, random) = (Device::flex(), RandomWeights::new(0));
        let pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim;
        for precision in [Precision::F32, Precision::Int8] {
            let parameters = Parameters::new(&random, &device, precision.cpu_format());
            let unet = UNet::load(&parameters, &config, FloatDType::F32).expect("it is built");
            // The second text is too long for its keys to be kept.
            for tokens in [77, 9 * 77] {
                let latents = || Tensor::<4>::random([2, 4, 8, 8], Distribution::Default, &device);
                let conditioning = |context: &Tensor<3>| Conditioning {
                    context: context.clone(),
                    pooled: Tensor::zeros([2, pooled], &device),
                    time_ids: [64.0, 64.0, 0.0, 0.0, 64.0, 64.0].repeat(2),
                    negatives: 1,
                    keys: TextKeys::default(),
                };
                let text = || Tensor::random([2, tokens, config.cross_attention_dim], Distribution::Default, &device);
                let (first, second): (Tensor<3>, Tensor<3>) = (text(), text());
                let kept = conditioning(&first);
                let (before, after) = (latents(), latents());
                let one = numbers(unet.forward(before.clone(), 500.0, &kept));
                assert_eq!(kept.keys.len(), if tokens == 77 { transformer_blocks(&config).len() } else { 0 });
                assert_eq!(numbers(unet.forward(before.clone(), 500.0, &kept)), one);
                let anew =
                    |latents: &Tensor<4>, text| numbers(unet.forward(latents.clone(), 400.0, &conditioning(text)));
                let other = numbers(unet.forward(after.clone(), 400.0, &kept));
                assert_eq!(other, anew(&after, &first));
                assert!(other != anew(&after, &second));
            }
        }
    }
}
