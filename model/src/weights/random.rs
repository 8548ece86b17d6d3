//! Random weights in a model's real shapes, for benchmarks without a download.

use burn::tensor::{FloatDType, TensorData};
use half::slice::HalfFloatSliceExt;

use super::{RawTensor, packing};
use crate::error::Result;
use crate::network::parameters::ParameterSource;
use crate::noise::NoiseGenerator;
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};
use crate::precision::WeightType;

/// How many normal numbers are drawn; larger tensors repeat them from different places.
const POOL: usize = 1 << 20;

/// Makes weights that keep activations at unit scale: matrices normal with variance 1/fan-in,
/// norm weights one, biases zero. The same name always gets the same numbers.
pub(crate) struct RandomWeights {
    pool: Vec<f32>,
}

impl RandomWeights {
    /// Weights that follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { pool: NoiseGenerator::new(seed).normal(POOL) }
    }

    /// The tensor `name` with `shape`, as `dtype`.
    pub(crate) fn draw(&self, name: &str, shape: &[usize], dtype: FloatDType) -> TensorData {
        match dtype {
            FloatDType::BF16 => {
                let mut narrow = vec![half::bf16::ZERO; shape.iter().product()];
                self.fill(name, shape, &mut narrow, |narrow, wide| narrow.convert_from_f32_slice(wide));
                TensorData::new(narrow, shape)
            }
            FloatDType::F16 => {
                let mut narrow = vec![half::f16::ZERO; shape.iter().product()];
                self.fill(name, shape, &mut narrow, |narrow, wide| narrow.convert_from_f32_slice(wide));
                TensorData::new(narrow, shape)
            }
            _ => {
                let mut wide = vec![0.0; shape.iter().product()];
                self.fill(name, shape, &mut wide, |wide, numbers| wide.copy_from_slice(numbers));
                TensorData::new(wide, shape)
            }
        }
    }

    /// The tensor `name` in f32, to be packed.
    fn raw(&self, name: &str, shape: &[usize]) -> RawTensor {
        let data = self.draw(name, shape, FloatDType::F32).into_bytes().to_vec().into();
        RawTensor { dtype: WeightType::F32, shape: shape.to_vec(), data }
    }

    /// Writes the tensor's numbers to `out` piece by piece, so that no f32 copy of it is ever whole.
    fn fill<T>(&self, name: &str, shape: &[usize], out: &mut [T], mut write: impl FnMut(&mut [T], &[f32])) {
        const PIECE: usize = 1 << 14;
        let fan_in: usize = shape[1..].iter().product();
        let constant = match shape.len() {
            1 if name.ends_with("weight") => Some(1.0),
            1 => Some(0.0),
            _ => None,
        };
        let scale = 1.0 / (fan_in as f32).sqrt();
        let mut place = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut numbers = [0.0; PIECE];
        for piece in out.chunks_mut(PIECE) {
            let numbers = &mut numbers[..piece.len()];
            place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let start = (place >> 40) as usize % (POOL - PIECE);
            match constant {
                Some(value) => numbers.fill(value),
                None => {
                    for (number, drawn) in numbers.iter_mut().zip(&self.pool[start..]) {
                        *number = drawn * scale;
                    }
                }
            }
            write(piece, numbers);
        }
    }
}

impl ParameterSource for RandomWeights {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        Ok(Some(self.draw(name, shape, dtype)))
    }

    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        packing::pack(packed, &self.raw(name, shape)).map(Some)
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        packing::pack_upsample(arithmetic, &self.raw(name, shape)).map(Some)
    }
}
