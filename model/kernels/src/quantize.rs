//! Activations in 8 bits: a scale and a zero for each row, found at run time.

use crate::Element;
use crate::functions::{fold, larger};

/// How the numbers of one row become bytes: `x ≈ scale · (byte − zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quantization {
    /// What one unit stands for.
    pub(crate) scale: f32,
    /// Units in one, or 0 for a row of zeros.
    inverse: f32,
    /// The byte that stands for 0.
    pub(crate) zero: u8,
}

impl Quantization {
    /// For numbers in `range`; 0 is always exact.
    #[inline(always)]
    pub(crate) fn of_range(range: Range) -> Self {
        let width = range.largest.max(0.0) - range.least.min(0.0);
        let least = range.least.min(0.0);
        if range.is_strange || !(width > 0.0 && width.is_finite()) {
            // Zeros stay zeros; what is not finite becomes a scale that is not, and so reaches the result.
            let scale = if width == 0.0 && !range.is_strange { 0.0 } else { f32::NAN };
            return Self { scale, inverse: 0.0, zero: 0 };
        }
        let inverse = 255.0 / width;
        Self { scale: width / 255.0, inverse, zero: (-least * inverse).round() as u8 }
    }

    #[inline(always)]
    pub(crate) fn quantize(self, number: f32) -> u8 {
        // Adding 1.5·2²³ rounds to a whole number in the low bits, without a call.
        const MAGIC: f32 = 12_582_912.0;
        let shifted = number * self.inverse + f32::from(self.zero);
        let bounded = if shifted > 255.0 { 255.0 } else { shifted };
        let bounded = if bounded > 0.0 { bounded } else { 0.0 };
        ((bounded + MAGIC).to_bits() & 0xff) as u8
    }
}

/// From the least to the largest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    least: f32,
    largest: f32,
    /// Whether one of them is not a number.
    is_strange: bool,
}

impl Range {
    /// Of no numbers.
    pub(crate) const EMPTY: Self = Self { least: f32::INFINITY, largest: f32::NEG_INFINITY, is_strange: false };

    #[inline(always)]
    pub(crate) fn of<E: Element>(numbers: &[E]) -> Self {
        const LANES: usize = 32;
        let mut least = [f32::INFINITY; LANES];
        let mut largest = [f32::NEG_INFINITY; LANES];
        // A comparison with what is not a number is false: such numbers are seen apart.
        let mut strange = [0_u32; LANES];
        let (chunks, rest) = numbers.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let number = chunk[lane].to_f32();
                least[lane] = if number < least[lane] { number } else { least[lane] };
                largest[lane] = if number > largest[lane] { number } else { largest[lane] };
                strange[lane] |= u32::from(number.is_nan());
            }
        }
        for (lane, number) in rest.iter().enumerate() {
            let number = number.to_f32();
            least[lane] = least[lane].min(number);
            largest[lane] = largest[lane].max(number);
            strange[lane] |= u32::from(number.is_nan());
        }
        Self {
            least: fold(least, |left, right| if left < right { left } else { right }),
            largest: fold(largest, larger),
            is_strange: fold(strange, |left, right| left | right) != 0,
        }
    }

    /// The largest number without its sign; not a number if one is not.
    #[inline(always)]
    pub(crate) fn largest_size(self) -> f32 {
        if self.is_strange { f32::NAN } else { self.largest.max(-self.least).max(0.0) }
    }

    /// Of the numbers of both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            largest: self.largest.max(other.largest),
            is_strange: self.is_strange || other.is_strange,
        }
    }
}
