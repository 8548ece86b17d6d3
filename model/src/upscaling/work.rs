//! What enlarging an image takes, before it is begun: for limits and for estimates.

use super::tiles::Overlap;
use crate::config::UpscalerShape;

/// Memory that the features of one tile may take, in bytes: enough for 1024×1024 by Real-ESRGAN's network in 16 bits.
const TILE_MEMORY: usize = 5 << 28;

/// What one run of a network over an image takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpscalerWork {
    /// Multiplications, each with an addition; by the rate of [`crate::bench::StepRates`] they are a time.
    pub multiply_adds: u64,
    /// Bytes at once, the weights and both images included.
    pub memory: u64,
    /// Tiles that are computed one after the other.
    pub tiles: usize,
    /// Width and height of the result.
    pub size: (u32, u32),
}

impl UpscalerWork {
    /// For an image of `size`, with numbers of `bytes` bytes: 2, or 4 for f32.
    #[must_use]
    pub fn of(shape: UpscalerShape, (width, height): (u32, u32), bytes: usize) -> Self {
        let scale = shape.scale() as u32;
        let multiple = shape.multiple() as u32;
        let padded = (width.next_multiple_of(multiple) as usize, height.next_multiple_of(multiple) as usize);
        let (columns, rows) = Overlap::of(shape).tiles(padded, tile_pixels(shape, bytes));
        let length = |cuts: &[std::ops::Range<usize>]| cuts.iter().map(ExactSizeIterator::len).sum::<usize>() as u64;
        let largest = columns[0].len() * rows[0].len();
        // The result, a row of its tiles, and the image that goes in, in bytes.
        let joined = padded.0 * rows[0].len() + padded.0 * padded.1;
        let images = 3 * (joined * (scale * scale) as usize + padded.0 * padded.1);
        // Weights are held packed, in the larger layers a second time for upsampling.
        let weights = 2 * shape.count_numbers() * bytes as u64;
        Self {
            multiply_adds: shape.multiply_adds() * length(&columns) * length(&rows),
            memory: weights + (largest * shape.working_memory(bytes) + images) as u64,
            tiles: columns.len() * rows.len(),
            size: (width * scale, height * scale),
        }
    }
}

/// Pixels of the largest tile.
pub(super) fn tile_pixels(shape: UpscalerShape, bytes: usize) -> usize {
    (TILE_MEMORY / shape.working_memory(bytes)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_print_stays_within_two_gigabytes() {
        let work = UpscalerWork::of(UpscalerShape::ESRGAN, (1024, 1024), 2);
        assert_eq!((work.size, work.tiles), ((4096, 4096), 1));
        // Real-ESRGAN's network has 16.7 million weights, each of which is used at least once for every pixel.
        assert!(work.multiply_adds > 16_600_000 << 20 && work.multiply_adds < 22_000_000 << 20, "{work:?}");
        assert!(work.memory < 2_000_000_000, "{work:?}");
        let large = UpscalerWork::of(UpscalerShape::ESRGAN, (2048, 2048), 4);
        assert!(large.tiles > 4 && large.memory < 3_000_000_000, "{large:?}");
        assert_eq!(UpscalerWork::of(UpscalerShape::ESRGAN, (1, 1), 4).tiles, 1);
    }
}
