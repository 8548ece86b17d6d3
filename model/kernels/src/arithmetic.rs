//! Number formats of products.

/// What the two sides of a product are multiplied as; sums are in f32, or in i32 for [`Arithmetic::Int8`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// 32-bit floats.
    F32,
    /// 16-bit brain floats.
    Bf16,
    /// Weights in 8 bits with a scale for each output channel, activations in 8 bits with a scale and a zero for each
    /// row, chosen at run time.
    Int8,
}

impl Arithmetic {
    /// Every arithmetic.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// Numbers in a group of 32 bits, the step in which products go along their inner length.
    pub const fn group(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}
