//! Activations in 8 bits, or 7 ([`Instructions::largest_byte`]): a scale and a zero for each row, found at run time.

use half::bf16;

use crate::functions::{MAGIC, fold, larger};
use crate::tile::COLUMNS;
use crate::{Element, Instructions};

/// How the numbers of one row become bytes: `x ≈ scale · (byte − zero)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quantization {
    /// What one unit stands for.
    pub(crate) scale: f32,
    /// Units in one, or 0 for a row of zeros.
    inverse: f32,
    /// The byte that stands for 0.
    pub(crate) zero: u8,
    /// The largest byte that a number becomes.
    largest: u8,
}

impl Quantization {
    /// For numbers in `range`, as bytes up to [`Instructions::largest_byte`]; 0 is always exact.
    #[inline(always)]
    pub(crate) fn of_range(range: Range, instructions: Instructions) -> Self {
        let largest = instructions.largest_byte();
        let width = range.largest.max(0.0) - range.least.min(0.0);
        let least = range.least.min(0.0);
        if range.is_strange || !(width > 0.0 && width.is_finite()) {
            // Zeros stay zeros; what is not finite becomes a scale that is not, and so reaches the result.
            let scale = if width == 0.0 && !range.is_strange { 0.0 } else { f32::NAN };
            return Self { scale, inverse: 0.0, zero: 0, largest };
        }
        let steps = f32::from(largest);
        let inverse = steps / width;
        Self { scale: width / steps, inverse, zero: (-least * inverse + 0.5) as u8, largest }
    }

    /// What sums of products in 8 bits stand for, of a row that became bytes so: `scales` are what one unit of each column is,
    /// `sums` all units of its weights.
    #[inline(always)]
    pub(crate) fn numbers(
        self,
        products: &[f32; COLUMNS],
        scales: &[f32; COLUMNS],
        sums: &[i32; COLUMNS],
    ) -> [f32; COLUMNS] {
        let zero = i32::from(self.zero);
        let mut numbers = [0.0; COLUMNS];
        for column in 0..COLUMNS {
            let units = products[column].to_bits() as i32 - zero * sums[column];
            numbers[column] = units as f32 * (self.scale * scales[column]);
        }
        numbers
    }

    #[inline(always)]
    pub(crate) fn quantize(self, number: f32) -> u8 {
        // Rounds to a whole number in the low bits, without a call.
        let shifted = number * self.inverse + f32::from(self.zero);
        let largest = f32::from(self.largest);
        let bounded = if shifted > largest { largest } else { shifted };
        let bounded = if bounded > 0.0 { bounded } else { 0.0 };
        ((bounded + MAGIC).to_bits() & 0xff) as u8
    }
}

/// Numbers that are compared at once.
const LANES: usize = 32;

/// Calls `visit` with all numbers, [`LANES`] at a time; some come twice where they are no multiple of these.
#[inline(always)]
fn for_chunks<T: Copy>(numbers: &[T], mut visit: impl FnMut(&[T; LANES])) {
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        visit(chunk);
    }
    if let [first, ..] = rest {
        let mut chunk = [*first; LANES];
        chunk[..rest.len()].copy_from_slice(rest);
        visit(&chunk);
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
        if size_of::<E>() == size_of::<bf16>() {
            return Self::of_halves(bytemuck::cast_slice(numbers));
        }
        let mut least = [f32::INFINITY; LANES];
        let mut largest = [f32::NEG_INFINITY; LANES];
        // A comparison with what is not a number is false: such numbers are seen apart.
        let mut strange = [0_u32; LANES];
        for_chunks(numbers, |chunk| {
            for lane in 0..LANES {
                let number = chunk[lane].to_f32();
                least[lane] = if number < least[lane] { number } else { least[lane] };
                largest[lane] = if number > largest[lane] { number } else { largest[lane] };
                strange[lane] |= u32::from(number.is_nan());
            }
        });
        Self {
            least: fold(least, |left, right| if left < right { left } else { right }),
            largest: fold(largest, larger),
            is_strange: fold(strange, |left, right| left | right) != 0,
        }
    }

    /// Of bf16, given by their bits: as whole numbers, twice as many are compared at once.
    #[inline(always)]
    fn of_halves(halves: &[u16]) -> Self {
        // In the order of the numbers; what is not a number comes before or after all that are.
        let place = |half: u16| (half ^ (half as i16 >> 15) as u16 & 0x7fff) as i16;
        let half = |place: i16| place as u16 ^ (place >> 15) as u16 & 0x7fff;
        let number = |place: i16| f32::from_bits(u32::from(half(place)) << 16);
        if halves.is_empty() {
            return Self::EMPTY;
        }
        let (mut least, mut largest) = ([i16::MAX; LANES], [i16::MIN; LANES]);
        for_chunks(halves, |chunk| {
            for lane in 0..LANES {
                least[lane] = least[lane].min(place(chunk[lane]));
                largest[lane] = largest[lane].max(place(chunk[lane]));
            }
        });
        let (least, largest) = (fold(least, Ord::min), fold(largest, Ord::max));
        let infinite = |sign: u16| place(0x7f80 | sign << 15);
        let is_strange = least < infinite(1) || largest > infinite(0);
        Self { least: number(least), largest: number(largest), is_strange }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Random;

    #[test]
    fn ranges_of_bf16_are_those_of_the_same_numbers_in_f32() {
        let mut random = Random::new(31);
        let strange = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, f32::MIN_POSITIVE];
        for length in (0..200).chain([1000]) {
            let mut numbers: Vec<bf16> = random.numbers(length);
            if length > 0 && random.yes() {
                numbers[random.between(0, length - 1)] = bf16::from_f32(random.choose(&strange));
            }
            let wide: Vec<f32> = numbers.iter().map(|number| number.to_f32()).collect();
            let (range, expected) = (Range::of(&numbers), Range::of(&wide));
            assert_eq!(range.is_strange, expected.is_strange, "{numbers:?}");
            if !range.is_strange {
                assert_eq!(range, expected, "{numbers:?}");
            }
        }
    }
}
