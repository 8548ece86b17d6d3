//! Convolution over images whose channels lie in several tensors, as in dense blocks (Huang et al. 2017): each layer sees
//! what all layers before it made, and nothing is copied together.

use rayon::prelude::*;

use crate::convolution::MANY;
use crate::pack::Packed;
use crate::product::multiply;
use crate::quantize::{Quantization, Range};
use crate::rows::{Rows, convert, fill_zeros, ranges};
use crate::target::stored;
use crate::winograd::{self, CHANNELS, Cached, Squares, suits_winograd};
use crate::{Arithmetic, Element, Epilogue, Instructions};

/// The images `xs`, each `[images][height][width][its channels]`, as if their channels stood one after the other, →
/// `[images][height][width][outputs]`: a 3×3 convolution that keeps the size, with a row of zeros around.
///
/// # Panics
/// If the lengths do not fit together.
pub fn stacked_convolution<E: Element>(
    xs: &[&[E]],
    [images, height, width]: [usize; 3],
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
) -> Vec<E> {
    stacked_convolution_with(xs, [images, height, width], weights, epilogue, Instructions::best())
}

pub(crate) fn stacked_convolution_with<E: Element>(
    xs: &[&[E]],
    [images, height, width]: [usize; 3],
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    instructions: Instructions,
) -> Vec<E> {
    let shape = weights.shape();
    assert_eq!(shape.taps, 9, "weights of another kernel");
    let pixels = images * height * width;
    let channels: Vec<_> = xs.iter().map(|x| x.len().checked_div(pixels).unwrap_or_default()).collect();
    let fits = xs.iter().zip(&channels).all(|(x, channels)| x.len() == channels * pixels);
    assert!(fits && channels.iter().sum::<usize>() == shape.inputs, "images of other sizes");
    let group = shape.arithmetic.group();
    let joined;
    let sources: Vec<_> = if channels.iter().all(|channels| channels.is_multiple_of(group)) {
        xs.iter().copied().zip(channels).collect()
    } else {
        joined = join(xs, &channels, pixels);
        vec![(joined.as_slice(), shape.inputs)]
    };
    let length = pixels * shape.results();
    stored(length, epilogue.residual, |target| {
        let is_wide = sources.iter().all(|(_, channels)| channels.is_multiple_of(CHANNELS));
        if is_wide && pixels >= MANY && suits_winograd(shape) {
            let first = (0_usize.wrapping_sub(1), 0_usize.wrapping_sub(1));
            let output = (height, width);
            let squares = Squares { sources: &sources, height, width, images, output, first, step: 2 };
            let cached = Cached::default();
            winograd::convolve::<E, { winograd::CONVOLUTION }>(
                &squares,
                weights,
                epilogue,
                target,
                cached,
                instructions,
            );
        } else {
            let rows = Stack { sources, channels: shape.inputs, size: (height, width), images };
            let outputs = shape.results();
            multiply(&rows, weights, epilogue, target, |row| row * outputs, instructions);
        }
    })
}

/// The images as one, for channels that are no whole groups.
fn join<E: Element>(xs: &[&[E]], channels: &[usize], pixels: usize) -> Vec<E> {
    let mut joined = Vec::with_capacity(xs.iter().map(|x| x.len()).sum());
    for pixel in 0..pixels {
        for (x, &channels) in xs.iter().zip(channels) {
            joined.extend_from_slice(&x[pixel * channels..][..channels]);
        }
    }
    joined
}

/// The rows of a product: one for each pixel, with those around it.
struct Stack<'a, E> {
    /// Images, and the channels of each: whole groups, unless there is one.
    sources: Vec<(&'a [E], usize)>,
    /// Channels of all together.
    channels: usize,
    /// Rows and columns of an image.
    size: (usize, usize),
    images: usize,
}

/// A pixel, and where it is in its image.
#[derive(Clone, Copy)]
struct Spot {
    pixel: usize,
    row: usize,
    column: usize,
}

impl<E: Element> Stack<'_, E> {
    #[inline(always)]
    fn spot(&self, row: usize) -> Spot {
        let place = row % (self.size.0 * self.size.1);
        Spot { pixel: row, row: place / self.size.1, column: place % self.size.1 }
    }

    /// The pixel that `tap` falls on, if the kernel is around `spot`.
    #[inline(always)]
    fn pixel(&self, spot: Spot, tap: usize) -> Option<usize> {
        let down = usize::from(tap >= 3) + usize::from(tap >= 6);
        let across = tap - 3 * down;
        // What lies before the first row or column wraps around to very large numbers.
        let (row, column) = ((spot.row + down).wrapping_sub(1), (spot.column + across).wrapping_sub(1));
        let (height, width) = self.size;
        (row < height && column < width).then(|| spot.pixel + down * width + across - width - 1)
    }
}

impl<E: Element> Rows<E> for Stack<'_, E> {
    fn count(&self) -> usize {
        self.images * self.size.0 * self.size.1
    }

    fn inputs(&self) -> usize {
        self.channels
    }

    #[inline(always)]
    fn gather(&self, arithmetic: Arithmetic, quantization: Quantization, row: usize, first: usize, left: &mut [u32]) {
        let group = arithmetic.group();
        let per_tap = self.channels.div_ceil(group);
        let spot = self.spot(row);
        let (mut tap, mut skipped) = (first / per_tap, first % per_tap);
        let mut left = left;
        while !left.is_empty() {
            // Found once for all images.
            let pixel = self.pixel(spot, tap);
            for &(numbers, channels) in &self.sources {
                let groups = channels.div_ceil(group);
                if skipped >= groups {
                    skipped -= groups;
                    continue;
                }
                let count = (groups - skipped).min(left.len());
                let (now, rest) = left.split_at_mut(count);
                match pixel {
                    Some(pixel) => {
                        let numbers = &numbers[pixel * channels..][..channels];
                        let numbers = &numbers[skipped * group..channels.min((skipped + count) * group)];
                        convert(numbers, arithmetic, quantization, now);
                    }
                    None => fill_zeros(arithmetic, quantization, now),
                }
                (left, skipped) = (rest, 0);
                if left.is_empty() {
                    return;
                }
            }
            tap += 1;
        }
    }

    fn quantizations(&self, instructions: Instructions) -> Vec<Quantization> {
        // Rows share pixels: the range of each is found once.
        let mut of_pixels = vec![Range::EMPTY; self.count()];
        for (numbers, channels) in &self.sources {
            for (range, found) in of_pixels.iter_mut().zip(ranges(numbers, *channels, instructions)) {
                *range = range.with(found);
            }
        }
        let of_row = |row: usize| {
            let spot = self.spot(row);
            let pixels = (0..9).filter_map(|tap| self.pixel(spot, tap));
            let range = pixels.map(|pixel| of_pixels[pixel]).fold(Range::EMPTY, Range::with);
            Quantization::of_range(range, instructions)
        };
        (0..self.count()).into_par_iter().with_min_len(256).map(of_row).collect()
    }
}
