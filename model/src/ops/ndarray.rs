//! ndarray's tensors. It has no bf16: activations are f32, whatever the weights are.

#![expect(deprecated, reason = "ndarray stays selectable for as long as Burn has it")]

use burn_ndarray::NdArrayTensor;
use half::bf16;
use ndarray::{ArcArray, IxDyn};

use super::host_tensor::HostTensor;

const ALONE: &str = "ndarray computes in f32 alone";

impl HostTensor for NdArrayTensor {
    fn contiguous(self) -> Self {
        match self {
            Self::F32(storage) if !storage.view().is_standard_layout() => {
                storage.view().as_standard_layout().into_owned().into_shared().into()
            }
            tensor => tensor,
        }
    }

    fn f32s(&self) -> &[f32] {
        match self {
            Self::F32(storage) => storage.view().to_slice().expect("the tensor is contiguous"),
            _ => unreachable!("{ALONE}"),
        }
    }

    fn bf16s(&self) -> &[bf16] {
        unreachable!("{ALONE}")
    }

    fn try_put(self, numbers: Self, _place: usize) -> Result<Self, (Self, Self)> {
        Err((self, numbers))
    }

    fn of_f32s(numbers: Vec<f32>, dims: &[usize]) -> Self {
        ArcArray::from_shape_vec(IxDyn(dims), numbers).expect("a kernel gives as many numbers as the shape has").into()
    }

    fn of_bf16s(_numbers: Vec<bf16>, _dims: &[usize]) -> Self {
        unreachable!("{ALONE}")
    }
}
