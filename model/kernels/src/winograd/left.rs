//! Sums of the pixels of some tiles of squares, as the left sides of products.

use std::ops::Range;

use super::pixels::Squares;
use super::round::Groups;
use crate::quantize::{self, Quantization};
use crate::rows::convert;
use crate::tile::ROWS;
use crate::{Arithmetic, Element, Instructions};

/// Where sums lie: `[tile][stretch of the inner length][sum][ROWS][stride]`.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) arithmetic: Arithmetic,
    pub(super) instructions: Instructions,
    /// Sums of a square.
    pub(super) sums: usize,
    /// Groups of the inner length.
    pub(super) groups: usize,
    /// Groups of a stretch.
    pub(super) depth: usize,
    /// Groups from one row to the next.
    pub(super) stride: usize,
}

impl Layout {
    /// Stretches of the inner length.
    #[inline(always)]
    pub(super) fn passes(&self) -> usize {
        self.groups.div_ceil(self.depth)
    }

    /// The groups of a stretch.
    #[inline(always)]
    pub(super) fn stretch(&self, pass: usize) -> Range<usize> {
        pass * self.depth..((pass + 1) * self.depth).min(self.groups)
    }

    /// Words of a tile.
    pub(super) fn words(&self) -> usize {
        self.passes() * self.sums * ROWS * self.stride
    }

    /// The first word of a row.
    #[inline(always)]
    fn row(&self, pass: usize, sum: usize, row: usize) -> usize {
        ((pass * self.sums + sum) * ROWS + row) * self.stride
    }
}

/// The sums of one tile.
pub(super) struct TileSums<'a> {
    pub(super) words: &'a mut [u32],
    /// How the rows of each sum became bytes, `[sum][ROWS]`; of 8 bits only.
    pub(super) quantizations: &'a mut [Quantization],
}

impl TileSums<'_> {
    /// Fills it with the sums of `squares` of an image. `wide` is memory.
    #[inline(always)]
    pub(super) fn fill<E: Element, const N: usize>(
        self,
        image: &Squares<'_, E>,
        squares: Range<usize>,
        layout: &Layout,
        wide: &mut Vec<u32>,
    ) {
        let &Layout { arithmetic, instructions, sums, depth, stride, .. } = layout;
        if arithmetic != Arithmetic::Int8 {
            let mut groups = Groups { words: self.words, arithmetic, instructions, sums, rows: ROWS, stride, depth };
            image.sums::<N>(squares, &mut groups);
            return;
        }
        let rows = squares.len();
        // In pairs of bf16 first: a row's range is known when all of it is there.
        let pairs = 2 * layout.groups;
        let between = pairs + 16;
        wide.resize(sums * ROWS * between, 0);
        let arithmetic = Arithmetic::Bf16;
        let mut groups =
            Groups { words: wide, arithmetic, instructions, sums, rows: ROWS, stride: between, depth: pairs };
        image.sums::<N>(squares, &mut groups);
        for sum in 0..sums {
            for row in 0..rows {
                let numbers: &[half::bf16] = bytemuck::cast_slice(&wide[(sum * ROWS + row) * between..][..pairs]);
                let quantization = Quantization::of_range(quantize::Range::of(numbers), instructions);
                self.quantizations[sum * ROWS + row] = quantization;
                for pass in 0..layout.passes() {
                    let stretch = layout.stretch(pass);
                    let words = &mut self.words[layout.row(pass, sum, row)..][..stretch.len()];
                    convert(&numbers[4 * stretch.start..4 * stretch.end], Arithmetic::Int8, quantization, words);
                }
            }
        }
    }
}

/// The sums of some tiles.
#[derive(Default)]
pub(super) struct SummedPixels {
    words: Vec<u32>,
    quantizations: Vec<Quantization>,
}

impl SummedPixels {
    /// Makes room for `tiles` tiles, each to be filled.
    pub(super) fn tiles(&mut self, layout: &Layout, tiles: usize) -> (&mut [u32], &mut [Quantization]) {
        let (words, quantizations) = (tiles * layout.words(), tiles * layout.sums * ROWS);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        if self.quantizations.len() < quantizations {
            self.quantizations.resize(quantizations, Quantization::default());
        }
        (&mut self.words[..words], &mut self.quantizations[..quantizations])
    }

    /// The rows of a sum in one stretch of a tile, `[ROWS][stride]`.
    #[inline(always)]
    pub(super) fn rows(&self, layout: &Layout, tile: usize, pass: usize, sum: usize) -> &[u32] {
        &self.words[tile * layout.words() + layout.row(pass, sum, 0)..][..ROWS * layout.stride]
    }

    /// How a row of a tile became bytes in each sum; one of every [`ROWS`] is its.
    #[inline(always)]
    pub(super) fn quantizations(&self, layout: &Layout, tile: usize) -> &[Quantization] {
        &self.quantizations[tile * layout.sums * ROWS..][..layout.sums * ROWS]
    }
}
