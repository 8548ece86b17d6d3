//! Convolution over channels-last images.

use rayon::prelude::*;

use crate::pack::Packed;
use crate::product::multiply;
use crate::quantize::{Quantization, Range};
use crate::rows::{Rows, gather, ranges};
use crate::target::stored;
use crate::winograd::{self, Cached, Squares, suits_winograd};
use crate::{Arithmetic, Element, Epilogue, Instructions};

/// Results for each output from which on a convolution is computed with fewer products.
pub(crate) const MANY: usize = 256;

/// The shape of a convolution's input and its way over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Images of the batch.
    pub images: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Zeros before the first row and after the last one.
    pub padding_rows: (usize, usize),
    /// Zeros before the first column and after the last one.
    pub padding_columns: (usize, usize),
}

impl ConvolutionShape {
    /// Rows and columns of the result.
    pub fn output(&self) -> (usize, usize) {
        let side = |length: usize, (before, after): (usize, usize)| {
            (length + before + after).checked_sub(self.kernel).map_or(0, |last| last / self.stride + 1)
        };
        (side(self.height, self.padding_rows), side(self.width, self.padding_columns))
    }
}

/// `x` `[images][height][width][channels]` → `[images][height'][width'][outputs]`.
///
/// # Panics
/// If the lengths do not fit together.
pub fn convolution<E: Element>(
    x: &[E],
    shape: &ConvolutionShape,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
) -> Vec<E> {
    convolution_with(x, shape, weights, epilogue, Instructions::best())
}

pub(crate) fn convolution_with<E: Element>(
    x: &[E],
    shape: &ConvolutionShape,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    instructions: Instructions,
) -> Vec<E> {
    let outputs = weights.shape().results();
    assert_eq!(weights.shape().taps, shape.kernel * shape.kernel, "weights of another kernel");
    let rows = Pixels::new(x, *shape, shape.output(), (0, 0));
    // Sums of weights are made anew each time, which pays for more than a few results.
    if shape.stride == 1 && rows.count() >= MANY && suits_winograd(weights.shape()) {
        return winograd_convolution_with(x, shape, weights, epilogue, Cached::default(), instructions);
    }
    stored(rows.count() * outputs, epilogue.residual, |target| {
        multiply(&rows, weights, epilogue, target, |row| row * outputs, instructions);
    })
}

/// A 3×3 convolution with a stride of 1, with fewer products.
pub(crate) fn winograd_convolution_with<E: Element>(
    x: &[E],
    shape: &ConvolutionShape,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    cached: Cached,
    instructions: Instructions,
) -> Vec<E> {
    let &ConvolutionShape { images, height, width, channels, padding_rows, padding_columns, .. } = shape;
    assert_eq!(x.len(), images * height * width * channels, "an image of another size");
    let (rows, columns) = shape.output();
    let first = (0_usize.wrapping_sub(padding_rows.0), 0_usize.wrapping_sub(padding_columns.0));
    let sources = &[(x, channels)];
    let squares = Squares { sources, height, width, images, output: (rows, columns), first, step: 2 };
    stored(images * rows * columns * weights.shape().outputs, epilogue.residual, |target| {
        winograd::convolve::<E, { winograd::CONVOLUTION }>(&squares, weights, epilogue, target, cached, instructions);
    })
}

/// The rows of a convolution seen as a product: one for each place of the result, with the pixels around it.
pub(crate) struct Pixels<'a, E> {
    numbers: &'a [E],
    shape: ConvolutionShape,
    /// Rows and columns of the result.
    output: (usize, usize),
    /// Added to the padding before, to shift the kernel down and right.
    shift: (usize, usize),
}

impl<'a, E: Element> Pixels<'a, E> {
    pub(crate) fn new(
        numbers: &'a [E],
        shape: ConvolutionShape,
        output: (usize, usize),
        shift: (usize, usize),
    ) -> Self {
        let pixels = shape.images * shape.height * shape.width;
        assert_eq!(numbers.len(), pixels * shape.channels, "an image of another size");
        Self { numbers, shape, output, shift }
    }

    /// Where the kernel is for `row`.
    #[inline(always)]
    fn spot(&self, row: usize) -> PixelSpot {
        let ConvolutionShape { height, width, stride, padding_rows, padding_columns, .. } = self.shape;
        let (image, place) = (row / (self.output.0 * self.output.1), row % (self.output.0 * self.output.1));
        let start = |place: usize, shift: usize, padding: usize| (place * stride + shift).wrapping_sub(padding);
        PixelSpot {
            first: image * height * width,
            top: start(place / self.output.1, self.shift.0, padding_rows.0),
            left: start(place % self.output.1, self.shift.1, padding_columns.0),
        }
    }

    /// The pixel that `tap` falls on, if the kernel is at `spot`.
    #[inline(always)]
    fn pixel(&self, spot: PixelSpot, tap: usize) -> Option<usize> {
        let kernel = self.shape.kernel;
        let down = (0..kernel).rev().find(|down| down * kernel <= tap)?;
        // What lies before the first row or column wraps around to very large numbers.
        let y = spot.top.wrapping_add(down);
        let x = spot.left.wrapping_add(tap - down * kernel);
        (y < self.shape.height && x < self.shape.width).then(|| spot.first + y * self.shape.width + x)
    }
}

/// Where the kernel lies on its image.
#[derive(Clone, Copy)]
pub(crate) struct PixelSpot {
    /// The image's first pixel.
    first: usize,
    /// Row of the kernel's first tap; may lie before the image.
    top: usize,
    /// Column of the kernel's first tap; may lie before the image.
    left: usize,
}

impl<E: Element> Rows<E> for Pixels<'_, E> {
    fn count(&self) -> usize {
        self.shape.images * self.output.0 * self.output.1
    }

    fn inputs(&self) -> usize {
        self.shape.channels
    }

    #[inline(always)]
    fn gather(&self, arithmetic: Arithmetic, quantization: Quantization, row: usize, first: usize, left: &mut [u32]) {
        let (spot, channels) = (self.spot(row), self.shape.channels);
        let piece = |tap| self.pixel(spot, tap).map(|pixel| &self.numbers[pixel * channels..][..channels]);
        gather(channels, arithmetic, quantization, first, left, piece);
    }

    fn quantizations(&self, instructions: Instructions) -> Vec<Quantization> {
        // Rows share pixels: the range of each is found once.
        let ranges = ranges(self.numbers, self.shape.channels, instructions);
        let taps = self.shape.kernel * self.shape.kernel;
        (0..self.count())
            .into_par_iter()
            .with_min_len(256)
            .map(|row| {
                let spot = self.spot(row);
                let pixels = (0..taps).filter_map(|tap| self.pixel(spot, tap));
                let range = pixels.map(|pixel| ranges[pixel]).fold(Range::EMPTY, Range::with);
                Quantization::of_range(range, instructions)
            })
            .collect()
    }
}
