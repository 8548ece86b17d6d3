//! What the operations take beside activations.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, ExtensionType, TensorMetadata};
use burn::tensor::Tensor;
use easel_kernels::Packed;

/// The weights of a linear layer or a convolution.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) enum MatrixWeights<B: Backend> {
    /// A tensor as in the checkpoint: `[outputs, inputs]` or `[outputs, inputs, kernel, kernel]`.
    Plain(FloatTensor<B>),
    /// Packed for the CPU's kernels.
    Packed(Arc<Packed>),
}

/// A tensor that may be absent; `Option` cannot pass Burn's extension point.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) enum Optional<B: Backend> {
    /// There is none.
    Absent,
    /// There is one.
    Present(FloatTensor<B>),
}

impl<B: Backend> Optional<B> {
    pub(super) fn get(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }
}

impl<const D: usize> From<Option<Tensor<D>>> for Optional<Dispatch> {
    fn from(tensor: Option<Tensor<D>>) -> Self {
        tensor.map_or(Self::Absent, |tensor| Self::Present(tensor.into_dispatch()))
    }
}

impl<B: Backend> MatrixWeights<B> {
    /// Input channels.
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Plain(tensor) => tensor.shape()[1],
            Self::Packed(packed) => packed.shape().inputs,
        }
    }

    /// Output channels.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Plain(tensor) => tensor.shape()[0],
            Self::Packed(packed) => packed.shape().outputs,
        }
    }
}

/// One to five images of one size, whose channels count as if they stood one after the other: what a layer of a dense block
/// with five layers (RRDB, Wang et al. 2018) sees. `Vec` cannot pass Burn's extension point.
#[derive(Debug, Clone, ExtensionType)]
pub(crate) struct Stack<B: Backend> {
    first: FloatTensor<B>,
    #[extension_type]
    second: Optional<B>,
    #[extension_type]
    third: Optional<B>,
    #[extension_type]
    fourth: Optional<B>,
    #[extension_type]
    fifth: Optional<B>,
}

impl Stack<Dispatch> {
    /// `first`, and up to four more.
    pub(crate) fn new(first: Tensor<4>, more: &[Tensor<4>]) -> Self {
        debug_assert!(more.len() <= 4, "a stack of more than five");
        let more = |index: usize| more.get(index).cloned().into();
        Self { first: first.into_dispatch(), second: more(0), third: more(1), fourth: more(2), fifth: more(3) }
    }
}

impl<B: Backend> Stack<B> {
    pub(super) fn images(self) -> Vec<FloatTensor<B>> {
        let more = [self.second, self.third, self.fourth, self.fifth];
        [self.first].into_iter().chain(more.into_iter().filter_map(Optional::get)).collect()
    }
}

/// How a convolution's kernel goes over the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Side of the square kernel.
    pub(crate) kernel: usize,
    /// Pixels from one place to the next.
    pub(crate) stride: usize,
    /// Zeros before the first row and after the last one.
    pub(crate) padding_rows: (usize, usize),
    /// Zeros before the first column and after the last one.
    pub(crate) padding_columns: (usize, usize),
}

impl Window {
    /// Of a 3×3 kernel that keeps the size.
    pub(crate) const SAME: Self = Self { kernel: 3, stride: 1, padding_rows: (1, 1), padding_columns: (1, 1) };
}

/// How an attention attends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttentionOptions {
    /// Heads, over which the channels are divided.
    pub(crate) heads: usize,
    /// Whether each place attends only to itself and those before it.
    pub(crate) is_causal: bool,
    /// Whether queries and keys may be rounded to 8 bits, where that is faster.
    pub(crate) in_8_bits: bool,
}

/// What a group norm does beside normalizing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GroupNormOptions {
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Whether SiLU follows.
    pub(crate) with_silu: bool,
}
