//! The product of rows and packed weights, in blocks that fit the caches.
//!
//! Rows are gathered into blocks for the second cache, one stretch of the inner length at a time; each panel of the
//! weights then meets every row of the block while it is near (Goto & van de Geijn 2008).

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::epilogue::{Finish, PanelFinish};
use crate::pack::Packed;
use crate::prefetch::prefetch;
use crate::quantize::Quantization;
use crate::rows::Rows;
use crate::target::Target;
use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Element, Epilogue, Instructions};

/// Groups of the inner length that are gathered at once.
const DEPTH: usize = 640;
/// Groups from one gathered row to the next: more than DEPTH, so that rows spread over the first cache's sets.
const STRIDE: usize = DEPTH + 16;
/// Tiles, one below the other, whose rows are gathered at once: 400 KiB.
const HEIGHT: usize = 13;
/// Panels that a block meets before the next stretch of the inner length, where there are several.
const WIDTH: usize = 40;

/// The tiles and panels of the block `index`, where all of them are divided into `down` × `across` blocks.
pub(crate) fn block(
    index: usize,
    (tiles, panels): (usize, usize),
    (down, across): (usize, usize),
) -> (Range<usize>, Range<usize>) {
    let share = |count: usize, parts: usize, part: usize| count * part / parts..count * (part + 1) / parts;
    (share(tiles, down, index / across), share(panels, across, index % across))
}

/// Memory that a thread keeps between products.
#[derive(Default)]
struct ProductScratch {
    left: Vec<u32>,
    sums: Vec<Tile>,
}

thread_local! {
    static SCRATCH: RefCell<ProductScratch> = RefCell::default();
    /// Memory for rows that all blocks share, kept by the thread that asks for the product.
    static GATHERED: RefCell<Vec<u32>> = RefCell::default();
}

/// Multiplies every row of `rows` with `weights` and stores `epilogue` of it at `place(row)` of `target`.
///
/// `place` must give every row [`crate::PackedShape::results`] places of its own.
pub(crate) fn multiply<E: Element>(
    rows: &impl Rows<E>,
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    target: &Target<E>,
    place: impl Fn(usize) -> usize + Sync,
    instructions: Instructions,
) {
    let shape = weights.shape();
    assert_eq!(rows.inputs(), shape.inputs, "activations and weights of different widths");
    let quantizations = match shape.arithmetic {
        Arithmetic::Int8 => rows.quantizations(instructions),
        _ => Vec::new(),
    };
    let mut product = Product {
        rows,
        weights,
        finish: Finish::new(weights, epilogue, rows.count()),
        target,
        place,
        quantizations,
        gathered: Vec::new(),
        kernel: tile::kernel::<STRIDE>(shape.arithmetic, instructions),
    };
    let tiles = rows.count().div_ceil(ROWS);
    let (down, across) = divide(tiles, shape.panels(), rayon::current_num_threads());
    if down == 1 && across > 1 {
        product.gathered = GATHERED.take();
        product.gather_all(tiles, instructions);
    }
    (0..down * across).into_par_iter().for_each(|index| {
        let (tiles, panels) = block(index, (tiles, shape.panels()), (down, across));
        SCRATCH.with_borrow_mut(|scratch| {
            instructions.vectorize(
                #[inline(always)]
                || product.block(tiles, panels, scratch),
            );
        });
    });
    if down == 1 && across > 1 {
        GATHERED.set(product.gathered);
    }
}

/// How many blocks there are down the rows and across the panels, so that every thread has as much to do.
fn divide(tiles: usize, panels: usize, threads: usize) -> (usize, usize) {
    // Few rows, such as a text's, are gathered once for all blocks, and every weight is read once.
    if tiles <= HEIGHT && panels >= 4 * threads {
        return (1, 4 * threads);
    }
    let down = tiles.div_ceil(HEIGHT);
    if down >= 4 * threads {
        return (down, 1);
    }
    let down = down.next_multiple_of(threads.min(tiles.max(1))).min(tiles);
    let across = if down >= 2 * threads { 1 } else { (2 * threads).div_ceil(down.max(1)).min(panels.max(1)) };
    (down, across)
}

struct Product<'a, E, R, P> {
    rows: &'a R,
    weights: &'a Packed,
    finish: Finish<'a, E>,
    target: &'a Target<E>,
    place: P,
    quantizations: Vec<Quantization>,
    /// Where few rows meet many panels, all rows: `[passes][tiles · ROWS][STRIDE]`.
    gathered: Vec<u32>,
    kernel: tile::Kernel,
}

impl<E: Element, R: Rows<E>, P: Fn(usize) -> usize + Sync> Product<'_, E, R, P> {
    /// Stretches of the inner length that are multiplied one after the other.
    #[inline(always)]
    fn passes(&self) -> usize {
        self.weights.shape().groups().div_ceil(DEPTH).max(1)
    }

    /// The groups of one of them.
    #[inline(always)]
    fn stretch(&self, pass: usize) -> Range<usize> {
        let (groups, passes) = (self.weights.shape().groups(), self.passes());
        groups * pass / passes..groups * (pass + 1) / passes
    }

    /// Gathers all rows, which are those of `tiles` tiles.
    fn gather_all(&mut self, tiles: usize, instructions: Instructions) {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.resize(self.passes() * tiles * ROWS * STRIDE, 0);
        gathered.par_chunks_exact_mut(ROWS * STRIDE).enumerate().for_each(|(index, left)| {
            let (pass, tile) = (index / tiles, index % tiles);
            instructions.vectorize(
                #[inline(always)]
                || self.gather(&(tile..tile + 1), &self.stretch(pass), left),
            );
        });
        self.gathered = gathered;
    }

    #[inline(always)]
    fn block(&self, tiles: Range<usize>, panels: Range<usize>, scratch: &mut ProductScratch) {
        let passes = self.passes();
        let width = if passes == 1 { panels.len() } else { WIDTH };
        // The kernel writes all of it, each time.
        let mut result = Tile::ZERO;
        if self.gathered.is_empty() {
            scratch.left.resize(HEIGHT * ROWS * STRIDE, 0);
        }
        let mut start = panels.start;
        while start < panels.end {
            let panels = start..(start + width).min(panels.end);
            start = panels.end;
            if passes > 1 {
                scratch.sums.resize(WIDTH * HEIGHT, Tile::ZERO);
            }
            for pass in 0..passes {
                let stretch = self.stretch(pass);
                let left = if self.gathered.is_empty() {
                    self.gather(&tiles, &stretch, &mut scratch.left);
                    &scratch.left[..]
                } else {
                    &self.gathered[pass * tiles.len() * ROWS * STRIDE..]
                };
                for panel in panels.clone() {
                    let right = &self.weights.panel(panel)[stretch.start * COLUMNS..stretch.end * COLUMNS];
                    // Where few rows meet all weights, these come from memory: what is read next comes nearer while this
                    // panel is multiplied, a part of it with each tile.
                    let next = if !self.gathered.is_empty() && panel + 1 < panels.end {
                        &self.weights.panel(panel + 1)[stretch.start * COLUMNS..stretch.end * COLUMNS]
                    } else {
                        &[]
                    };
                    let part = next.len().div_ceil(tiles.len().max(1)).max(1);
                    let mut next = next.chunks(part);
                    let finish = self.finish.panel(panel);
                    for (index, tile) in tiles.clone().enumerate() {
                        next.next().into_iter().for_each(prefetch);
                        let left = &left[index * ROWS * STRIDE..(index + 1) * ROWS * STRIDE];
                        tile::multiply::<STRIDE>(self.kernel, left, right, stretch.len(), &mut result);
                        if passes > 1 {
                            let sum = &mut scratch.sums[(panel - panels.start) * HEIGHT + index];
                            match pass {
                                0 => sum.clone_from(&result),
                                _ => sum.add(&result, self.weights.shape().arithmetic),
                            }
                            if pass + 1 == passes {
                                self.store(tile, panel, &finish, sum);
                            }
                        } else {
                            self.store(tile, panel, &finish, &result);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn gather(&self, tiles: &Range<usize>, stretch: &Range<usize>, left: &mut [u32]) {
        for (index, left) in left.chunks_exact_mut(STRIDE).take(tiles.len() * ROWS).enumerate() {
            let row = tiles.start * ROWS + index;
            let left = &mut left[..stretch.len()];
            if row < self.rows.count() {
                let arithmetic = self.weights.shape().arithmetic;
                self.rows.gather(arithmetic, self.quantization(row), row, stretch.start, left);
            } else {
                left.fill(0);
            }
        }
    }

    #[inline(always)]
    fn quantization(&self, row: usize) -> Quantization {
        self.quantizations.get(row).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn store(&self, tile: usize, panel: usize, finish: &PanelFinish<'_, '_, E>, results: &Tile) {
        let per_panel = self.weights.shape().results_of_panel();
        let count = self.weights.shape().results_of(panel);
        for row_of_tile in 0..ROWS.min(self.rows.count() - tile * ROWS) {
            let row = tile * ROWS + row_of_tile;
            let place = (self.place)(row) + panel * per_panel;
            // SAFETY: one block alone has this tile and this panel.
            let places = unsafe { self.target.places(place, count) };
            finish.row(&results.0[row_of_tile], row, self.quantization(row), place, places);
        }
    }
}
