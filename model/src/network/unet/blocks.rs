//! The levels of the UNet: down, middle, up (diffusers `CrossAttnDownBlock2D` and its relatives).

use burn::tensor::Tensor;

use super::context::Context;
use super::transformer::{SpatialTransformer, TransformerShape};
use crate::config::UNetConfig;
use crate::error::Result;
use crate::network::layers::{Conv2d, UpsampleConv2d};
use crate::network::parameters::Parameters;
use crate::network::resnet::ResnetBlock;
use crate::ops;

/// A residual block of `config`'s kind under `resnets.{index}`.
fn resnet(
    parameters: &Parameters,
    config: &UNetConfig,
    index: usize,
    input: usize,
    output: usize,
) -> Result<ResnetBlock> {
    let embedding = Some(4 * config.block_out_channels[0]);
    let parameters = parameters.child(format_args!("resnets.{index}"));
    ResnetBlock::load(&parameters, input, output, embedding, config.norm_num_groups, config.norm_eps)
}

/// A transformer of `config`'s kind for `level` (0 is the finest) under `attentions.{index}`.
fn transformer(parameters: &Parameters, config: &UNetConfig, index: usize, level: usize) -> Result<SpatialTransformer> {
    let finest = (0..config.block_out_channels.len()).find(|&level| config.transformer_blocks(level) > 0);
    let shape = TransformerShape {
        channels: config.block_out_channels[level],
        heads: config.heads(level),
        depth: config.transformer_depth(level),
        context: config.cross_attention_dim,
        groups: config.norm_num_groups,
        has_most_places: finest == Some(level),
    };
    SpatialTransformer::load(&parameters.child(format_args!("attentions.{index}")), &shape)
}

/// A residual block, followed by a transformer where the level has attention.
struct Layer {
    resnet: ResnetBlock,
    attention: Option<SpatialTransformer>,
}

impl Layer {
    /// The layers of a block at `level`; `inputs` has the channels that each takes.
    fn load_all(
        parameters: &Parameters,
        config: &UNetConfig,
        level: usize,
        has_attention: bool,
        inputs: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Self>> {
        let output = config.block_out_channels[level];
        let load = |(index, input)| {
            Ok(Self {
                resnet: resnet(parameters, config, index, input, output)?,
                attention: has_attention.then(|| transformer(parameters, config, index, level)).transpose()?,
            })
        };
        inputs.into_iter().enumerate().map(load).collect()
    }

    fn forward(&self, x: Tensor<4>, embedding: &Tensor<2>, context: &Context) -> Tensor<4> {
        let x = self.resnet.forward(x, Some(embedding));
        match &self.attention {
            Some(attention) => attention.forward(x, context),
            None => x,
        }
    }
}

/// Layers, then a downsampling.
pub(in crate::network) struct DownBlock {
    layers: Vec<Layer>,
    downsampler: Option<Conv2d>,
}

impl DownBlock {
    pub(in crate::network) fn load(parameters: &Parameters, config: &UNetConfig, level: usize) -> Result<Self> {
        let channels = &config.block_out_channels;
        let (input, output) = (channels[level.saturating_sub(1)], channels[level]);
        let inputs = (0..config.layers_per_block).map(|index| if index == 0 { input } else { output });
        Ok(Self {
            layers: Layer::load_all(parameters, config, level, config.down_has_attention(level), inputs)?,
            downsampler: (level + 1 < channels.len())
                .then(|| Conv2d::downsampling(&parameters.child("downsamplers.0.conv"), output, (1, 1)))
                .transpose()?,
        })
    }

    /// Every intermediate result is also pushed to `skips`. The next of `features` is added to the last of them: before the
    /// downsampling where there is attention, else behind it (diffusers `T2IAdapter` for SDXL).
    pub(in crate::network) fn forward(
        &self,
        x: Tensor<4>,
        embedding: &Tensor<2>,
        context: &Context,
        skips: &mut Vec<Tensor<4>>,
        features: &mut impl Iterator<Item = Tensor<4>>,
    ) -> Tensor<4> {
        let x = self.forward_layers(x, embedding, context, skips, features);
        self.downsample(x, skips, features)
    }

    /// The part of [`Self::forward`] that keeps the size.
    pub(in crate::network) fn forward_layers(
        &self,
        mut x: Tensor<4>,
        embedding: &Tensor<2>,
        context: &Context,
        skips: &mut Vec<Tensor<4>>,
        features: &mut impl Iterator<Item = Tensor<4>>,
    ) -> Tensor<4> {
        for layer in &self.layers {
            x = layer.forward(x, embedding, context);
            skips.push(x.clone());
        }
        if self.has_attention() { add_next(x, skips, features) } else { x }
    }

    /// The rest of [`Self::forward`].
    pub(in crate::network) fn downsample(
        &self,
        mut x: Tensor<4>,
        skips: &mut Vec<Tensor<4>>,
        features: &mut impl Iterator<Item = Tensor<4>>,
    ) -> Tensor<4> {
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(x);
            skips.push(x.clone());
        }
        if self.has_attention() { x } else { add_next(x, skips, features) }
    }

    fn has_attention(&self) -> bool {
        self.layers.iter().any(|layer| layer.attention.is_some())
    }
}

/// `x`, which is the last of `skips`, and that one with the next of `features`.
fn add_next(x: Tensor<4>, skips: &mut [Tensor<4>], features: &mut impl Iterator<Item = Tensor<4>>) -> Tensor<4> {
    let Some(feature) = features.next() else { return x };
    let x = x + feature;
    if let Some(last) = skips.last_mut() {
        *last = x.clone();
    }
    x
}

/// Residual block, transformer, residual block (diffusers `UNetMidBlock2DCrossAttn`).
pub(in crate::network) struct MiddleBlock {
    before: ResnetBlock,
    attention: SpatialTransformer,
    after: ResnetBlock,
}

impl MiddleBlock {
    pub(in crate::network) fn load(parameters: &Parameters, config: &UNetConfig, channels: usize) -> Result<Self> {
        let level = config.block_out_channels.len() - 1;
        Ok(Self {
            before: resnet(parameters, config, 0, channels, channels)?,
            attention: transformer(parameters, config, 0, level)?,
            after: resnet(parameters, config, 1, channels, channels)?,
        })
    }

    pub(in crate::network) fn forward(&self, x: Tensor<4>, embedding: &Tensor<2>, context: &Context) -> Tensor<4> {
        let x = self.attention.forward(self.before.forward(x, Some(embedding)), context);
        self.after.forward(x, Some(embedding))
    }
}

/// Layers on the features joined with the way down's, then an upsampling.
pub(in crate::network) struct UpBlock {
    layers: Vec<Layer>,
    upsampler: Option<UpsampleConv2d>,
}

impl UpBlock {
    pub(in crate::network) fn load(parameters: &Parameters, config: &UNetConfig, index: usize) -> Result<Self> {
        let channels = &config.block_out_channels;
        let level = channels.len() - 1 - index;
        let output = channels[level];
        let coarser = channels[(level + 1).min(channels.len() - 1)];
        let finer = channels[level.saturating_sub(1)];
        let count = config.layers_per_block + 1;
        let inputs = (0..count).map(|layer| {
            let below = if layer == 0 { coarser } else { output };
            let skip = if layer + 1 == count { finer } else { output };
            below + skip
        });
        Ok(Self {
            layers: Layer::load_all(parameters, config, level, config.up_has_attention(index), inputs)?,
            upsampler: (level > 0)
                .then(|| UpsampleConv2d::load(&parameters.child("upsamplers.0.conv"), output))
                .transpose()?,
        })
    }

    /// Takes its share from the end of `skips`.
    pub(in crate::network) fn forward(
        &self,
        mut x: Tensor<4>,
        embedding: &Tensor<2>,
        context: &Context,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for layer in &self.layers {
            let skip = skips.pop().expect("the way down leaves one result for every layer of the way up");
            x = layer.forward(ops::join_channels(x, skip), embedding, context);
        }
        match (&self.upsampler, skips.last()) {
            (Some(upsampler), Some(next)) => {
                let [_, height, width, _] = next.dims();
                upsampler.forward(x, height, width)
            }
            _ => x,
        }
    }
}
