//! A product of two thin matrices, added to rows that are in the cache, on the thread that asks for it.

use std::cell::RefCell;

use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Instructions};

/// Of the inner length, what is multiplied at once.
const DEPTH: usize = 256;
/// Numbers from one row of a tile to the next: more than DEPTH, so that rows spread over the first cache's sets.
const STRIDE: usize = DEPTH + 16;

thread_local! {
    /// Both sides in the order in which tiles read them.
    static SIDES: RefCell<(Vec<u32>, Vec<u32>)> = RefCell::default();
}

/// Adds `left` `[rows][inner]` times `right` `[inner][columns]` to `onto` `[rows][columns]`.
///
/// # Panics
/// If the lengths do not fit together.
pub fn add_product(left: &[f32], right: &[f32], inner: usize, onto: &mut [f32]) {
    let (rows, columns) = (left.len() / inner, right.len() / inner);
    assert_eq!((left.len(), right.len(), onto.len()), (rows * inner, columns * inner, rows * columns), "other lengths");
    let kernel = tile::kernel::<STRIDE>(Arithmetic::F32, Instructions::best());
    SIDES.with_borrow_mut(|(tiles, strip)| {
        for first in (0..inner).step_by(DEPTH) {
            let depth = DEPTH.min(inner - first);
            tiles.clear();
            tiles.resize(rows.div_ceil(ROWS) * ROWS * STRIDE, 0);
            for (tile, numbers) in tiles.chunks_exact_mut(STRIDE).zip(left.chunks_exact(inner)) {
                tile.iter_mut().zip(&numbers[first..first + depth]).for_each(|(bits, number)| *bits = number.to_bits());
            }
            for start in (0..columns).step_by(COLUMNS) {
                let width = COLUMNS.min(columns - start);
                strip.clear();
                strip.resize(depth * COLUMNS, 0);
                let lines = right[first * columns..].chunks_exact(columns);
                for (strip, numbers) in strip.chunks_exact_mut(COLUMNS).zip(lines) {
                    let numbers = &numbers[start..start + width];
                    strip.iter_mut().zip(numbers).for_each(|(bits, number)| *bits = number.to_bits());
                }
                for (left, onto) in tiles.chunks_exact(ROWS * STRIDE).zip(onto.chunks_mut(ROWS * columns)) {
                    let mut sums = Tile::ZERO;
                    tile::multiply::<STRIDE>(kernel, left, strip, depth, &mut sums);
                    for (onto, sums) in onto.chunks_exact_mut(columns).zip(&sums.0) {
                        onto[start..start + width].iter_mut().zip(sums).for_each(|(onto, sum)| *onto += sum);
                    }
                }
            }
        }
    });
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
            let mut found: Vec<_> = (0..rows * columns).map(|index| number(index + 5)).collect();
            let mut expected = found.clone();
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let products = (0..inner).map(|k| left[row * inner + k] * right[k * columns + column]);
                expected[row * columns + column] += products.sum::<f32>();
            }
            add_product(&left, &right, inner, &mut found);
            // Small whole numbers are exact.
            assert_eq!(found, expected, "{rows}×{inner}×{columns}");
        }
    }
}
