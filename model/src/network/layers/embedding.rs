//! Embeddings of timesteps and of other numbers.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::Linear;
use crate::error::Result;
use crate::network::parameters::Parameters;
use crate::ops::Activation;

/// Sinusoidal embedding of each value: `[values, width]`, cosines first
/// (diffusers `get_timestep_embedding` with `flip_sin_to_cos` and `freq_shift` 0).
pub(crate) fn sinusoids(values: &[f32], width: usize, device: &Device) -> Tensor<2> {
    let half = width / 2;
    let mut rows = Vec::with_capacity(values.len() * width);
    let frequency = |index: usize| (-(10_000_f32.ln()) * index as f32 / half as f32).exp();
    for &value in values {
        rows.extend((0..half).map(|index| (value * frequency(index)).cos()));
        rows.extend((0..half).map(|index| (value * frequency(index)).sin()));
    }
    Tensor::from_data(TensorData::new(rows, [values.len(), width]), (device, DType::F32))
}

/// Two linear layers with SiLU between (diffusers `TimestepEmbedding`).
pub(crate) struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedding {
    pub(crate) fn load(parameters: &Parameters, input: usize, width: usize) -> Result<Self> {
        Ok(Self {
            linear_1: Linear::load_with(&parameters.child("linear_1"), input, width, Activation::Silu)?,
            linear_2: Linear::load(&parameters.child("linear_2"), width, width)?,
        })
    }

    /// `[n, input]` → `[n, width]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.linear_2.forward(self.linear_1.forward(x))
    }
}
