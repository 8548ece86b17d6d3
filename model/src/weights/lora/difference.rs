//! What a layer's change makes of a weight.

use std::borrow::Cow;

use super::layer::{Form, Side, WeightChange};
use super::merge::Change;
use super::products::Sides;
use super::tensors::Tensors;
use crate::error::Result;

/// `merged`, which is `original` with the changes before this one, with this one too. `shape` is the tensor's.
///
/// # Errors
/// A tensor that cannot be read or has numbers that are not finite.
pub(super) fn add(change: &Change, original: &[f32], merged: Cow<'_, [f32]>, shape: &[usize]) -> Result<Vec<f32>> {
    let tensors = change.file.tensors();
    let Some(weight) = change.of_weight() else {
        let difference = change.layer().bias.as_ref().map(|bias| tensors.numbers(bias)).transpose()?;
        return Ok(added(merged, &difference.unwrap_or_default(), change.weight));
    };
    if let (Form::LowRank(product), None) = (&weight.form, &weight.lengths) {
        // The usual kind is added while it is multiplied.
        return Ok(product.compute(tensors, weight.scale * change.weight, Some(&merged))?.numbers);
    }
    let difference = of_weight(weight, tensors, original, shape)?;
    Ok(added(merged, &difference, change.weight))
}

/// The two matrices whose product is the change, and their inner length; none if it is no such product.
///
/// # Errors
/// As [`add`].
pub(super) fn sides(change: &Change) -> Result<Option<Sides>> {
    match change.of_weight() {
        Some(WeightChange { form: Form::LowRank(product), scale, lengths: None }) => {
            product.sides(change.file.tensors(), scale * change.weight).map(Some)
        }
        _ => Ok(None),
    }
}

/// The length (Frobenius norm) of the change at weight 1.
///
/// # Errors
/// As [`add`].
pub(super) fn length(change: &Change, original: &[f32], shape: &[usize]) -> Result<f32> {
    let difference = match change.of_weight() {
        Some(weight) => of_weight(weight, change.file.tensors(), original, shape)?,
        None => return Ok(0.0),
    };
    let squares: f64 = difference.iter().map(|&number| f64::from(number).powi(2)).sum();
    Ok(squares.sqrt() as f32)
}

fn added(merged: Cow<'_, [f32]>, difference: &[f32], weight: f32) -> Vec<f32> {
    let mut merged = merged.into_owned();
    merged.iter_mut().zip(difference).for_each(|(merged, difference)| *merged += weight * difference);
    merged
}

/// The change of the weight `original` at weight 1.
fn of_weight(weight: &WeightChange, tensors: &Tensors, original: &[f32], shape: &[usize]) -> Result<Vec<f32>> {
    let scale = weight.scale;
    let difference = match &weight.form {
        Form::LowRank(product) => product.compute(tensors, scale, None)?.numbers,
        Form::Hadamard(first, second) => {
            let mut first = first.compute(tensors, scale, None)?.numbers;
            let second = second.compute(tensors, 1.0, None)?.numbers;
            first.iter_mut().zip(second).for_each(|(first, second)| *first *= second);
            first
        }
        Form::Kronecker(left, right) => {
            let (left, right) = (side(left, tensors)?, side(right, tensors)?);
            kronecker(&left, &right, scale)
        }
        Form::Whole(factor) => tensors.numbers(factor)?,
    };
    match &weight.lengths {
        None => Ok(difference),
        Some(lengths) => {
            Ok(with_lengths(original, difference, &tensors.numbers(lengths)?, shape, weight.lengths_are_of_rows()))
        }
    }
}

fn side(side: &Side, tensors: &Tensors) -> Result<(Vec<f32>, usize)> {
    match side {
        Side::Whole(factor) => Ok((tensors.numbers(factor)?, factor.shape[1..].iter().product())),
        Side::Product(product) => {
            let matrix = product.compute(tensors, 1.0, None)?;
            Ok((matrix.numbers, matrix.columns))
        }
    }
}

/// `scale` times the Kronecker product of two matrices, each given with its number of columns.
fn kronecker(left: &(Vec<f32>, usize), right: &(Vec<f32>, usize), scale: f32) -> Vec<f32> {
    let mut result = Vec::with_capacity(left.0.len() * right.0.len());
    for left in left.0.chunks_exact(left.1) {
        for right in right.0.chunks_exact(right.1) {
            for &left in left {
                result.extend(right.iter().map(|right| scale * left * right));
            }
        }
    }
    result
}

/// DoRA: the difference by which the rows of `original + difference` get the `lengths`, or its columns (the inputs of a
/// layer), as older LyCORIS files have it.
fn with_lengths(
    original: &[f32],
    mut difference: Vec<f32>,
    lengths: &[f32],
    shape: &[usize],
    of_rows: bool,
) -> Vec<f32> {
    difference.iter_mut().zip(original).for_each(|(difference, original)| *difference += original);
    let taps: usize = shape[2..].iter().product();
    // Numbers of the place that a number belongs to lie side by side, as many as `run`; then come the next place's.
    let run = if of_rows { difference.len() / lengths.len() } else { taps };
    let mut squares = vec![0.0_f64; lengths.len()];
    for (index, numbers) in difference.chunks_exact(run).enumerate() {
        let sum: f64 = numbers.iter().map(|&number| f64::from(number).powi(2)).sum();
        squares[index % lengths.len()] += sum;
    }
    let factors: Vec<_> = squares
        .iter()
        .zip(lengths)
        // A row of zeros has no direction to be lengthened in.
        .map(|(&squares, &length)| if squares > 0.0 { (f64::from(length) / squares.sqrt()) as f32 } else { 0.0 })
        .collect();
    for (index, (numbers, original)) in difference.chunks_exact_mut(run).zip(original.chunks_exact(run)).enumerate() {
        let factor = factors[index % lengths.len()];
        numbers.iter_mut().zip(original).for_each(|(number, original)| *number = *number * factor - original);
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kronecker_products_are_those_of_the_definition() {
        let product = kronecker(&(vec![1.0, 2.0, 3.0, 4.0], 2), &(vec![1.0, 10.0, 100.0], 3), 2.0);
        assert_eq!(product, [2.0, 20.0, 200.0, 4.0, 40.0, 400.0, 6.0, 60.0, 600.0, 8.0, 80.0, 800.0]);
    }

    #[test]
    fn rows_or_columns_get_the_lengths() {
        let original = [3.0, 0.0, 0.0, 1.0];
        let difference = vec![0.0, 4.0, 0.0, 1.0];
        let rows = with_lengths(&original, difference.clone(), &[10.0, 1.0], &[2, 2], true);
        assert_eq!(rows, [3.0, 8.0, 0.0, 0.0]);
        let columns = with_lengths(&original, difference, &[6.0, 5.0], &[2, 2], false);
        let expected = [6.0 - 3.0, 5.0 * 4.0 / 20_f32.sqrt(), 0.0, 5.0 * 2.0 / 20_f32.sqrt() - 1.0];
        for (found, expected) in columns.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{columns:?}");
        }
        assert_eq!(with_lengths(&[0.0, 0.0], vec![0.0, 0.0], &[1.0], &[1, 2], true), [0.0, 0.0]);
    }
}
