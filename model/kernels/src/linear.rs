//! The fully connected layer.

#![allow(unsafe_code)]

use crate::buffers;
use crate::pack::Packed;
use crate::product::{Target, multiply};
use crate::rows::Matrix;
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
    let length = x.len() / shape.inputs * shape.results();
    if let Some(residual) = epilogue.residual {
        assert_eq!(residual.len(), length, "a residual of another length");
    }
    let mut results = buffers::empty(length);
    let target = Target::spare(&mut results);
    multiply(&rows, weights, epilogue, &target, |row| row * shape.results(), instructions);
    // SAFETY: every row's results were written.
    unsafe { results.set_len(length) };
    results
}
