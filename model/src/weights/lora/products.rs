//! Products that a layer's change is made of: shapes are checked when the file is opened, and numbers are read when the
//! change is made.

use super::tensors::{Factor, Tensors};
use crate::error::Result;
use crate::ops::{at_once, product};
use crate::weights::safetensors::{short, shorten};

/// The largest rank: no change of a real model has more, and what is kept in memory at once follows from it.
const LARGEST_RANK: usize = 4096;
/// The largest side of a core, which is as large as the square of it.
const LARGEST_CORE: usize = 1024;

/// Numbers `[rows][columns]`.
pub(super) struct Matrix {
    pub(super) numbers: Vec<f32>,
    pub(super) columns: usize,
}

/// A product of two matrices, or of three tensors (Tucker's decomposition of a convolution).
#[derive(Debug)]
pub(super) struct Product {
    left: Factor,
    right: Factor,
    core: Option<Factor>,
    /// Whether the left factor is `[rank, rows]`, as LyCORIS has it beside a core.
    is_left_transposed: bool,
}

/// Two matrices whose product is a change, row-major, and their inner length.
pub(super) type Sides = (Vec<f32>, Vec<f32>, usize);

impl Product {
    /// `left` `[rows, rank]` times `right` `[rank, columns…]`; with a `core` `[rank, rank, height, width]` the right factor
    /// is `[rank, columns]`.
    ///
    /// # Errors
    /// What does not fit together, in words.
    pub(super) fn new(
        left: Factor,
        right: Factor,
        core: Option<Factor>,
        is_left_transposed: bool,
    ) -> std::result::Result<Self, (String, String)> {
        let fault = |factor: &Factor, message: String| Err((factor.name.clone(), message));
        for factor in [Some(&left), Some(&right), core.as_ref()].into_iter().flatten() {
            if factor.shape.len() < 2 {
                let message = format!("has shape {}; a matrix is needed here", short(&factor.shape));
                return fault(factor, message);
            }
        }
        let product = Self { left, right, core, is_left_transposed };
        let (outer, inner) = (product.left_rank(), product.right.shape[0]);
        if outer.max(inner) > LARGEST_RANK {
            let message = format!("has rank {}; at most {LARGEST_RANK} are read", outer.max(inner));
            return fault(&product.right, message);
        }
        let fits = match &product.core {
            None => outer == inner,
            Some(core) => core.shape.len() == 4 && core.shape[..2] == [outer, inner],
        };
        if !fits {
            let core =
                product.core.as_ref().map(|core| format!(" and `{}`, {}", shorten(&core.name), short(&core.shape)));
            let message = format!(
                "has shape {}, which does not fit `{}`, {}{}: the file is damaged",
                short(&product.right.shape),
                shorten(&product.left.name),
                short(&product.left.shape),
                core.unwrap_or_default()
            );
            return fault(&product.right, message);
        }
        if let Some(core) = &product.core
            && core.shape.iter().any(|&side| side > LARGEST_CORE)
        {
            return fault(core, format!("has shape {}; sides up to {LARGEST_CORE} are read", short(&core.shape)));
        }
        Ok(product)
    }

    fn left_rank(&self) -> usize {
        if self.is_left_transposed { self.left.shape[0] } else { self.left.columns() }
    }

    /// Length of the axis that the right factor has in common with the others.
    pub(super) fn rank(&self) -> usize {
        self.right.shape[0]
    }

    /// Rows of the result.
    pub(super) fn rows(&self) -> usize {
        if self.is_left_transposed { self.left.columns() } else { self.left.shape[0] }
    }

    /// Columns of the result; none if there are more than can be counted.
    pub(super) fn columns(&self) -> Option<usize> {
        let taps = self.core.as_ref().map_or(1, |core| core.shape[2] * core.shape[3]);
        self.right.columns().checked_mul(taps)
    }

    /// The tensor that messages about the whole name.
    pub(super) fn name(&self) -> &str {
        &self.right.name
    }

    /// `scale` times the product, plus `onto` of its size, if there is one.
    ///
    /// # Errors
    /// A tensor that cannot be read, or that has numbers that are not finite.
    pub(super) fn compute(&self, tensors: &Tensors, scale: f32, onto: Option<&[f32]>) -> Result<Matrix> {
        let (left, right, inner) = self.sides(tensors, scale)?;
        let columns = right.len() / inner;
        Ok(Matrix { numbers: product(&left, &right, inner, onto), columns })
    }

    /// The left factor times `scale`, `[rows][rank]`, and the right one with the core, `[rank][columns]`; and the rank.
    ///
    /// # Errors
    /// As [`Self::compute`].
    pub(super) fn sides(&self, tensors: &Tensors, scale: f32) -> Result<Sides> {
        let (left, right) = at_once(
            || tensors.numbers(&self.left),
            || match &self.core {
                None => matrix(&self.right, tensors),
                Some(core) => self.through_core(tensors, core),
            },
        );
        let (mut left, right) = (left?, right?);
        if self.is_left_transposed {
            left = transposed(&left, self.left.columns());
        }
        left.iter_mut().for_each(|number| *number *= scale);
        Ok((left, right.numbers, self.left_rank()))
    }

    /// Core times right factor: `[n][columns][taps]` from `[n][m][taps]` and `[m][columns]`.
    fn through_core(&self, tensors: &Tensors, core: &Factor) -> Result<Matrix> {
        let right = matrix(&self.right, tensors)?;
        let numbers = tensors.numbers(core)?;
        let (outer, inner, taps) = (core.shape[0], core.shape[1], core.shape[2] * core.shape[3]);
        let mut result = vec![0.0; outer * right.columns * taps];
        let rows = result.chunks_exact_mut(right.columns * taps).zip(numbers.chunks_exact(inner * taps));
        for (result, core) in rows {
            for (core, right) in core.chunks_exact(taps).zip(right.numbers.chunks_exact(right.columns)) {
                for (result, &right) in result.chunks_exact_mut(taps).zip(right) {
                    result.iter_mut().zip(core).for_each(|(sum, core)| *sum += core * right);
                }
            }
        }
        Ok(Matrix { numbers: result, columns: right.columns * taps })
    }
}

fn matrix(factor: &Factor, tensors: &Tensors) -> Result<Matrix> {
    Ok(Matrix { numbers: tensors.numbers(factor)?, columns: factor.columns() })
}

/// `[rows][columns]` → `[columns][rows]`.
fn transposed(numbers: &[f32], columns: usize) -> Vec<f32> {
    let rows = numbers.len() / columns;
    let mut result = vec![0.0; numbers.len()];
    for (row, numbers) in numbers.chunks_exact(columns).enumerate() {
        for (column, &number) in numbers.iter().enumerate() {
            result[column * rows + row] = number;
        }
    }
    result
}
