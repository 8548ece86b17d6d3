//! Flex's tensors, whose memory the kernels use again once they are dropped.

use burn::tensor::{AllocationProperty, Bytes, Element, Shape};
use burn_flex::{FlexTensor, Layout};
use easel_kernels::Recycled;
use half::bf16;

use super::host_tensor::{HostTensor, Number, for_numbers_of};

impl HostTensor for FlexTensor {
    fn contiguous(self) -> Self {
        if self.layout().contiguous_offsets().is_some() { self } else { self.to_contiguous() }
    }

    fn f32s(&self) -> &[f32] {
        self.as_slice().expect("the tensor is contiguous and of f32")
    }

    fn bf16s(&self) -> &[bf16] {
        self.as_slice().expect("the tensor is contiguous and of bf16")
    }

    fn try_put(mut self, numbers: Self, place: usize) -> Result<Self, (Self, Self)> {
        if self.layout().contiguous_offsets() != Some((0, self.layout().num_elements())) {
            return Err((self, numbers));
        }
        for_numbers_of!(numbers, N => match self.try_storage_mut::<N>() {
            Some(whole) => {
                let numbers = N::of(&numbers);
                easel_kernels::copy(numbers, &mut whole[place..place + numbers.len()]);
                Ok(self)
            }
            None => Err((self, numbers)),
        })
    }

    fn of_f32s(numbers: Vec<f32>, dims: &[usize]) -> Self {
        recycled(numbers, dims)
    }

    fn of_bf16s(numbers: Vec<bf16>, dims: &[usize]) -> Self {
        recycled(numbers, dims)
    }
}

fn recycled<N: easel_kernels::Element + Element>(numbers: Vec<N>, dims: &[usize]) -> FlexTensor {
    let bytes = Bytes::from_shared(bytes::Bytes::from_owner(Recycled::new(numbers)), AllocationProperty::Other);
    FlexTensor::new(bytes, Layout::contiguous(Shape::from(dims.to_vec())), N::dtype())
}
