//! Runs the kernels that an image needs on a device and compares them with the CPU.

use burn::tensor::activation::silu;
use burn::tensor::module::{attention, conv2d};
use burn::tensor::ops::{AttentionModuleOptions, ConvOptions};
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};

use super::findings::Findings;
use super::panics::quietly;
use crate::precision::Precision;

type Probe = (&'static str, fn(&Device, FloatDType) -> Tensor<1>);

/// The kernels, each as a small computation on fixed numbers.
const PROBES: [Probe; 3] =
    [("matrix product", matrix_product), ("convolution", convolution), ("attention", attention_heads)];

/// Runs every probe in turn on the device with this name and stops at the first that fails; whether all passed.
pub(super) fn run(device: &Device, precision: Precision, name: &str, findings: &mut Findings) -> bool {
    PROBES.iter().all(|&(probe, kernel)| {
        let answer = compare(device, precision, kernel);
        findings.ask(probe, answer.map_err(|reason| format!("{probe} on {name}: {reason}")))
    })
}

/// Relative error that a sound kernel of this precision stays under by an order of magnitude.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::F16 => 1e-2,
        Precision::Bf16 | Precision::Int8 => 5e-2,
    }
}

fn compare(
    device: &Device,
    precision: Precision,
    probe: fn(&Device, FloatDType) -> Tensor<1>,
) -> Result<String, String> {
    let read = |device: &Device, dtype| -> Result<Vec<f32>, String> {
        quietly(|| probe(device, dtype).cast(FloatDType::F32).try_into_data())?
            .map_err(|error| error.to_string())?
            .try_into_vec::<f32>()
            .map_err(|error| format!("{error:?}"))
    };
    let expected = read(&Device::flex(), FloatDType::F32)?;
    let found = read(device, precision.dtype())?;
    let scale = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let worst = expected.iter().zip(&found).fold(0.0_f32, |worst, (a, b)| {
        let difference = (a - b).abs() / scale;
        // NaN must not pass for agreement.
        if difference.is_nan() { f32::INFINITY } else { worst.max(difference) }
    });
    if worst <= tolerance(precision) {
        Ok(format!("agrees with the CPU in {precision} (largest relative difference {worst:.1e})"))
    } else {
        Err(format!("disagrees with the CPU in {precision} by {worst:.1e} of the largest value"))
    }
}

/// Numbers between −1 and 1 without a pattern that a wrong kernel could hide in.
fn numbers<const D: usize>(device: &Device, dtype: FloatDType, shape: [usize; D], salt: u32) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count as u32)
        .map(|index| {
            let mixed = (index.wrapping_mul(2_654_435_761) ^ salt.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
            (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    Tensor::<D>::from_data(TensorData::new(values, shape), (device, DType::F32)).cast(dtype)
}

fn matrix_product(device: &Device, dtype: FloatDType) -> Tensor<1> {
    let left = numbers(device, dtype, [154, 640], 1);
    let right = numbers(device, dtype, [320, 640], 2);
    left.matmul(right.transpose()).reshape([-1])
}

fn convolution(device: &Device, dtype: FloatDType) -> Tensor<1> {
    let image = numbers(device, dtype, [2, 32, 33, 24], 3);
    let weight = numbers(device, dtype, [64, 32, 3, 3], 4);
    let bias = numbers(device, dtype, [64], 5);
    silu(conv2d(image, weight, Some(bias), ConvOptions::new([1, 1], [1, 1], [1, 1], 1))).reshape([-1])
}

fn attention_heads(device: &Device, dtype: FloatDType) -> Tensor<1> {
    let query = numbers(device, dtype, [2, 5, 256, 64], 6);
    let key = numbers(device, dtype, [2, 5, 77, 64], 7);
    let value = numbers(device, dtype, [2, 5, 77, 64], 8);
    attention(query, key, value, None, None, AttentionModuleOptions::default()).reshape([-1])
}
