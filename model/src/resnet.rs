//! The residual block that SDXL's UNet and VAE share (diffusers `ResnetBlock2D`).

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear};
use crate::parameters::Parameters;

/// Two convolutions with group norm and SiLU before each, and a shortcut.
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    /// `embedding` is the width of the time embedding; the VAE has none.
    pub(crate) fn load(
        parameters: &Parameters,
        input: usize,
        output: usize,
        embedding: Option<usize>,
        groups: usize,
        epsilon: f64,
    ) -> Result<Self> {
        Ok(Self {
            norm1: GroupNorm::load(&parameters.child("norm1"), groups, input, epsilon)?,
            conv1: Conv2d::same(&parameters.child("conv1"), input, output)?,
            time_emb_proj: embedding
                .map(|width| Linear::load(&parameters.child("time_emb_proj").exact(), width, output))
                .transpose()?,
            norm2: GroupNorm::load(&parameters.child("norm2"), groups, output, epsilon)?,
            conv2: Conv2d::same(&parameters.child("conv2"), output, output)?,
            conv_shortcut: (input != output)
                .then(|| Conv2d::pointwise(&parameters.child("conv_shortcut"), input, output))
                .transpose()?,
        })
    }

    /// `x` `[n, h, w, input]` and `embedding` `[n, embedding]` → `[n, h, w, output]`.
    pub(crate) fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        let hidden = self.norm1.forward_silu(x.clone());
        let hidden = match (&self.time_emb_proj, embedding) {
            (Some(projection), Some(embedding)) => {
                self.conv1.forward_shifted(hidden, projection.forward(silu(embedding.clone())))
            }
            _ => self.conv1.forward(hidden),
        };
        let hidden = self.norm2.forward_silu(hidden);
        let shortcut = match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        self.conv2.forward_onto(hidden, shortcut)
    }
}
