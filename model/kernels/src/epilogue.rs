//! What is done to the results of a product before they are stored.

use crate::functions::{gelu, leaky_relu, quick_gelu, silu};
use crate::pack::{Order, Packed};
use crate::quantize::Quantization;
use crate::tile::COLUMNS;
use crate::{Arithmetic, Element};

/// A function of each result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activation {
    /// The result itself.
    #[default]
    None,
    /// x·σ(x).
    Silu,
    /// x·Φ(x), with the error function.
    Gelu,
    /// x·σ(1.702·x).
    QuickGelu,
    /// x, or a fifth of it below zero (leaky ReLU with the slope 0.2, as in ESRGAN).
    LeakyRelu,
    /// The first half of the outputs, each times the GELU of its gate in the second half (GEGLU, Shazeer 2020); for
    /// weights in [`Order::Gated`].
    GatedGelu,
}

/// What follows a product: bias, then activation, then residual.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a, E> {
    /// Added to every row: `[outputs]`, or `[images][outputs]` where each image of the batch has its own.
    pub bias: Option<&'a [f32]>,
    /// Applied to each result.
    pub activation: Activation,
    /// Added to the results; of their shape.
    pub residual: Option<&'a [E]>,
}

impl<E> Default for Epilogue<'_, E> {
    fn default() -> Self {
        Self { bias: None, activation: Activation::None, residual: None }
    }
}

/// An epilogue made ready for tiles.
pub(crate) struct Finish<'a, E> {
    weights: &'a Packed,
    /// In the order of the panels' columns: `[images][panels · COLUMNS]`.
    bias: Vec<f32>,
    rows_of_image: usize,
    activation: Activation,
    residual: Option<&'a [E]>,
}

impl<'a, E: Element> Finish<'a, E> {
    /// For `rows` rows.
    pub(crate) fn new(weights: &'a Packed, epilogue: &Epilogue<'a, E>, rows: usize) -> Self {
        let shape = weights.shape();
        let is_gated = epilogue.activation == Activation::GatedGelu;
        assert_eq!(is_gated, shape.order == Order::Gated, "weights in one order and an activation for the other");
        let mut bias = Vec::new();
        let mut rows_of_image = rows.max(1);
        if let Some(numbers) = epilogue.bias.filter(|bias| !bias.is_empty()) {
            let images = numbers.len() / shape.outputs;
            assert_eq!(numbers.len(), images * shape.outputs, "a bias of another length");
            assert!(rows.is_multiple_of(images), "a bias for {images} images in {rows} rows");
            rows_of_image = (rows / images).max(1);
            for numbers in numbers.chunks(shape.outputs) {
                for panel in 0..shape.panels() {
                    let of_column = |column| shape.output(panel, column).map_or(0.0, |output| numbers[output]);
                    bias.extend((0..COLUMNS).map(of_column));
                }
            }
        }
        Self { weights, bias, rows_of_image, activation: epilogue.activation, residual: epilogue.residual }
    }

    /// What is done to the results in the columns of `panel`: looked up once for all its rows.
    #[inline(always)]
    pub(crate) fn panel(&self, panel: usize) -> PanelFinish<'_, 'a, E> {
        let units = (self.weights.shape().arithmetic == Arithmetic::Int8)
            .then(|| (columns(self.weights.scales(), panel), columns(self.weights.sums(), panel)));
        let length = self.weights.shape().panels() * COLUMNS;
        let bias = (!self.bias.is_empty()).then(|| columns(&self.bias, panel));
        PanelFinish { finish: self, units, bias, is_shared: self.bias.len() <= length, panel }
    }
}

/// An epilogue made ready for the columns of one panel.
pub(crate) struct PanelFinish<'f, 'a, E> {
    finish: &'f Finish<'a, E>,
    /// What one unit of each column stands for, and the sum of its weights; of int8 only.
    units: Option<(&'f [f32; COLUMNS], &'f [i32; COLUMNS])>,
    /// The first image's.
    bias: Option<&'f [f32; COLUMNS]>,
    /// Whether all images have the same bias.
    is_shared: bool,
    panel: usize,
}

impl<E: Element> PanelFinish<'_, '_, E> {
    /// Turns one row of a tile, `row` of the product, into results as [`Self::values`] does; of int8, from units.
    #[inline(always)]
    pub(crate) fn row(
        &self,
        sums: &[f32; COLUMNS],
        row: usize,
        quantization: Quantization,
        place: usize,
        places: &mut [E],
    ) {
        let values = match self.units {
            Some((scales, units)) => quantization.numbers(sums, scales, units),
            None => *sums,
        };
        self.values(&values, row, place, places);
    }

    /// Turns the sums of the product's `row` into results that are stored in `places`, which are `place` and the following
    /// ones of the whole.
    #[inline(always)]
    pub(crate) fn values(&self, sums: &[f32; COLUMNS], row: usize, place: usize, places: &mut [E]) {
        let mut values = Line(*sums);
        let values = &mut values.0;
        if let Some(bias) = self.bias {
            let bias = if self.is_shared {
                bias
            } else {
                let panels = self.finish.weights.shape().panels();
                columns(&self.finish.bias, row / self.finish.rows_of_image * panels + self.panel)
            };
            for column in 0..COLUMNS {
                values[column] += bias[column];
            }
        }
        match self.finish.activation {
            Activation::None => {}
            Activation::Silu => values.iter_mut().for_each(|value| *value = silu(*value)),
            Activation::Gelu => values.iter_mut().for_each(|value| *value = gelu(*value)),
            Activation::QuickGelu => values.iter_mut().for_each(|value| *value = quick_gelu(*value)),
            Activation::LeakyRelu => values.iter_mut().for_each(|value| *value = leaky_relu(*value)),
            Activation::GatedGelu => {
                let (values, gates) = values.split_at_mut(COLUMNS / 2);
                for (value, gate) in values.iter_mut().zip(gates) {
                    *value *= gelu(*gate);
                }
            }
        }
        let residual = self.finish.residual.map(|residual| &residual[place..][..places.len()]);
        // Whole panels, whose length is known beforehand, become vector code.
        if let Ok(places) = <&mut [E; COLUMNS]>::try_from(&mut *places) {
            store(values, residual, places);
        } else if let Ok(places) = <&mut [E; COLUMNS / 2]>::try_from(&mut *places) {
            store(values, residual, places);
        } else {
            for (column, place) in places.iter_mut().enumerate() {
                let residual = residual.map_or(0.0, |residual| residual[column].to_f32());
                *place = E::from_f32(values[column] + residual);
            }
        }
    }
}

/// A row of results where the processor reads whole vectors at once.
#[repr(align(64))]
struct Line([f32; COLUMNS]);

/// What `numbers` has for the columns of `panel`.
#[inline(always)]
fn columns<T>(numbers: &[T], panel: usize) -> &[T; COLUMNS] {
    numbers[panel * COLUMNS..].first_chunk().expect("there is one for every column of every panel")
}

/// Stores the first values, plus the residual if there is one.
#[inline(always)]
fn store<E: Element, const N: usize>(values: &[f32; COLUMNS], residual: Option<&[E]>, places: &mut [E; N]) {
    match residual.and_then(|residual| residual.first_chunk::<N>()) {
        Some(residual) => {
            for column in 0..N {
                places[column] = E::from_f32(values[column] + residual[column].to_f32());
            }
        }
        None => {
            for column in 0..N {
                places[column] = E::from_f32(values[column]);
            }
        }
    }
}
