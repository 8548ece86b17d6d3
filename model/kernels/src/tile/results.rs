//! What a tile holds.

#[cfg(doc)]
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
}
