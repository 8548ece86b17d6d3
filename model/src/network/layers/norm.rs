//! Normalization; statistics are always in f32.

use burn::tensor::Tensor;

use crate::error::Result;
use crate::network::parameters::Parameters;
use crate::ops::{self, GroupNormOptions};

/// `torch.nn.LayerNorm` over the last axis.
pub(crate) struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn load(parameters: &Parameters, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self { weight: parameters.vector("weight", width)?, bias: parameters.vector("bias", width)?, epsilon })
    }

    /// `[…, width]` → the same shape.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        ops::rows_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}

/// `torch.nn.GroupNorm` over channels.
pub(crate) struct GroupNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    pub(crate) fn load(parameters: &Parameters, groups: usize, channels: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: parameters.vector("weight", channels)?,
            bias: parameters.vector("bias", channels)?,
            groups,
            epsilon,
        })
    }

    /// `[n, h, w, channels]` → the same shape.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, false)
    }

    /// Like [`Self::forward`], then SiLU.
    pub(crate) fn forward_silu(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, true)
    }

    /// Mean and variance of every group in some rows `[1, h, w, channels]` of an image.
    pub(crate) fn moments(&self, x: Tensor<4>) -> Moments {
        let [_, h, w, _] = x.dims();
        let numbers = ops::group_moments(x, self.groups).into_data();
        let numbers = numbers.try_into_vec::<f32>().expect("moments are in f32");
        let groups = numbers.as_chunks::<2>().0.iter().map(|moments| moments.map(f64::from)).collect();
        Moments { groups, pixels: h * w }
    }

    /// The norm of an image with these moments, to be applied to some of its rows.
    pub(crate) fn of_moments(&self, moments: &Moments) -> RowsNorm {
        let numbers = |tensor: &Tensor<1>| {
            let numbers = tensor.clone().into_data().convert::<f32>();
            numbers.try_into_vec::<f32>().expect("the numbers were converted to f32")
        };
        let (weight, bias) = (numbers(&self.weight), numbers(&self.bias));
        let per_group = weight.len() / self.groups;
        let of_channel = |channel: usize| {
            let [mean, variance] = moments.groups[channel / per_group];
            let weight = f64::from(weight[channel]) / (variance + self.epsilon).sqrt();
            (weight as f32, (f64::from(bias[channel]) - mean * weight) as f32)
        };
        let (scale, shift): (Vec<_>, Vec<_>) = (0..weight.len()).map(of_channel).unzip();
        let tensor = |numbers: Vec<f32>| Tensor::from_floats(numbers.as_slice(), &self.weight.device());
        RowsNorm { scale: tensor(scale), shift: tensor(shift) }
    }

    fn apply(&self, x: Tensor<4>, with_silu: bool) -> Tensor<4> {
        let options = GroupNormOptions { groups: self.groups, epsilon: self.epsilon, with_silu };
        ops::group_norm(x, &self.weight, &self.bias, options)
    }
}

/// Mean and variance of every group of channels in some rows of an image.
pub(crate) struct Moments {
    groups: Vec<[f64; 2]>,
    pixels: usize,
}

impl Moments {
    /// Of the rows before, if there are any, and of `rows` together.
    pub(crate) fn with(before: Option<Self>, rows: Self) -> Option<Self> {
        Some(match before {
            Some(before) => before.join(rows),
            None => rows,
        })
    }

    /// Of both together (Chan et al. 1979).
    pub(crate) fn join(self, other: Self) -> Self {
        let pixels = self.pixels + other.pixels;
        let (ours, theirs) = (self.pixels as f64 / pixels as f64, other.pixels as f64 / pixels as f64);
        let join = |([mean, variance], [other_mean, other_variance]): ([f64; 2], [f64; 2])| {
            let difference = other_mean - mean;
            let variance = ours * variance + theirs * other_variance + ours * theirs * difference * difference;
            [mean + theirs * difference, variance]
        };
        Self { groups: self.groups.into_iter().zip(other.groups).map(join).collect(), pixels }
    }
}

/// A group norm whose statistics are known.
pub(crate) struct RowsNorm {
    scale: Tensor<1>,
    shift: Tensor<1>,
}

impl RowsNorm {
    /// Some rows, normalized, then SiLU.
    pub(crate) fn forward_silu(&self, x: Tensor<4>) -> Tensor<4> {
        ops::scale_shift(x, &self.scale, &self.shift, true)
    }
}
