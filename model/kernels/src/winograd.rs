//! 3×3 convolution with fewer products: Winograd's F(2×2, 3×3) (Lavin & Gray 2016).
//!
//! The four results in a square of 2×2 see 4×4 pixels. Of these, and of the nine weights, sums are made, and 16 products
//! of them make the four results, instead of 36. For an image that is upsampled by two, the four places that a pixel
//! becomes see 3×3 pixels, and 9 products are enough: the other sums are zero.
//!
//! Squares are the rows of the products, and each of the 16 or 9 sums has a product of its own.

#![allow(unsafe_code)]

mod left;
mod pixels;
mod results;
mod round;
mod sizes;
mod strides;
mod taps;
mod weights;

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::epilogue::Finish;
use crate::pack::{Order, Packed};
use crate::prefetch::prefetch_at;
use crate::product::block;
use crate::target::Target;
use crate::tile::{COLUMNS, Kernel, ROWS, Tile};
use crate::{Arithmetic, Element, Epilogue, Instructions};
use left::{Layout, SummedPixels, TileSums};
pub(crate) use pixels::Squares;
use results::results_of_products;
use sizes::FEWEST_IN_8_BITS;
pub use sizes::suits_winograd;
pub(crate) use sizes::{CHANNELS, CONVOLUTION, Cached, UPSAMPLING};
use strides::{Multiply, strided};
use weights::{PanelSums, SummedWeights};

/// Bytes of sums of pixels that are made at once: half of a small second cache.
const NEAR: usize = 400 << 10;
/// Tiles of squares that meet a panel of weights at once, at most: their products stay in the second cache, beside much else.
const HEIGHT: usize = 2;
/// The same where a panel's sums of weights come from the last cache each time.
const HEIGHT_BY_PANELS: usize = 8;
/// Groups of the inner length that are multiplied at once.
const DEPTH: usize = 640;

/// Memory that a thread keeps between convolutions.
#[derive(Default)]
struct Scratch {
    pixels: SummedPixels,
    /// Sums of pixels before they are rounded to bytes.
    wide: Vec<u32>,
    /// Products of the sums of pixels and of weights.
    products: Vec<Tile>,
    /// For each square, its results.
    results: Vec<[Option<usize>; 4]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// Sums of pixels that all threads share, kept by the one that asks for the convolution.
    static PIXELS: RefCell<SummedPixels> = RefCell::default();
}

/// Convolves the image of `squares` with the 3×3 `weights` and writes `epilogue` of it to `target`
/// `[images][rows][columns][outputs]`. `N` is [`CONVOLUTION`] or [`UPSAMPLING`].
pub(crate) fn convolve<E: Element, const N: usize>(
    squares: &Squares<'_, E>,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    target: &Target<E>,
    cached: Cached,
    instructions: Instructions,
) {
    let shape = weights.shape();
    assert!(shape.taps == 9 && shape.inputs == squares.channels(), "weights of another kernel");
    assert_eq!(shape.order, Order::Plain, "gated outputs of a convolution");
    let has_8_bits = weights.is_summed_in_8_bits() && shape.inputs >= FEWEST_IN_8_BITS;
    let arithmetic = if has_8_bits { Arithmetic::Int8 } else { shape.arithmetic };
    let groups = shape.inputs / arithmetic.group();
    let passes = groups.div_ceil(DEPTH).max(1);
    // Chunks of channels lie in one stretch.
    let depth = groups.div_ceil(passes).next_multiple_of(CHANNELS);
    let (stride, kernel, multiply) = strided(depth, arithmetic, instructions);
    let convolution = Convolution::<E, N> {
        squares,
        weights,
        outputs: shape.outputs,
        finish: Finish::new(weights, epilogue, squares.results()),
        target,
        residual: epilogue.residual,
        layout: Layout { arithmetic, instructions, sums: N * N, groups, depth, stride },
        kernel,
        multiply,
    };
    let tiles = squares.count().div_ceil(ROWS);
    if 4 * N * N * groups * shape.panels() * COLUMNS <= cached.weights {
        convolution.by_tiles(tiles, shape.panels());
    } else {
        convolution.by_panels(tiles, shape.panels(), cached.pixels);
    }
}

struct Convolution<'a, E, const N: usize> {
    squares: &'a Squares<'a, E>,
    weights: &'a Packed,
    outputs: usize,
    finish: Finish<'a, E>,
    target: &'a Target<E>,
    residual: Option<&'a [E]>,
    layout: Layout,
    kernel: Kernel,
    multiply: Multiply,
}

impl<E: Element, const N: usize> Convolution<'_, E, N> {
    /// Makes all sums of weights, then those of the pixels of a few tiles, which stay in the second cache until all outputs
    /// are computed of them.
    fn by_tiles(&self, tiles: usize, panels: usize) {
        let Layout { arithmetic, instructions, groups, .. } = self.layout;
        let weights = SummedWeights::<N>::new(self.weights, 0..panels, arithmetic, instructions);
        let height = (NEAR / (4 * N * N * ROWS * groups)).clamp(1, HEIGHT);
        let threads = rayon::current_num_threads();
        let down = tiles.div_ceil(height).next_multiple_of(threads).min(tiles);
        let across = if down < threads { threads.div_ceil(down.max(1)).min(panels.max(1)) } else { 1 };
        (0..down * across).into_par_iter().for_each(|index| {
            let (tiles, panels) = block(index, (tiles, panels), (down, across));
            SCRATCH.with_borrow_mut(|scratch| {
                let mut pixels = std::mem::take(&mut scratch.pixels);
                instructions.vectorize(
                    #[inline(always)]
                    || {
                        let (words, quantizations) = pixels.tiles(&self.layout, tiles.len());
                        let words = words.chunks_exact_mut(self.layout.words());
                        let places = words.zip(quantizations.chunks_exact_mut(N * N * ROWS));
                        for (tile, (words, quantizations)) in tiles.clone().zip(places) {
                            self.sum_pixels(tile, TileSums { words, quantizations }, &mut scratch.wide);
                        }
                        for panel in panels {
                            self.panel(&pixels, 0, tiles.clone(), weights.panel(panel), panel, scratch);
                        }
                    },
                );
                scratch.pixels = pixels;
            });
        });
    }

    /// Makes the sums of the pixels of many tiles, then those of the weights of a panel, which meet them all before the next
    /// panel: for so many weights that their sums would be read from memory over and over.
    fn by_panels(&self, tiles: usize, panels: usize, cached: usize) {
        let Layout { arithmetic, instructions, .. } = self.layout;
        let threads = rayon::current_num_threads();
        let mut pixels = PIXELS.take();
        let height = (cached / (4 * self.layout.words())).clamp(1, tiles.max(1));
        for start in (0..tiles).step_by(height) {
            let tiles = start..(start + height).min(tiles);
            let (words, quantizations) = pixels.tiles(&self.layout, tiles.len());
            let words = words.par_chunks_exact_mut(self.layout.words());
            let quantizations = quantizations.par_chunks_exact_mut(N * N * ROWS);
            words.zip(quantizations).zip(tiles.clone()).for_each(|((words, quantizations), tile)| {
                SCRATCH.with_borrow_mut(|scratch| {
                    instructions.vectorize(
                        #[inline(always)]
                        || self.sum_pixels(tile, TileSums { words, quantizations }, &mut scratch.wide),
                    );
                });
            });
            let parts = (2 * threads).div_ceil(panels.max(1)).min(tiles.len());
            (0..parts * panels).into_par_iter().for_each(|index| {
                let (part, panel) = block(index, (tiles.len(), panels), (parts, panels));
                let weights = SummedWeights::<N>::new(self.weights, panel.clone(), arithmetic, instructions);
                SCRATCH.with_borrow_mut(|scratch| {
                    instructions.vectorize(
                        #[inline(always)]
                        || {
                            for first in part.clone().step_by(HEIGHT_BY_PANELS) {
                                let few = first..(first + HEIGHT_BY_PANELS).min(part.end);
                                let tiles = tiles.start + few.start..tiles.start + few.end;
                                let weights = weights.panel(panel.start);
                                self.panel(&pixels, few.start, tiles, weights, panel.start, scratch);
                            }
                        },
                    );
                });
            });
        }
        PIXELS.set(pixels);
    }

    /// The squares of some tiles.
    #[inline(always)]
    fn squares(&self, tiles: Range<usize>) -> Range<usize> {
        tiles.start * ROWS..(tiles.end * ROWS).min(self.squares.count())
    }

    #[inline(always)]
    fn sum_pixels(&self, tile: usize, sums: TileSums<'_>, wide: &mut Vec<u32>) {
        sums.fill::<E, N>(self.squares, self.squares(tile..tile + 1), &self.layout, wide);
    }

    /// Computes the outputs of `panel` for `tiles`, whose sums are in `pixels` from the tile `first` on.
    #[inline(always)]
    fn panel(
        &self,
        pixels: &SummedPixels,
        first: usize,
        tiles: Range<usize>,
        weights: PanelSums<'_>,
        panel: usize,
        scratch: &mut Scratch,
    ) {
        let Scratch { products, results, .. } = scratch;
        // An odd number of tiles: rows of the same place are not in the same set of the first cache.
        let step = tiles.len() | 1;
        products.resize((N * N * step).max(products.len()), Tile::ZERO);
        results.clear();
        results.extend(self.squares(tiles.clone()).map(|square| self.squares.results_of(square)));
        for position in 0..N * N {
            let right = weights.of(position);
            let part = |position: usize| results.len() * position / (N * N);
            for rows in &results[part(position)..part(position + 1)] {
                self.prefetch(rows, panel);
            }
            for tile in 0..tiles.len() {
                let product = &mut products[position * step + tile];
                for pass in 0..self.layout.passes() {
                    let stretch = self.layout.stretch(pass);
                    let left = pixels.rows(&self.layout, first + tile, pass, position);
                    let right = &right[stretch.start * COLUMNS..stretch.end * COLUMNS];
                    if pass == 0 {
                        (self.multiply)(self.kernel, left, right, stretch.len(), product);
                    } else {
                        let mut more = Tile::ZERO;
                        (self.multiply)(self.kernel, left, right, stretch.len(), &mut more);
                        product.add(&more, self.layout.arithmetic);
                    }
                }
            }
        }
        for (row, places) in results.iter().enumerate() {
            let (tile, row) = (row / ROWS, row % ROWS);
            let of = |position: usize| &products[position * step + tile].0[row];
            let results = if weights.units.is_empty() {
                let mut sums = [[of(0); N]; N];
                for (position, product) in sums.as_flattened_mut().iter_mut().enumerate() {
                    *product = of(position);
                }
                results_of_products(sums)
            } else {
                let quantizations = pixels.quantizations(&self.layout, first + tile);
                let mut numbers = [[[0.0; COLUMNS]; N]; N];
                for (position, numbers) in numbers.as_flattened_mut().iter_mut().enumerate() {
                    let [scales, sums] = &weights.units[position];
                    let (scales, sums) = (bytemuck::cast_ref(scales), bytemuck::cast_ref(sums));
                    *numbers = quantizations[position * ROWS + row].numbers(of(position), scales, sums);
                }
                results_of_products(numbers.each_ref().map(|numbers| numbers.each_ref()))
            };
            self.store(places, panel, &results);
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
            finish.values(results, row, place, places);
        }
    }
}
