//! The fully connected layer.

use crate::pack::Packed;
use crate::product::multiply;
use crate::rows::{Matrix, Rows};
use crate::target::stored;
use crate::{Element, Epilogue, Instructions};

/// `x` `[rows][inputs]` times `weights`, with `epilogue` → `[rows][results]`.
///
/// # Panics
/// If the lengths do not fit together.
pub fn linear<E: Element>(x: &[E], weights: &Packed, epilogue: &Epilogue<'_, E>) -> Vec<E> {
    linear_with(x, weights, epilogue, Instructions::best())
}

pub(crate) fn linear_with<E: Element>(
    x: &[E],
    weights: &Packed,
    epilogue: &Epilogue<'_, E>,
    instructions: Instructions,
) -> Vec<E> {
    let shape = weights.shape();
    assert!(shape.taps == 1 && shape.inputs > 0 && x.len().is_multiple_of(shape.inputs), "rows of another width");
    let rows = Matrix { numbers: x, inputs: shape.inputs };
    let results = shape.results();
    stored(rows.count() * results, epilogue.residual, |target| {
        multiply(&rows, weights, epilogue, target, |row| row * results, instructions);
    })
}
