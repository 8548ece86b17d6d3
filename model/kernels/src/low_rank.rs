//! A product of two thin matrices, added to rows that are in the cache, on the thread that asks for it.

use std::cell::RefCell;

use rayon::prelude::*;

use crate::buffers::{self, Recycled};
use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Instructions};

/// Of the inner length, what is multiplied at once.
const DEPTH: usize = 256;
/// Numbers from one row of a tile to the next: more than DEPTH, so that rows spread over the first cache's sets.
const STRIDE: usize = DEPTH + 16;

/// A matrix of low rank: the product of two thin ones, of which one row after the other can be had.
pub struct LowRank {
    /// `[rows][inner]`.
    left: Recycled<f32>,
    /// `[strip][inner][COLUMNS]`, in the order in which tiles read it; the last strip is filled up with zeros.
    strips: Recycled<f32>,
    inner: usize,
    columns: usize,
}

thread_local! {
    /// Rows of the left side in the order in which tiles read them.
    static TILES: RefCell<Vec<u32>> = RefCell::default();
}

impl LowRank {
    /// `left` `[rows][inner]` times `right` `[inner][columns]`.
    ///
    /// # Panics
    /// If the lengths do not fit together.
    pub fn new(left: Vec<f32>, right: Vec<f32>, inner: usize) -> Self {
        let columns = right.len() / inner;
        assert!(left.len().is_multiple_of(inner) && right.len() == columns * inner, "other lengths");
        let mut strips = buffers::any::<f32>(columns.div_ceil(COLUMNS) * inner * COLUMNS);
        strips.par_chunks_exact_mut(inner * COLUMNS).enumerate().for_each(|(index, strip)| {
            let start = index * COLUMNS;
            let width = COLUMNS.min(columns - start);
            for (strip, line) in strip.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(right.chunks_exact(columns)) {
                strip[..width].copy_from_slice(&line[start..start + width]);
                strip[width..].fill(0.0);
            }
        });
        drop(Recycled::new(right));
        Self { left: Recycled::new(left), strips: Recycled::new(strips), inner, columns }
    }

    /// Adds the rows `of` of the product to `onto` `[of][columns]`.
    ///
    /// # Panics
    /// If there is no such row, or `onto` has another length.
    pub fn add(&self, of: &[usize], onto: &mut [f32]) {
        assert_eq!(onto.len(), of.len() * self.columns, "other lengths");
        if self.columns == 0 {
            return;
        }
        TILES.with_borrow_mut(|tiles| {
            tiles.resize(of.len().div_ceil(ROWS) * ROWS * STRIDE, 0);
            for first in (0..self.inner).step_by(DEPTH) {
                let depth = DEPTH.min(self.inner - first);
                let left: &[u32] = bytemuck::cast_slice(self.left.as_ref());
                for (tile, row) in tiles.chunks_exact_mut(STRIDE).zip(of) {
                    tile[..depth].copy_from_slice(&left[row * self.inner + first..][..depth]);
                }
                Instructions::best().vectorize(
                    #[inline(always)]
                    || self.add_part(tiles, first, depth, onto),
                );
            }
        });
    }

    /// Adds the part of the product from `first` on along the inner length, of the rows in `tiles`.
    #[inline(always)]
    fn add_part(&self, tiles: &[u32], first: usize, depth: usize, onto: &mut [f32]) {
        let kernel = tile::kernel::<STRIDE>(Arithmetic::F32, Instructions::best());
        let strips: &[u32] = bytemuck::cast_slice(self.strips.as_ref());
        for (index, strip) in strips.chunks_exact(self.inner * COLUMNS).enumerate() {
            let strip = &strip[first * COLUMNS..(first + depth) * COLUMNS];
            let start = index * COLUMNS;
            let width = COLUMNS.min(self.columns - start);
            for (left, onto) in tiles.chunks_exact(ROWS * STRIDE).zip(onto.chunks_mut(ROWS * self.columns)) {
                let mut sums = Tile::ZERO;
                tile::multiply::<STRIDE>(kernel, left, strip, depth, &mut sums);
                for (onto, sums) in onto.chunks_exact_mut(self.columns).zip(&sums.0) {
                    let onto = &mut onto[start..start + width];
                    match onto.first_chunk_mut::<COLUMNS>() {
                        // As a value, which becomes vectors.
                        Some(onto) => *onto = std::array::from_fn(|column| onto[column] + sums[column]),
                        None => onto.iter_mut().zip(sums).for_each(|(onto, sum)| *onto += sum),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_sum_of_products() {
        for (rows, inner, columns) in
            [(1, 1, 1), (3, 2, 5), (4, 64, 32), (9, 7, 70), (32, 3, 33), (2, 1, 0), (14, 600, 40)]
        {
            let number = |index: usize| ((index * 37) % 17) as f32 - 8.0;
            let left: Vec<_> = (0..rows * inner).map(number).collect();
            let right: Vec<_> = (0..inner * columns).map(|index| number(index + 3)).collect();
            // Every second row, the last one first.
            let of: Vec<_> = (0..rows).rev().step_by(2).collect();
            let mut found: Vec<_> = (0..of.len() * columns).map(|index| number(index + 5)).collect();
            let mut expected = found.clone();
            for (place, row) in of.iter().enumerate() {
                for column in 0..columns {
                    let products = (0..inner).map(|k| left[row * inner + k] * right[k * columns + column]);
                    expected[place * columns + column] += products.sum::<f32>();
                }
            }
            LowRank::new(left, right, inner).add(&of, &mut found);
            // Small whole numbers are exact.
            assert_eq!(found, expected, "{rows}×{inner}×{columns}");
        }
    }
}
