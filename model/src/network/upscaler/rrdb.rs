//! RRDBNet (Wang et al. 2018, section 3.1; BasicSR's `rrdbnet_arch.py`): residual blocks of dense blocks at the image's own
//! size, then doublings.

use std::ops::Range;

use burn::tensor::Tensor;

use super::pixels::unshuffle;
use crate::config::UpscalerShape;
use crate::config::upscaler::{DENSE_BLOCKS, DENSE_LAYERS, RESIDUAL_SCALING};
use crate::error::Result;
use crate::network::layers::{Conv2d, UpsampleConv2d};
use crate::network::parameters::Parameters;
use crate::ops::{Activation, release_buffers};

/// Numbers of the largest feature map that are computed at once: few enough that memory is that of the maps before.
const BAND: usize = 1 << 24;

pub(super) struct RrdbNet {
    first: Conv2d,
    blocks: Vec<ResidualBlock>,
    body: Conv2d,
    doublings: Vec<UpsampleConv2d>,
    high: Conv2d,
    last: Conv2d,
    unshuffle: usize,
}

/// Three dense blocks beside a shortcut.
struct ResidualBlock([DenseBlock; DENSE_BLOCKS]);

/// Convolutions, each of which sees what all before it made (Huang et al. 2017).
struct DenseBlock {
    growing: Vec<Conv2d>,
    last: Conv2d,
}

impl RrdbNet {
    pub(super) fn load(parameters: &Parameters, shape: UpscalerShape) -> Result<Self> {
        let UpscalerShape::Rrdb { features, growth, blocks, doublings, unshuffle } = shape else {
            unreachable!("the caller asked for its kind")
        };
        let same = |name: &str, input, output| Conv2d::same(&parameters.child(name), input, output);
        let block = |index: usize| {
            let parameters = parameters.child(format_args!("body.{index}"));
            let dense =
                |number: usize| DenseBlock::load(&parameters.child(format_args!("rdb{number}")), features, growth);
            Ok(ResidualBlock([dense(1)?, dense(2)?, dense(3)?]))
        };
        let doubling = |number| UpsampleConv2d::load(&parameters.child(format_args!("conv_up{number}")), features);
        Ok(Self {
            first: same("conv_first", 3 * unshuffle * unshuffle, features)?,
            blocks: (0..blocks).map(block).collect::<Result<_>>()?,
            body: same("conv_body", features, features)?,
            doublings: (1..=doublings).map(doubling).collect::<Result<_>>()?,
            high: same("conv_hr", features, features)?,
            last: same("conv_last", features, 3)?,
            unshuffle,
        })
    }

    /// `[1, h, w, 3]` → `[1, h·scale, w·scale, 3]`.
    pub(super) fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let features = self.first.forward(unshuffle(image, self.unshuffle));
        let mut x = features.clone();
        for block in &self.blocks {
            x = block.forward(x);
        }
        x = self.body.forward_onto(x, features);
        // What follows has other sizes.
        release_buffers();
        let Some((last, others)) = self.doublings.split_last() else {
            let rows = x.dims()[1];
            return self.finish(rows, x.dims(), |rows| x.clone().narrow(1, rows.start, rows.len()));
        };
        for doubling in others {
            x = doubling.forward_activated(x, Activation::LeakyRelu);
        }
        let [n, h, w, c] = x.dims();
        self.finish(2 * h, [n, 2 * h, 2 * w, c], |rows| last.forward_rows_activated(&x, rows, Activation::LeakyRelu))
    }

    /// The image of the `height` rows of features of `dims` that `features` gives, some at a time.
    fn finish(
        &self,
        height: usize,
        [_, _, w, c]: [usize; 4],
        features: impl Fn(Range<usize>) -> Tensor<4>,
    ) -> Tensor<4> {
        let band = (BAND / (w * c)).max(16);
        let bands = (0..height).step_by(band).map(|start| {
            let rows = start..(start + band).min(height);
            // Two convolutions: the rows around, and those around these.
            let around = |by: usize| rows.start.saturating_sub(by)..(rows.end + by).min(height);
            let (outer, inner) = (around(2), around(1));
            let high = self.high.forward_stacked(features(outer.clone()), &[], Activation::LeakyRelu, None);
            let high = high.narrow(1, inner.start - outer.start, inner.len());
            self.last.forward_rows(high, (rows.start == 0, rows.end == height), None)
        });
        Tensor::cat(bands.collect(), 1)
    }
}

impl ResidualBlock {
    /// `[n, h, w, features]` → the same shape.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [first, second, third] = &self.0;
        let y = first.forward(x.clone(), None);
        let y = second.forward(y, None);
        // The block's own shortcut and that of its last dense block are added at once.
        let shortcut = y.clone() * RESIDUAL_SCALING + x;
        third.forward(y, Some(shortcut))
    }
}

impl DenseBlock {
    fn load(parameters: &Parameters, features: usize, growth: usize) -> Result<Self> {
        let layer = |layer: usize, outputs: usize| {
            Conv2d::same(&parameters.child(format_args!("conv{}", layer + 1)), features + layer * growth, outputs)
        };
        let last = DENSE_LAYERS - 1;
        Ok(Self {
            growing: (0..last).map(|index| layer(index, growth)).collect::<Result<_>>()?,
            last: layer(last, features)?,
        })
    }

    /// `[n, h, w, features]` → the same shape, plus `shortcut`, which is `x` if there is none.
    fn forward(&self, x: Tensor<4>, shortcut: Option<Tensor<4>>) -> Tensor<4> {
        let mut made = Vec::with_capacity(self.growing.len());
        for conv in &self.growing {
            made.push(conv.forward_stacked(x.clone(), &made, Activation::LeakyRelu, None));
        }
        let shortcut = shortcut.unwrap_or_else(|| x.clone());
        self.last.forward_stacked(x, &made, Activation::None, Some(shortcut))
    }
}
