//! Upsampling of an image by two and the 3×3 convolution that follows, in one.
//!
//! Each of the four places that a pixel becomes sees only 2×2 pixels of the small image: the weights that fall on the
//! same pixel are added beforehand, and of nine products four are left.

use bytes::Bytes;

use crate::convolution::{ConvolutionShape, Pixels};
use crate::pack::{Packed, PackedShape};
use crate::product::multiply;
use crate::target::stored;
use crate::winograd::{self, Cached, Squares};
use crate::{Activation, Arithmetic, Element, Epilogue, Instructions};

/// The weights of a 3×3 convolution as the four places see them.
#[derive(Debug, Clone)]
pub struct UpsampleWeights {
    /// For top left, top right, bottom left and bottom right: 2×2 taps.
    places: [Packed; 4],
}

impl UpsampleWeights {
    /// What the weights of one place are.
    fn shape(arithmetic: Arithmetic, inputs: usize, outputs: usize) -> PackedShape {
        PackedShape { taps: 4, ..PackedShape::linear(arithmetic, inputs, outputs) }
    }

    /// Bytes that they take when packed.
    pub fn size(arithmetic: Arithmetic, inputs: usize, outputs: usize) -> usize {
        4 * Self::shape(arithmetic, inputs, outputs).bytes()
    }

    /// Packs `weights` `[outputs][inputs][3][3]`.
    ///
    /// # Panics
    /// If `weights` has another length.
    pub fn pack<E: Element>(arithmetic: Arithmetic, inputs: usize, outputs: usize, weights: &[E]) -> Self {
        assert_eq!(weights.len(), outputs * inputs * 9, "weights of another shape");
        // The taps of one side that fall on the first and on the second pixel.
        let falls = |place: usize| if place == 0 { [0..1, 1..3] } else { [0..2, 2..3] };
        let places = [0, 1, 2, 3].map(|place| {
            let (down, across) = (falls(place / 2), falls(place % 2));
            let mut sums = Vec::with_capacity(outputs * inputs * 4);
            for kernel in weights.chunks_exact(9) {
                for rows in &down {
                    for columns in &across {
                        let taps = rows.clone().flat_map(|row| columns.clone().map(move |column| row * 3 + column));
                        sums.push(taps.map(|tap| kernel[tap].to_f32()).sum::<f32>());
                    }
                }
            }
            Packed::pack(Self::shape(arithmetic, inputs, outputs), &sums)
        });
        Self { places }
    }

    /// Weights that were packed before, as [`Self::bytes`] gave them; none if they have another length.
    pub fn from_bytes(arithmetic: Arithmetic, inputs: usize, outputs: usize, bytes: &Bytes) -> Option<Self> {
        let shape = Self::shape(arithmetic, inputs, outputs);
        if bytes.len() != 4 * shape.bytes() {
            return None;
        }
        let part =
            |index: usize| Packed::from_bytes(shape, bytes.slice(index * shape.bytes()..(index + 1) * shape.bytes()));
        Some(Self { places: [part(0)?, part(1)?, part(2)?, part(3)?] })
    }

    /// The packed bytes, to be written to a file, in four parts.
    pub fn bytes(&self) -> [&Bytes; 4] {
        self.places.each_ref().map(Packed::bytes)
    }

    /// What one unit of each column of each place stands for; empty but for int8.
    pub fn scales(&self) -> Vec<f32> {
        self.places.iter().flat_map(|place| place.scales().iter().copied()).collect()
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.places[0].shape().outputs
    }
}

/// `x` `[images][height][width][channels]` → `[images][2·height][2·width][outputs]`: nearest-neighbour upsampling by two,
/// then a 3×3 convolution with one row of zeros around. `bias` is `[outputs]`; `activation` follows.
///
/// `(at_top, at_bottom)` say where `x` is the edge of the image. Where it is not, its first or last row only is the
/// neighbour of others, and has no places in the result.
///
/// # Panics
/// If the lengths do not fit together.
pub fn upsample_convolution<E: Element>(
    x: &[E],
    shape: [usize; 4],
    weights: &UpsampleWeights,
    (bias, activation): (Option<&[f32]>, Activation),
    edges: (bool, bool),
) -> Vec<E> {
    upsample_convolution_with(x, shape, weights, (bias, activation), edges, Instructions::best())
}

pub(crate) fn upsample_convolution_with<E: Element>(
    x: &[E],
    [images, height, width, channels]: [usize; 4],
    weights: &UpsampleWeights,
    (bias, activation): (Option<&[f32]>, Activation),
    (at_top, at_bottom): (bool, bool),
    instructions: Instructions,
) -> Vec<E> {
    let outputs = weights.outputs();
    let (padding_rows, padding_columns) = ((1, 1), (1, 1));
    let shape =
        ConvolutionShape { images, height, width, channels, kernel: 2, stride: 1, padding_rows, padding_columns };
    let neighbours = (usize::from(!at_top), usize::from(!at_bottom));
    let lines = height.saturating_sub(neighbours.0 + neighbours.1);
    let epilogue = Epilogue { bias, activation, residual: None };
    let length = 4 * images * lines * width * outputs;
    stored(length, None, |target| {
        for (index, packed) in weights.places.iter().enumerate() {
            let (down, across) = (index / 2, index % 2);
            let rows = Pixels::new(x, shape, (lines, width), (down + neighbours.0, across));
            let place = |row: usize| {
                let (line, column) = (row / width, row % width);
                ((2 * line + down) * 2 * width + 2 * column + across) * outputs
            };
            multiply(&rows, packed, &epilogue, target, place, instructions);
        }
    })
}

/// What [`upsample_convolution`] does, from the weights of the 3×3 convolution itself and with fewer products, where they
/// [suit](crate::suits_winograd) that.
///
/// # Panics
/// If the lengths do not fit together.
pub fn winograd_upsample_convolution<E: Element>(
    x: &[E],
    shape: [usize; 4],
    weights: &Packed,
    (bias, activation): (Option<&[f32]>, Activation),
    edges: (bool, bool),
) -> Vec<E> {
    winograd_upsample_convolution_with(
        x,
        shape,
        weights,
        (bias, activation),
        edges,
        Cached::default(),
        Instructions::best(),
    )
}

pub(crate) fn winograd_upsample_convolution_with<E: Element>(
    x: &[E],
    [images, height, width, channels]: [usize; 4],
    weights: &Packed,
    (bias, activation): (Option<&[f32]>, Activation),
    (at_top, at_bottom): (bool, bool),
    cached: Cached,
    instructions: Instructions,
) -> Vec<E> {
    assert_eq!(x.len(), images * height * width * channels, "an image of another size");
    let neighbours = (usize::from(!at_top), usize::from(!at_bottom));
    let lines = height.saturating_sub(neighbours.0 + neighbours.1);
    // The pixel above and left of the first one that is upsampled.
    let first = (neighbours.0.wrapping_sub(1), 0_usize.wrapping_sub(1));
    let output = (2 * lines, 2 * width);
    let squares = Squares { sources: &[(x, channels)], height, width, images, output, first, step: 1 };
    let epilogue = Epilogue { bias, activation, residual: None };
    let length = 4 * images * lines * width * weights.shape().outputs;
    stored(length, None, |target| {
        winograd::convolve::<E, { winograd::UPSAMPLING }>(&squares, weights, &epilogue, target, cached, instructions);
    })
}
