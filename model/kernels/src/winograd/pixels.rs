//! Sums of the pixels that a square of results sees.

use std::ops::Range;

use super::round::{Groups, store};
use super::sizes::{CHANNELS, CONVOLUTION};
use crate::Element;

/// Columns of pixels whose sums are kept for the next square: as many as a square sees at most.
const KEPT: usize = 4;

/// The squares of 2×2 results that cover the results of a convolution, and the pixels that they see.
pub(crate) struct Squares<'a, E> {
    /// Images whose channels count as if they stood one after the other, `[images][height][width][channels]`, and the
    /// channels of each: whole chunks of [`CHANNELS`].
    pub(crate) sources: &'a [(&'a [E], usize)],
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) images: usize,
    /// Rows and columns of the results of an image.
    pub(crate) output: (usize, usize),
    /// Row and column of the first pixel that the first square sees; before the image they wrap around.
    pub(crate) first: (usize, usize),
    /// Pixels from one square to the next.
    pub(crate) step: usize,
}

/// Sums of a column of pixels, for each of some channels.
type Column<const N: usize> = [[f32; CHANNELS]; N];

impl<E: Element> Squares<'_, E> {
    /// Squares of all images.
    pub(super) fn count(&self) -> usize {
        self.images * self.output.0.div_ceil(2) * self.output.1.div_ceil(2)
    }

    /// Channels of a pixel.
    pub(super) fn channels(&self) -> usize {
        self.sources.iter().map(|(_, channels)| channels).sum()
    }

    /// Results of all images.
    pub(super) fn results(&self) -> usize {
        self.images * self.output.0 * self.output.1
    }

    /// Image, row and column of a square.
    #[inline(always)]
    fn place(&self, square: usize) -> (usize, usize, usize) {
        let (rows, columns) = (self.output.0.div_ceil(2), self.output.1.div_ceil(2));
        (square / (rows * columns), square / columns % rows, square % columns)
    }

    /// The four results of a square, row by row; none beyond the last row or column.
    #[inline(always)]
    pub(super) fn results_of(&self, square: usize) -> [Option<usize>; 4] {
        let (image, row, column) = self.place(square);
        let (rows, columns) = self.output;
        let mut results = [None; 4];
        for (place, result) in results.iter_mut().enumerate() {
            let (row, column) = (2 * row + place / 2, 2 * column + place % 2);
            if row < rows && column < columns {
                *result = Some((image * rows + row) * columns + column);
            }
        }
        results
    }

    /// Stores the `N`×`N` sums of every square of `squares` in the rows of `groups`.
    #[inline(always)]
    pub(super) fn sums<const N: usize>(&self, squares: Range<usize>, groups: &mut Groups<'_>) {
        let columns = self.output.1.div_ceil(2);
        let mut start = squares.start;
        while start < squares.end {
            let (image, row, column) = self.place(start);
            let count = (columns - column).min(squares.end - start);
            let top = self.first.0.wrapping_add(row * self.step);
            let mut rows = [None; N];
            for (down, place) in rows.iter_mut().enumerate() {
                // What lies before the first row is a very large number.
                let row = top.wrapping_add(down);
                if row < self.height {
                    *place = Some((image * self.height + row) * self.width);
                }
            }
            let mut first = 0;
            for source in self.sources {
                for channel in (0..source.1).step_by(CHANNELS) {
                    let chunk = Chunk { numbers: source.0, channels: source.1, channel, place: first + channel };
                    self.sums_of_row::<N>(&chunk, &rows, column..column + count, start - squares.start, groups);
                }
                first += source.1;
            }
            start += count;
        }
    }

    /// The sums of neighbouring squares, which share columns of pixels. `rows` are the first pixels of the rows.
    #[inline(always)]
    fn sums_of_row<const N: usize>(
        &self,
        chunk: &Chunk<'_, E>,
        rows: &[Option<usize>; N],
        squares: Range<usize>,
        first: usize,
        groups: &mut Groups<'_>,
    ) {
        let mut kept = [[[0.0; CHANNELS]; N]; KEPT];
        let mut sums = [[[0.0; CHANNELS]; N]; N];
        let shared = N - self.step;
        for square in squares.clone() {
            let left = self.first.1.wrapping_add(square * self.step);
            let known = if square == squares.start { 0 } else { shared };
            for across in known..N {
                let column = left.wrapping_add(across);
                let column_in_image = (column < self.width).then_some(column);
                chunk.sum_column(rows, column_in_image, &mut kept[column % KEPT]);
            }
            for down in 0..N {
                let mut pixels = [&kept[0][down]; N];
                for across in 0..N {
                    pixels[across] = &kept[left.wrapping_add(across) % KEPT][down];
                }
                line(pixels, &mut sums[down]);
            }
            store(sums.as_flattened(), groups, first + square - squares.start, chunk.place);
        }
    }
}

/// Some channels of one of the sources.
struct Chunk<'a, E> {
    numbers: &'a [E],
    /// Channels of the source.
    channels: usize,
    /// The first of the chunk.
    channel: usize,
    /// The first of the chunk, counted over all sources.
    place: usize,
}

impl<E: Element> Chunk<'_, E> {
    /// The sums of one column of pixels; outside of the image there are zeros.
    #[inline(always)]
    fn sum_column<const N: usize>(&self, rows: &[Option<usize>; N], column: Option<usize>, sums: &mut Column<N>) {
        let zeros = [E::default(); CHANNELS];
        let mut pixels = [&zeros; N];
        for down in 0..N {
            if let (Some(row), Some(column)) = (rows[down], column) {
                let first = (row + column) * self.channels + self.channel;
                pixels[down] = self.numbers[first..].first_chunk().expect("pixels have whole chunks");
            }
        }
        line(pixels, sums);
    }
}

/// The sums of the pixels in a line, for each channel: what `Bᵀ` makes of them in the paper.
#[inline(always)]
fn line<E: Element, const N: usize>(pixels: [&[E; CHANNELS]; N], sums: &mut [[f32; CHANNELS]; N]) {
    for channel in 0..CHANNELS {
        if N == CONVOLUTION {
            let first = pixels[0][channel].to_f32();
            let second = pixels[1][channel].to_f32();
            let third = pixels[2][channel].to_f32();
            let fourth = pixels[3][channel].to_f32();
            sums[0][channel] = first - third;
            sums[1][channel] = second + third;
            sums[2][channel] = third - second;
            sums[3][channel] = second - fourth;
        } else {
            // Upsampled, the middle pixel comes twice: the third sum is zero, and the second one's factor of 2 is in the
            // weights.
            let first = pixels[0][channel].to_f32();
            let second = pixels[1][channel].to_f32();
            let third = pixels[2][channel].to_f32();
            sums[0][channel] = first - second;
            sums[1][channel] = second;
            sums[2][channel] = second - third;
        }
    }
}
