//! Every kernel against its definition in plain loops and f64, on random shapes, for every set of instructions that the
//! processor has.

mod attention;
mod convolution;
mod linear;
mod norm;
mod shapes;
mod stacked;
mod threads;
mod winograd;

use half::bf16;
pub(crate) use shapes::shapes;

use crate::pack::{Packed, PackedShape};
use crate::quantize::{Quantization, Range};
use crate::{Arithmetic, Element, Instructions};

/// Random numbers that are the same in every run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    /// From `least` to `largest`, both included.
    pub(super) fn between(&mut self, least: usize, largest: usize) -> usize {
        least + self.next() as usize % (largest - least + 1)
    }

    pub(super) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, choices.len() - 1)]
    }

    pub(super) fn yes(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// Numbers in −1…1, exact in `E`.
    pub(super) fn numbers<E: Element>(&mut self, count: usize) -> Vec<E> {
        (0..count).map(|_| E::from_f32(self.next() as f32 / (1_u64 << 30) as f32 - 1.0)).collect()
    }
}

/// Runs a test once for each pair of an activation's and a product's number format.
macro_rules! for_every_format {
    ($run:ident) => {
        for arithmetic in $crate::Arithmetic::ALL {
            $run::<f32>(arithmetic);
            $run::<half::bf16>(arithmetic);
        }
    };
}
pub(crate) use for_every_format;

/// Packed random weights and the same as numbers, as far as their format kept them.
pub(super) fn weights(random: &mut Random, shape: PackedShape) -> (Packed, Vec<f64>) {
    let packed = Packed::pack(shape, &random.numbers::<f32>(shape.outputs * shape.inputs * shape.taps));
    let numbers = packed.unpack().into_iter().map(f64::from).collect();
    (packed, numbers)
}

/// The sum of the products of one row's activations with one output's weights, and how far a kernel may be off.
pub(super) fn dot<E: Element>(
    arithmetic: Arithmetic,
    instructions: Instructions,
    activations: &[E],
    weights: &[f64],
) -> (f64, f64) {
    let (mut sum, mut size, mut weight) = (0.0, 0.0, 0.0);
    for (activation, other) in activations.iter().zip(weights) {
        let activation = match arithmetic {
            Arithmetic::Bf16 => f64::from(<bf16 as Element>::from_f32(activation.to_f32()).to_f32()),
            _ => f64::from(activation.to_f32()),
        };
        sum += activation * other;
        size += (activation * other).abs();
        weight += other.abs();
    }
    let rounding = 1e-6 * size;
    let bound = match arithmetic {
        Arithmetic::Int8 => {
            let scale = Quantization::of_range(Range::of(activations), instructions).scale;
            rounding + 0.501 * f64::from(scale) * weight
        }
        _ => rounding,
    };
    (sum, bound)
}

/// Whether a result is as close to what it should be as its number format and `bound` allow.
pub(super) fn assert_close<E: Element>(result: E, expected: f64, bound: f64, what: impl FnOnce() -> String) {
    let step = if size_of::<E>() == 2 { 1.0 / 250.0 } else { 1e-6 };
    let error = (f64::from(result.to_f32()) - expected).abs();
    assert!(
        error <= bound + step * (expected.abs() + bound) + 1e-6,
        "{} is not {expected}: {}",
        result.to_f32(),
        what()
    );
}

/// Runs `kernel` with every set of instructions.
pub(super) fn each<T>(kernel: impl Fn(Instructions) -> T, mut check: impl FnMut(Instructions, T)) {
    for instructions in Instructions::available() {
        check(instructions, kernel(instructions));
    }
}

/// Each pixel of images `[images, height, width, channels]` four times, in a square.
fn upsampled<E: Copy>(x: &[E], [images, height, width, channels]: [usize; 4]) -> Vec<E> {
    (0..images * 4 * height * width)
        .flat_map(|pixel| {
            let (image, row, column) =
                (pixel / (4 * height * width), pixel / (2 * width) % (2 * height), pixel % (2 * width));
            let pixel = (image * height + row / 2) * width + column / 2;
            &x[pixel * channels..][..channels]
        })
        .copied()
        .collect()
}
