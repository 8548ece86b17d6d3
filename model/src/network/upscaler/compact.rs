//! SRVGGNetCompact (Real-ESRGAN's `srvgg_arch.py`): plain convolutions at the image's own size, then pixels out of channels,
//! added to the image with every pixel as a square.

use burn::tensor::activation::relu;
use burn::tensor::{FloatDType, Tensor};

use super::pixels::{repeat, shuffle};
use crate::error::Result;
use crate::network::layers::Conv2d;
use crate::network::parameters::Parameters;

pub(super) struct Compact {
    layers: Vec<(Conv2d, Prelu)>,
    last: Conv2d,
    scale: usize,
}

/// `torch.nn.PReLU` with a slope for every channel.
struct Prelu(Tensor<1>);

impl Compact {
    pub(super) fn load(parameters: &Parameters, features: usize, convolutions: usize, scale: usize) -> Result<Self> {
        let body = parameters.child("body");
        let layer = |index: usize| {
            // Activations are numbered too.
            let input = if index == 0 { 3 } else { features };
            let conv = Conv2d::same(&body.child(2 * index), input, features)?;
            Ok((conv, Prelu(body.child(2 * index + 1).vector("weight", features)?)))
        };
        Ok(Self {
            layers: (0..=convolutions).map(layer).collect::<Result<_>>()?,
            last: Conv2d::same(&body.child(2 * convolutions + 2), features, 3 * scale * scale)?,
            scale,
        })
    }

    /// `[1, h, w, 3]` → `[1, h·scale, w·scale, 3]` in f32.
    pub(super) fn forward(&self, image: Tensor<4>, compute: FloatDType) -> Tensor<4> {
        let mut x = image.clone().cast(compute);
        for (conv, prelu) in &self.layers {
            x = prelu.forward(conv.forward(x));
        }
        shuffle(self.last.forward(x).cast(FloatDType::F32), self.scale) + repeat(image, self.scale)
    }
}

impl Prelu {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let slopes = self.0.clone().cast(x.dtype()).reshape([1, 1, 1, self.0.dims()[0]]);
        relu(x.clone()) - relu(-x) * slopes
    }
}
