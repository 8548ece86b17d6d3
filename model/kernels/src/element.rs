//! Number formats of activations.

use half::bf16;

use crate::pool::Buffers;

/// A number of an activation: f32 or bf16.
pub trait Element: bytemuck::Pod + Send + Sync + Default {
    /// Widens.
    fn to_f32(self) -> f32;
    /// Rounds to the nearest, ties to even.
    fn from_f32(value: f32) -> Self;
    /// The nearest bf16's bits.
    fn to_bf16_bits(self) -> u16;
    /// Where the memory of results is kept between two uses.
    #[doc(hidden)]
    fn buffers() -> &'static Buffers<Self>;
}

impl Element for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn to_bf16_bits(self) -> u16 {
        <bf16 as Element>::from_f32(self).to_bits()
    }

    fn buffers() -> &'static Buffers<Self> {
        static BUFFERS: Buffers<f32> = Buffers::new();
        &BUFFERS
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    /// Without branches, so that a loop of these becomes vector code.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
        let quiet = bits | 0x0040_0000;
        Self::from_bits(((if value.is_nan() { quiet } else { rounded }) >> 16) as u16)
    }

    #[inline(always)]
    fn to_bf16_bits(self) -> u16 {
        self.to_bits()
    }

    fn buffers() -> &'static Buffers<Self> {
        static BUFFERS: Buffers<bf16> = Buffers::new();
        &BUFFERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_the_half_crate_does() {
        let mut bits = 0_u32;
        while bits < u32::MAX - 9973 {
            let value = f32::from_bits(bits);
            let (ours, theirs) = (<bf16 as Element>::from_f32(value), bf16::from_f32(value));
            assert!(ours == theirs || (ours.is_nan() && theirs.is_nan()), "{value:e}: {ours} is not {theirs}");
            bits += 9973;
        }
    }
}
