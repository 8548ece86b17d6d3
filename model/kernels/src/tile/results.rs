//! What a tile holds.

use crate::Arithmetic;

/// Rows of a tile.
pub(crate) const ROWS: usize = 12;
/// Columns of a tile.
pub(crate) const COLUMNS: usize = 32;

/// The results of a tile, row by row: f32, or i32 in the same bits for [`Arithmetic::Int8`].
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct Tile(pub(crate) [[f32; COLUMNS]; ROWS]);

impl Tile {
    pub(crate) const ZERO: Self = Self([[0.0; COLUMNS]; ROWS]);

    /// Adds the results of a product in `arithmetic`.
    #[inline(always)]
    pub(crate) fn add(&mut self, more: &Self, arithmetic: Arithmetic) {
        let is_int8 = arithmetic == Arithmetic::Int8;
        for (sum, &number) in self.0.as_flattened_mut().iter_mut().zip(more.0.as_flattened()) {
            *sum = if is_int8 { f32::from_bits(sum.to_bits().wrapping_add(number.to_bits())) } else { *sum + number };
        }
    }
}
