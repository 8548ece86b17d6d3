//! ControlNet: a copy of the UNet's way down and middle that sees a control image, and adds to what the UNet's way up takes
//! (Zhang et al. 2023; diffusers `ControlNetModel`, `ControlNetUnionModel`).

mod hint;
mod union;

use burn::tensor::{FloatDType, Tensor};

use crate::config::ControlNetConfig;
use crate::error::Result;
use crate::network::layers::Conv2d;
use crate::network::parameters::Parameters;
use crate::network::unet::blocks::{DownBlock, MiddleBlock};
use crate::network::unet::{Conditioning, ConditioningEmbedding, Context, Residuals};
use hint::HintEmbedding;
use union::Union;

/// Steers a UNet by control images.
pub(crate) struct ControlNet {
    conv_in: Conv2d,
    embedding: ConditioningEmbedding,
    hint_embedding: HintEmbedding,
    union: Option<Union>,
    down_blocks: Vec<DownBlock>,
    mid_block: MiddleBlock,
    /// What the results of the way down go through on their way to the UNet.
    down_results: Vec<Conv2d>,
    mid_result: Conv2d,
    compute: FloatDType,
}

/// What a ControlNet makes of its control images; the same for every step of a run.
#[derive(Clone)]
pub(crate) struct Hint {
    /// Added to the first layer's features: `[1, h, w, c]`.
    features: Tensor<4>,
    /// Added to the embedding of timestep and sizes: `[1, embedding]`; of unions.
    kinds: Option<Tensor<2>>,
}

impl Hint {
    /// What it is for `rows` and `columns` of the latents from `top` and `left` on.
    pub(crate) fn part(&self, (top, left): (usize, usize), (rows, columns): (usize, usize)) -> Self {
        let [_, all_rows, all_columns, _] = self.features.dims();
        // Without tiles nothing is copied at each step.
        if (rows, columns) == (all_rows, all_columns) {
            return self.clone();
        }
        let features = self.features.clone().narrow(1, top, rows).narrow(2, left, columns);
        Self { features, kinds: self.kinds.clone() }
    }
}

/// A control image that a ControlNet looks at.
pub(crate) struct ControlImage {
    /// `[1, 3, 8h, 8w]` in 0…1.
    pub(crate) pixels: Tensor<4>,
    /// Which of a union's kinds it is.
    pub(crate) kind: usize,
    /// What its features are multiplied by.
    pub(crate) scale: f64,
}

impl ControlNet {
    /// Builds the network that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &ControlNetConfig, compute: FloatDType) -> Result<Self> {
        let unet = &config.unet;
        let channels = &unet.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let down_blocks = (0..channels.len())
            .map(|level| DownBlock::load(&parameters.child(format_args!("down_blocks.{level}")), unet, level))
            .collect::<Result<_>>()?;
        // The first layer's result, then each level's, and its downsampled one.
        let levels = channels.iter().enumerate().flat_map(|(level, &channels)| {
            let count = unet.layers_per_block + usize::from(level + 1 < unet.block_out_channels.len());
            std::iter::repeat_n(channels, count)
        });
        let result = |(index, channels)| {
            let parameters = parameters.child(format_args!("controlnet_down_blocks.{index}"));
            Conv2d::pointwise(&parameters, channels, channels)
        };
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in").exact(), unet.in_channels, first)?,
            embedding: ConditioningEmbedding::load(parameters, unet, compute)?,
            hint_embedding: HintEmbedding::load(&parameters.child("controlnet_cond_embedding").exact(), config)?,
            union: config.union.as_ref().map(|union| Union::load(parameters, union, unet, compute)).transpose()?,
            down_blocks,
            mid_block: MiddleBlock::load(&parameters.child("mid_block"), unet, last)?,
            down_results: [first].into_iter().chain(levels).enumerate().map(result).collect::<Result<_>>()?,
            mid_result: Conv2d::pointwise(&parameters.child("controlnet_mid_block"), last, last)?,
            compute,
        })
    }

    /// What this network makes of `images`: of one, or of several where it is a union.
    pub(crate) fn look_at(&self, images: &[ControlImage]) -> Hint {
        let mut sum: Option<Tensor<4>> = None;
        for image in images {
            let pixels = image.pixels.clone().permute([0, 2, 3, 1]).cast(self.compute);
            let mut features = self.hint_embedding.forward(pixels) * image.scale;
            if let Some(union) = &self.union {
                // The scale is on what the transformer reads and on what it gives, as in the reference.
                let added = union.features_of(features.clone(), image.kind, image.scale) * image.scale;
                features = features + added;
            }
            sum = Some(match sum {
                Some(sum) => sum + features,
                None => features,
            });
        }
        let kinds: Vec<usize> = images.iter().map(|image| image.kind).collect();
        Hint {
            features: sum.expect("there is an image to look at"),
            kinds: self.union.as_ref().map(|union| union.embed(&kinds)),
        }
    }

    /// `latents` `[n, 4, h, w]` (scaled for the model) at `timestep` → what is added to the UNet's features. Where the UNet
    /// reuses its `deep` features, only those of the finest level.
    pub(crate) fn forward(
        &self,
        latents: Tensor<4>,
        timestep: f64,
        conditioning: &Conditioning,
        hint: &Hint,
        deep: bool,
    ) -> Residuals {
        let mut embedding = self.embedding.forward(timestep, conditioning, latents.dims()[0]);
        if let Some(kinds) = &hint.kinds {
            embedding = embedding + kinds.clone();
        }
        let context = Context::of(&conditioning.context, self.compute);
        let mut none = std::iter::empty();
        let x = self.conv_in.forward(latents.permute([0, 2, 3, 1]).cast(self.compute)) + hint.features.clone();
        let mut results = vec![x.clone()];
        let (first, deeper) = self.down_blocks.split_first().expect("the configuration asks for at least two levels");
        let x = first.forward_layers(x, &embedding, &context, &mut results, &mut none);
        let middle = (!deep).then(|| {
            let mut x = first.downsample(x, &mut results, &mut none);
            for block in deeper {
                x = block.forward(x, &embedding, &context, &mut results, &mut none);
            }
            self.mid_result.forward(self.mid_block.forward(x, &embedding, &context))
        });
        let down = results.into_iter().zip(&self.down_results).map(|(x, result)| result.forward(x)).collect();
        Residuals { down, middle }
    }
}
