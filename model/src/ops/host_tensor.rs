//! Tensors in the host's memory, as the kernels take them.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use easel_kernels::Element;
use half::bf16;

/// A tensor in the host's memory.
pub(super) trait HostTensor: TensorMetadata + Sized {
    /// The tensor itself where its numbers lie side by side, such as some rows of an image; else a copy in which they do.
    fn contiguous(self) -> Self;

    /// The numbers of a contiguous tensor of f32.
    fn f32s(&self) -> &[f32];

    /// The numbers of a contiguous tensor of bf16.
    fn bf16s(&self) -> &[bf16];

    /// The tensor with `numbers`, which lie side by side, in place of its own from `place` on, changed where it lies; both as
    /// they were where that cannot be.
    fn try_put(self, numbers: Self, place: usize) -> Result<Self, (Self, Self)>;

    /// A kernel's results.
    fn of_f32s(numbers: Vec<f32>, dims: &[usize]) -> Self;

    /// A kernel's results.
    fn of_bf16s(numbers: Vec<bf16>, dims: &[usize]) -> Self;
}

/// A number of an activation.
pub(super) trait Number: Element {
    /// The numbers of a contiguous tensor of this number format.
    fn of<T: HostTensor>(tensor: &T) -> &[Self];

    /// A kernel's results as a tensor.
    fn tensor<T: HostTensor>(numbers: Vec<Self>, dims: &[usize]) -> T;
}

impl Number for f32 {
    fn of<T: HostTensor>(tensor: &T) -> &[Self] {
        tensor.f32s()
    }

    fn tensor<T: HostTensor>(numbers: Vec<Self>, dims: &[usize]) -> T {
        T::of_f32s(numbers, dims)
    }
}

impl Number for bf16 {
    fn of<T: HostTensor>(tensor: &T) -> &[Self] {
        tensor.bf16s()
    }

    fn tensor<T: HostTensor>(numbers: Vec<Self>, dims: &[usize]) -> T {
        T::of_bf16s(numbers, dims)
    }
}

/// Runs `$body` with `$number` standing for the number format of `$tensor`.
macro_rules! for_numbers_of {
    ($tensor:expr, $number:ident => $body:expr) => {
        match $tensor.dtype() {
            burn::tensor::DType::F32 => {
                type $number = f32;
                $body
            }
            burn::tensor::DType::BF16 => {
                type $number = half::bf16;
                $body
            }
            other => panic!("there are CPU kernels for activations in f32 and bf16, not in {other:?}"),
        }
    };
}
pub(super) use for_numbers_of;

/// A small tensor, such as a bias, as f32.
pub(super) fn floats<T: HostTensor>(tensor: T) -> Vec<f32> {
    let tensor = tensor.contiguous();
    match tensor.dtype() {
        DType::F32 => tensor.f32s().to_vec(),
        DType::BF16 => tensor.bf16s().iter().map(|number| number.to_f32()).collect(),
        other => panic!("there are CPU kernels for biases in f32 and bf16, not in {other:?}"),
    }
}
