//! Times single operations in SDXL's own shapes.

use burn::tensor::{FloatDType, Tensor};
use serde::Serialize;

use super::{Seconds, time};
use crate::device::panics::computing;
use crate::device::{Backend, DeviceChoice};
use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm, Linear, attention_with};
use crate::network::parameters::Parameters;
use crate::noise::NoiseGenerator;
use crate::ops::{AttentionOptions, floats, tensor};
use crate::precision::{Precision, WeightFormat};
use crate::weights::RandomWeights;

/// How fast and how exact one operation is.
#[derive(Debug, Clone, Serialize)]
pub struct OperationReport {
    /// What it is, with its sizes.
    pub name: String,
    /// The times.
    pub seconds: Seconds,
    /// Billions of multiplications and additions a second, at the median; those of norms are not counted.
    pub gflops: f64,
    /// Root mean square of the difference from the same operation in f32, as a share of that of the result.
    pub relative_error: f64,
}

/// One operation's kind and sizes.
enum TimedOperation {
    /// A 3×3 convolution of channels at a side.
    Convolution { input: usize, output: usize, side: usize },
    /// A linear layer on rows.
    Linear { rows: usize, input: usize, output: usize },
    /// Self-attention of heads 64 wide over tokens.
    Attention { heads: usize, tokens: usize },
    /// A group norm and SiLU of channels at a side.
    GroupNormSilu { channels: usize, side: usize },
}

const OPERATIONS: [TimedOperation; 8] = [
    TimedOperation::Convolution { input: 320, output: 320, side: 128 },
    TimedOperation::Convolution { input: 1280, output: 1280, side: 32 },
    TimedOperation::Convolution { input: 128, output: 128, side: 512 },
    TimedOperation::Linear { rows: 4096, input: 640, output: 5120 },
    TimedOperation::Linear { rows: 1024, input: 1280, output: 10240 },
    TimedOperation::Attention { heads: 10, tokens: 4096 },
    TimedOperation::Attention { heads: 20, tokens: 1024 },
    TimedOperation::GroupNormSilu { channels: 320, side: 128 },
];

/// Width of a head of SDXL's UNet.
const HEAD: usize = 64;

impl TimedOperation {
    fn name(&self) -> String {
        match self {
            Self::Convolution { input, output, side } => format!("conv3x3-{input}-{output}-{side}"),
            Self::Linear { rows, input, output } => format!("linear-{rows}-{input}-{output}"),
            Self::Attention { heads, tokens } => format!("attention-{heads}-{tokens}-{HEAD}"),
            Self::GroupNormSilu { channels, side } => format!("group-norm-silu-{channels}-{side}"),
        }
    }

    /// A closure that computes it once; its result is flat.
    fn prepare(
        &self,
        choice: &DeviceChoice,
        format: WeightFormat,
        compute: FloatDType,
    ) -> Result<Box<dyn Fn() -> Tensor<1>>> {
        let device = choice.device();
        let random = RandomWeights::new(0);
        let parameters = Parameters::new(&random, device, format).child(self.name());
        let numbers = |count: usize| NoiseGenerator::new(1).normal(count);
        let image = |channels: usize, side: usize| -> Tensor<4> {
            tensor(numbers(side * side * channels), [1, side, side, channels], device).cast(compute)
        };
        let rows = |rows: usize, width: usize| -> Tensor<3> {
            tensor(numbers(rows * width), [1, rows, width], device).cast(compute)
        };
        Ok(match *self {
            Self::Convolution { input, output, side } => {
                let (layer, x) = (Conv2d::same(&parameters, input, output)?, image(input, side));
                Box::new(move || layer.forward(x.clone()).flatten(0, 3))
            }
            Self::Linear { rows: count, input, output } => {
                let (layer, x) = (Linear::load(&parameters, input, output)?, rows(count, input));
                Box::new(move || layer.forward(x.clone()).flatten(0, 2))
            }
            Self::Attention { heads, tokens } => {
                let x = rows(tokens, heads * HEAD);
                let options = AttentionOptions { heads, is_causal: false, in_8_bits: parameters.in_8_bits() };
                Box::new(move || attention_with(x.clone(), x.clone(), x.clone(), options).flatten(0, 2))
            }
            Self::GroupNormSilu { channels, side } => {
                let (layer, x) = (GroupNorm::load(&parameters, 32, channels, 1e-5)?, image(channels, side));
                Box::new(move || layer.forward_silu(x.clone()).flatten(0, 3))
            }
        })
    }
}

/// Times every operation on the chosen device and compares its result with the one in f32.
///
/// # Errors
/// A failure of the device.
pub fn operations(choice: &DeviceChoice, repeat: u32) -> Result<Vec<OperationReport>> {
    let exact = match choice.backend {
        Backend::Flex | Backend::NdArray => Precision::F32.cpu_format(),
        Backend::Cuda | Backend::Vulkan | Backend::Metal => WeightFormat::plain(FloatDType::F32),
    };
    let report = |operation: &TimedOperation| {
        let expected = computing("the benchmark", || floats(operation.prepare(choice, exact, FloatDType::F32)?()))?;
        let run = operation.prepare(choice, choice.weights(), choice.compute())?;
        let found = computing("the benchmark", || floats(run()))?;
        let runs = time(repeat, 1, || {
            computing("the benchmark", || {
                drop(run());
                choice.wait()
            })
        })?;
        let square = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>();
        let difference = square(&mut expected.iter().zip(&found).map(|(expected, found)| expected - found));
        let size = square(&mut expected.iter().copied());
        Ok(OperationReport {
            name: operation.name(),
            gflops: 2.0 * runs.multiply_adds as f64 / runs.seconds.median / 1e9,
            seconds: runs.seconds,
            relative_error: (difference / size).sqrt(),
        })
    };
    OPERATIONS.iter().map(report).collect()
}
