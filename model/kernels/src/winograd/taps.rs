//! Sums of the taps of a panel's 3×3 kernels.

use super::sizes::CONVOLUTION;
use crate::Arithmetic;
use crate::tile::COLUMNS;

/// Numbers in a line of the cache.
pub(super) const LINE: usize = 16;

/// Words from one sum to the next, of so many groups: sums are written side by side, and are not in the same set of the
/// first cache.
#[inline(always)]
pub(super) fn between(groups: usize) -> usize {
    groups * COLUMNS + LINE
}

/// Sums of the weights of one input, for every column.
type Sums<const N: usize> = [[[f32; COLUMNS]; N]; N];

/// The weights of a panel, `[9][group][COLUMNS]`.
pub(super) struct Taps<'a> {
    pub(super) arithmetic: Arithmetic,
    pub(super) words: &'a [u32],
    /// Groups of a tap.
    pub(super) groups: usize,
}

impl Taps<'_> {
    /// Inputs of a tap.
    fn inputs(&self) -> usize {
        self.groups * self.arithmetic.group()
    }

    /// Writes the sums to `words` `[N·N][input][COLUMNS]`.
    #[inline(always)]
    pub(super) fn store_sums<const N: usize>(&self, words: &mut [u32]) {
        for input in 0..self.inputs() {
            for (sum, numbers) in self.sums::<N>(input).as_flattened().iter().enumerate() {
                let words = &mut words[sum * between(self.inputs()) + input * COLUMNS..][..COLUMNS];
                words.iter_mut().zip(numbers).for_each(|(word, number)| *word = number.to_bits());
            }
        }
    }

    /// Writes the sums in pairs of bf16 to `words` `[N·N][pair of inputs][COLUMNS]`.
    #[inline(always)]
    pub(super) fn store_pairs<const N: usize>(&self, words: &mut [u32]) {
        let pairs = self.inputs() / 2;
        for group in 0..pairs {
            let (lower, upper) = (self.sums::<N>(2 * group), self.sums::<N>(2 * group + 1));
            for (sum, lower) in lower.as_flattened().iter().enumerate() {
                let upper = &upper.as_flattened()[sum];
                let words = &mut words[sum * between(pairs) + group * COLUMNS..][..COLUMNS];
                for column in 0..COLUMNS {
                    words[column] = rounded_pair(lower[column], upper[column]);
                }
            }
        }
    }

    /// The sums of an input's weights; of weights in 8 bits, in units.
    #[inline(always)]
    fn sums<const N: usize>(&self, input: usize) -> Sums<N> {
        match self.arithmetic {
            Arithmetic::F32 => self.sums_of(input, f32::from_bits),
            Arithmetic::Bf16 if input.is_multiple_of(2) => self.sums_of(input / 2, |pair| f32::from_bits(pair << 16)),
            Arithmetic::Bf16 => self.sums_of(input / 2, |pair| f32::from_bits(pair & 0xffff_0000)),
            Arithmetic::Int8 => {
                let shift = 24 - 8 * (input % 4) as u32;
                self.sums_of(input / 4, |bytes| ((bytes << shift) as i32 >> 24) as f32)
            }
        }
    }

    /// The sums of one of the inputs in `group`, which `unpack` gives.
    #[inline(always)]
    fn sums_of<const N: usize>(&self, group: usize, unpack: impl Fn(u32) -> f32) -> Sums<N> {
        let first = |tap: usize| -> &[u32; COLUMNS] {
            self.words[(tap * self.groups + group) * COLUMNS..].first_chunk().expect("panels have whole groups")
        };
        let words = [first(0), first(1), first(2), first(3), first(4), first(5), first(6), first(7), first(8)];
        let mut sums = [[[0.0; COLUMNS]; N]; N];
        for column in 0..COLUMNS {
            let mut taps = [[0.0; 3]; 3];
            for tap in 0..9 {
                taps[tap / 3][tap % 3] = unpack(words[tap][column]);
            }
            let of_column = sums_of_taps::<N>(&taps);
            for down in 0..N {
                for across in 0..N {
                    sums[down][across][column] = of_column[down][across];
                }
            }
        }
        sums
    }
}

/// Two finite numbers as the nearest bf16, half-way ones away from zero: in a third of the instructions that rounding them to
/// even takes.
#[inline(always)]
fn rounded_pair(lower: f32, upper: f32) -> u32 {
    const HALF: u32 = 0x8000;
    lower.to_bits().wrapping_add(HALF) >> 16 | upper.to_bits().wrapping_add(HALF) & 0xffff_0000
}

/// The sums of one kernel's weights.
#[inline(always)]
fn sums_of_taps<const N: usize>(taps: &[[f32; 3]; 3]) -> [[f32; N]; N] {
    let mut of_columns = [[0.0; N]; 3];
    for across in 0..3 {
        of_columns[across] = line::<N>([taps[0][across], taps[1][across], taps[2][across]]);
    }
    let mut sums = [[0.0; N]; N];
    for down in 0..N {
        sums[down] = line::<N>([of_columns[0][down], of_columns[1][down], of_columns[2][down]]);
    }
    sums
}

/// The sums of the weights in a line: what `G` makes of them in the paper.
#[inline(always)]
fn line<const N: usize>([first, second, third]: [f32; 3]) -> [f32; N] {
    let ends = first + third;
    let mut sums = [0.0; N];
    if N == CONVOLUTION {
        sums[0] = first;
        sums[1] = 0.5 * (ends + second);
        sums[2] = 0.5 * (ends - second);
        sums[3] = third;
    } else {
        sums[0] = first;
        sums[1] = ends + second;
        sums[2] = third;
    }
    sums
}
