//! From a control image to the latents' size (diffusers `ControlNetConditioningEmbedding`).

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::config::ControlNetConfig;
use crate::error::Result;
use crate::network::layers::Conv2d;
use crate::network::parameters::Parameters;

/// Convolutions with SiLU between, three of which halve the size.
pub(super) struct HintEmbedding {
    conv_in: Conv2d,
    blocks: Vec<Conv2d>,
    conv_out: Conv2d,
}

impl HintEmbedding {
    pub(super) fn load(parameters: &Parameters, config: &ControlNetConfig) -> Result<Self> {
        let channels = &config.conditioning_embedding_out_channels;
        let mut blocks = Vec::new();
        for (index, pair) in channels.windows(2).enumerate() {
            let block = |number: usize| parameters.child(format_args!("blocks.{number}"));
            blocks.push(Conv2d::same(&block(2 * index), pair[0], pair[0])?);
            blocks.push(Conv2d::halving(&block(2 * index + 1), pair[0], pair[1])?);
        }
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in"), config.conditioning_channels, first)?,
            blocks,
            conv_out: Conv2d::same(&parameters.child("conv_out"), last, config.unet.block_out_channels[0])?,
        })
    }

    /// `[1, 8h, 8w, 3]` → `[1, h, w, c]`.
    pub(super) fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let x = silu(self.conv_in.forward(pixels));
        self.conv_out.forward(self.blocks.iter().fold(x, |x, block| silu(block.forward(x))))
    }
}
