//! Normalization over groups of channels and over rows. Statistics are in f32 and f64, whatever the numbers are in.

use rayon::prelude::*;

use crate::buffers;
use crate::functions::silu;
use crate::{Element, Instructions};

/// Pixels whose sums are taken together; fixed, so that results do not depend on the number of threads.
const CHUNK: usize = 64;
/// Sums taken side by side.
const LANES: usize = 32;

/// The shape of a group norm's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupNormShape {
    /// Images of the batch.
    pub images: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Groups of channels.
    pub groups: usize,
}

/// `x` `[images][pixels][channels]` with mean 0 and variance 1 in every group of channels of an image, times
/// `weight` plus `bias` `[channels]`, then SiLU if `with_silu` (Wu & He 2018; `torch.nn.GroupNorm`).
///
/// # Panics
/// If the lengths do not fit together.
pub fn group_norm<E: Element>(
    x: &[E],
    shape: &GroupNormShape,
    weight: &[f32],
    bias: &[f32],
    epsilon: f64,
    with_silu: bool,
) -> Vec<E> {
    group_norm_with(x, shape, weight, bias, epsilon, with_silu, Instructions::best())
}

pub(crate) fn group_norm_with<E: Element>(
    x: &[E],
    shape: &GroupNormShape,
    weight: &[f32],
    bias: &[f32],
    epsilon: f64,
    with_silu: bool,
    instructions: Instructions,
) -> Vec<E> {
    let &GroupNormShape { images, pixels, channels, groups } = shape;
    assert!(groups > 0 && channels.is_multiple_of(groups), "channels that do not divide into groups");
    assert!(x.len() == images * pixels * channels, "an image of another size");
    assert!(weight.len() == channels && bias.len() == channels, "a weight of another length");
    let mut results = buffers::any(x.len());
    if x.is_empty() {
        return results;
    }
    for (image, results) in x.chunks_exact(pixels * channels).zip(results.chunks_exact_mut(pixels * channels)) {
        let moments = moments(image, channels, groups, instructions);
        let (scale, shift) = coefficients(&moments, weight, bias, epsilon);
        scale_and_shift(image, results, &scale, &shift, with_silu, instructions);
    }
    results
}

/// Mean and variance of every group of channels of some pixels `x` `[pixels][channels]`: `[groups]`.
///
/// # Panics
/// If the lengths do not fit together.
pub fn group_moments<E: Element>(x: &[E], channels: usize, groups: usize) -> Vec<[f64; 2]> {
    assert!(groups > 0 && channels > 0 && channels.is_multiple_of(groups), "channels that do not divide into groups");
    assert!(!x.is_empty() && x.len().is_multiple_of(channels), "pixels of another width");
    moments(x, channels, groups, Instructions::best())
}

/// Every channel of `x` `[pixels][channels]` times `scale` plus `shift` `[channels]`, then SiLU if `with_silu`.
///
/// # Panics
/// If the lengths do not fit together.
pub fn scale_shift<E: Element>(x: &[E], scale: &[f32], shift: &[f32], with_silu: bool) -> Vec<E> {
    assert!(!scale.is_empty() && scale.len() == shift.len() && x.len().is_multiple_of(scale.len()), "other channels");
    let mut results = buffers::any(x.len());
    scale_and_shift(x, &mut results, scale, shift, with_silu, Instructions::best());
    results
}

fn scale_and_shift<E: Element>(
    x: &[E],
    results: &mut [E],
    scale: &[f32],
    shift: &[f32],
    with_silu: bool,
    instructions: Instructions,
) {
    let length = CHUNK * scale.len();
    x.par_chunks(length).zip(results.par_chunks_mut(length)).for_each(|(numbers, results)| {
        instructions.vectorize(
            #[inline(always)]
            || apply(numbers, results, scale, shift, with_silu),
        );
    });
}

/// Mean and variance of every group.
fn moments<E: Element>(x: &[E], channels: usize, groups: usize, instructions: Instructions) -> Vec<[f64; 2]> {
    let pivot = &x[..channels];
    let chunk = |chunk: &[E]| {
        instructions.vectorize(
            #[inline(always)]
            || sums(chunk, pivot),
        )
    };
    let sums: Vec<_> = x.par_chunks(CHUNK * channels).map(chunk).collect();
    let (pixels, per_group) = ((x.len() / channels) as f64, channels / groups);
    let of_group = |group: usize| {
        let (mut sum, mut square) = (0.0_f64, 0.0_f64);
        for channel in group * per_group..(group + 1) * per_group {
            let total = |which: usize| sums.iter().map(|chunk| f64::from(chunk[channel][which])).sum::<f64>();
            let (difference, pivot) = (total(0), f64::from(pivot[channel].to_f32()));
            sum += difference + pixels * pivot;
            square += total(1) + 2.0 * pivot * difference + pixels * pivot * pivot;
        }
        let count = per_group as f64 * pixels;
        let mean = sum / count;
        let variance = square / count - mean * mean;
        // `max` would drop what is not a number, which must reach the result.
        [mean, if variance < 0.0 { 0.0 } else { variance }]
    };
    (0..groups).map(of_group).collect()
}

/// For each channel of some pixels, the sum of the differences from `pivot` and of their squares.
#[inline(always)]
fn sums<E: Element>(pixels: &[E], pivot: &[E]) -> Vec<[f32; 2]> {
    let channels = pivot.len();
    let pivot: Vec<f32> = pivot.iter().map(|pivot| pivot.to_f32()).collect();
    let (mut sums, mut squares) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
    for pixel in pixels.chunks_exact(channels) {
        let (sums, squares, pivot) = (&mut sums[..channels], &mut squares[..channels], &pivot[..channels]);
        for channel in 0..channels {
            let difference = pixel[channel].to_f32() - pivot[channel];
            sums[channel] += difference;
            squares[channel] += difference * difference;
        }
    }
    sums.into_iter().zip(squares).map(|(sum, square)| [sum, square]).collect()
}

/// What each channel is multiplied with, and what is added.
fn coefficients(moments: &[[f64; 2]], weight: &[f32], bias: &[f32], epsilon: f64) -> (Vec<f32>, Vec<f32>) {
    let per_group = weight.len() / moments.len();
    let of_channel = |channel: usize| {
        let [mean, variance] = moments[channel / per_group];
        let weight = f64::from(weight[channel]) / (variance + epsilon).sqrt();
        (weight as f32, (f64::from(bias[channel]) - mean * weight) as f32)
    };
    (0..weight.len()).map(of_channel).unzip()
}

#[inline(always)]
fn apply<E: Element>(numbers: &[E], results: &mut [E], scale: &[f32], shift: &[f32], with_silu: bool) {
    let channels = scale.len();
    for (numbers, results) in numbers.chunks_exact(channels).zip(results.chunks_exact_mut(channels)) {
        let (scale, shift) = (&scale[..channels], &shift[..channels]);
        if with_silu {
            for channel in 0..channels {
                results[channel] = E::from_f32(silu(numbers[channel].to_f32() * scale[channel] + shift[channel]));
            }
        } else {
            for channel in 0..channels {
                results[channel] = E::from_f32(numbers[channel].to_f32() * scale[channel] + shift[channel]);
            }
        }
    }
}

/// Rows of `x` of `weight`'s length with mean 0 and variance 1, times `weight` plus `bias` (Ba et al. 2016;
/// `torch.nn.LayerNorm`).
///
/// # Panics
/// If the lengths do not fit together.
pub fn layer_norm<E: Element>(x: &[E], weight: &[f32], bias: &[f32], epsilon: f64) -> Vec<E> {
    layer_norm_with(x, weight, bias, epsilon, Instructions::best())
}

pub(crate) fn layer_norm_with<E: Element>(
    x: &[E],
    weight: &[f32],
    bias: &[f32],
    epsilon: f64,
    instructions: Instructions,
) -> Vec<E> {
    let width = weight.len();
    assert!(bias.len() == width && (width == 0 || x.len().is_multiple_of(width)), "rows of another width");
    let mut results = buffers::any(x.len());
    if width == 0 {
        return results;
    }
    let rows = x.par_chunks_exact(width).zip(results.par_chunks_exact_mut(width)).with_min_len(16);
    rows.for_each(|(row, results)| {
        instructions.vectorize(
            #[inline(always)]
            || {
                let mean = sum(row, |number| number) / width as f32;
                let variance = sum(row, |number| (number - mean) * (number - mean)) / width as f32;
                let inverse = 1.0 / (variance + epsilon as f32).sqrt();
                for index in 0..width {
                    let normal = (row[index].to_f32() - mean) * inverse;
                    results[index] = E::from_f32(normal * weight[index] + bias[index]);
                }
            },
        );
    });
    results
}

/// The sum of a function of each number, in lanes.
#[inline(always)]
fn sum<E: Element>(numbers: &[E], function: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += function(chunk[lane].to_f32());
        }
    }
    for (lane, number) in rest.iter().enumerate() {
        sums[lane] += function(number.to_f32());
    }
    sums.into_iter().sum()
}
