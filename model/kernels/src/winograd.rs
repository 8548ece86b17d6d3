//! 3×3 convolution with fewer products: Winograd's F(2×2, 3×3) (Lavin & Gray 2016).
//!
//! The four results in a square of 2×2 see 4×4 pixels. Of these, and of the nine weights, sums are made, and 16 products
//! of them make the four results, instead of 36. For an image that is upsampled by two, the four places that a pixel
//! becomes see 3×3 pixels, and 9 products are enough: the other sums are zero.
//!
//! Squares are the rows of the products, and each of the 16 or 9 sums has a product of its own. Sums are made for a few
//! tiles of squares, which stay in the second cache until all outputs are computed of them.

#![allow(unsafe_code)]

mod pixels;
mod results;
mod round;
mod sizes;
mod weights;

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::epilogue::Finish;
use crate::pack::{Order, Packed, PackedShape};
use crate::prefetch::prefetch_at;
use crate::product::{Target, block};
use crate::quantize::Quantization;
use crate::tile::{self, COLUMNS, Kernel, ROWS, Tile};
use crate::{Arithmetic, Element, Epilogue, Instructions};
pub(crate) use pixels::Squares;
use results::results_of_products;
use round::Groups;
pub(crate) use sizes::{CHANNELS, CONVOLUTION, UPSAMPLING};
use weights::SummedWeights;

/// Bytes of sums of pixels that are made at once: half of a small second cache.
const NEAR: usize = 400 << 10;
/// Tiles of squares whose sums are made at once, at most.
const HEIGHT: usize = 8;
/// Channels at least: making the sums of fewer takes as long as the products that are saved.
const FEWEST: usize = 128;
/// Bytes of sums of weights at most: they stay in a last cache.
const LARGEST: usize = 20 << 20;
/// Groups of the inner length that are multiplied at once.
const DEPTH: usize = 640;

/// Whether convolutions with such weights are faster with fewer products: 3×3, with a stride of 1, of enough channels, but
/// not of so many that the sums of the weights are read from memory over and over.
pub fn suits_winograd(weights: PackedShape) -> bool {
    let PackedShape { arithmetic, outputs, taps, inputs, order } = weights;
    let is_wide = inputs >= FEWEST && inputs.is_multiple_of(CHANNELS) && outputs >= COLUMNS;
    let sums = 4 / arithmetic.group() * inputs * outputs * CONVOLUTION * CONVOLUTION;
    taps == 9 && order == Order::Plain && arithmetic != Arithmetic::Int8 && is_wide && sums <= LARGEST
}

/// Memory that a thread keeps between convolutions.
#[derive(Default)]
struct Scratch {
    /// Sums of pixels.
    left: Vec<u32>,
    /// Products of the sums of pixels and of weights.
    products: Vec<Tile>,
    /// For each square, its results.
    results: Vec<[Option<usize>; 4]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Convolves the image of `squares` with the 3×3 `weights` and writes `epilogue` of it to `target`
/// `[images][rows][columns][outputs]`. `N` is [`CONVOLUTION`] or [`UPSAMPLING`].
pub(crate) fn convolve<E: Element, const N: usize>(
    squares: &Squares<'_, E>,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    target: &Target<E>,
    instructions: Instructions,
) {
    let shape = weights.shape();
    assert!(shape.taps == 9 && shape.inputs == squares.channels(), "weights of another kernel");
    assert_eq!(shape.order, Order::Plain, "gated outputs of a convolution");
    let groups = shape.groups_of_tap();
    let passes = groups.div_ceil(DEPTH).max(1);
    // Chunks of channels lie in one stretch.
    let depth = groups.div_ceil(passes).next_multiple_of(CHANNELS);
    let (stride, kernel, multiply) = strided(depth, shape.arithmetic, instructions);
    let tiles = squares.count().div_ceil(ROWS);
    let height = (NEAR / (4 * N * N * ROWS * groups)).clamp(1, HEIGHT);
    let threads = rayon::current_num_threads();
    let down = tiles.div_ceil(height).next_multiple_of(threads).min(tiles);
    let across = if down < threads { threads.div_ceil(down.max(1)).min(shape.panels().max(1)) } else { 1 };
    let convolution = Convolution::<E, N> {
        squares,
        weights: SummedWeights::new(weights, instructions),
        shape,
        outputs: shape.outputs,
        finish: Finish::new(weights, epilogue, squares.results()),
        target,
        residual: epilogue.residual,
        groups,
        depth,
        height,
        stride,
        kernel,
        multiply,
        instructions,
    };
    (0..down * across).into_par_iter().for_each(|index| {
        let (tiles, panels) = block(index, (tiles, shape.panels()), (down, across));
        SCRATCH.with_borrow_mut(|scratch| {
            instructions.vectorize(
                #[inline(always)]
                || convolution.block(tiles, panels, scratch),
            );
        });
    });
}

/// Multiplies a tile of slices.
type Multiply = fn(Kernel, &[u32], &[u32], usize, &mut Tile);

/// Groups from one row of sums to the next, and what multiplies such rows.
fn strided(depth: usize, arithmetic: Arithmetic, instructions: Instructions) -> (usize, Kernel, Multiply) {
    // More than the depth, so that rows spread over the first cache's sets.
    macro_rules! of {
        ($stride:literal) => {
            ($stride, tile::kernel::<$stride>(arithmetic, instructions), tile::multiply::<$stride>)
        };
    }
    match depth {
        0..=64 => of!(80),
        65..=128 => of!(144),
        129..=256 => of!(272),
        257..=512 => of!(528),
        _ => of!(656),
    }
}

struct Convolution<'a, E, const N: usize> {
    squares: &'a Squares<'a, E>,
    weights: SummedWeights<N>,
    shape: PackedShape,
    outputs: usize,
    finish: Finish<'a, E>,
    target: &'a Target<E>,
    residual: Option<&'a [E]>,
    /// Groups of the inner length.
    groups: usize,
    /// Groups that are multiplied at once.
    depth: usize,
    /// Tiles of a block at most.
    height: usize,
    stride: usize,
    kernel: Kernel,
    multiply: Multiply,
    instructions: Instructions,
}

impl<E: Element, const N: usize> Convolution<'_, E, N> {
    #[inline(always)]
    fn block(&self, tiles: Range<usize>, panels: Range<usize>, scratch: &mut Scratch) {
        let passes = self.groups.div_ceil(self.depth);
        let rows = self.height * ROWS;
        let squares = tiles.start * ROWS..(tiles.end * ROWS).min(self.squares.count());
        scratch.left.resize(passes * N * N * rows * self.stride, 0);
        // An odd number of tiles: rows of the same place are not in the same set of the first cache.
        let step = self.height | 1;
        scratch.products.resize(N * N * step, Tile::ZERO);
        scratch.results.clear();
        scratch.results.extend(squares.clone().map(|square| self.squares.results_of(square)));
        let (words, arithmetic, instructions) = (&mut scratch.left[..], self.shape.arithmetic, self.instructions);
        let (sums, stride, depth) = (N * N, self.stride, self.depth);
        let mut groups = Groups { words, arithmetic, instructions, sums, rows, stride, depth };
        self.squares.sums::<N>(squares, &mut groups);
        for panel in panels {
            for position in 0..N * N {
                let right = self.weights.of(panel, position);
                let part = |position: usize| scratch.results.len() * position / (N * N);
                for rows in &scratch.results[part(position)..part(position + 1)] {
                    self.prefetch(rows, panel);
                }
                for tile in 0..tiles.len() {
                    let product = &mut scratch.products[position * step + tile];
                    for pass in 0..passes {
                        let stretch = pass * depth..((pass + 1) * depth).min(self.groups);
                        let first = ((pass * N * N + position) * rows + tile * ROWS) * stride;
                        let left = &scratch.left[first..first + ROWS * stride];
                        let right = &right[stretch.start * COLUMNS..stretch.end * COLUMNS];
                        if pass == 0 {
                            (self.multiply)(self.kernel, left, right, stretch.len(), product);
                        } else {
                            let mut more = Tile::ZERO;
                            (self.multiply)(self.kernel, left, right, stretch.len(), &mut more);
                            for (sum, more) in product.0.as_flattened_mut().iter_mut().zip(more.0.as_flattened()) {
                                *sum += more;
                            }
                        }
                    }
                }
            }
            for (row, results) in scratch.results.iter().enumerate() {
                let of = |position: usize| &scratch.products[position * step + row / ROWS].0[row % ROWS];
                let mut products = [[of(0); N]; N];
                for (position, product) in products.as_flattened_mut().iter_mut().enumerate() {
                    *product = of(position);
                }
                self.store(results, panel, &results_of_products(products));
            }
        }
    }

    /// Has the memory brought near that [`Self::store`] will need: the computation meanwhile is longer than the way to it.
    #[inline(always)]
    fn prefetch(&self, rows: &[Option<usize>; 4], panel: usize) {
        let count = (self.outputs - panel * COLUMNS).min(COLUMNS);
        for row in rows.iter().flatten() {
            let place = row * self.outputs + panel * COLUMNS;
            self.target.prefetch(place, count);
            if let Some(residual) = self.residual {
                prefetch_at(residual[place..].as_ptr(), count);
            }
        }
    }

    /// Stores the four results of a square.
    #[inline(always)]
    fn store(&self, rows: &[Option<usize>; 4], panel: usize, results: &[[f32; COLUMNS]; 4]) {
        let count = (self.outputs - panel * COLUMNS).min(COLUMNS);
        let finish = self.finish.panel(panel);
        for (row, results) in rows.iter().zip(results) {
            let Some(row) = *row else { continue };
            let place = row * self.outputs + panel * COLUMNS;
            // SAFETY: one block alone has this square and this panel.
            let places = unsafe { self.target.places(place, count) };
            finish.row(results, row, Quantization::default(), place, places);
        }
    }
}
