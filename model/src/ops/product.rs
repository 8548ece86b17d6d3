//! A product of two matrices on the host, by the CPU's kernels.

use easel_kernels::{Arithmetic, Epilogue, Packed, PackedShape};

/// `left` `[rows][inner]` times `right` `[inner][columns]`, plus `onto` `[rows][columns]`, in f32.
///
/// # Panics
/// If the lengths do not fit together.
pub(crate) fn product(left: &[f32], right: &[f32], inner: usize, onto: Option<&[f32]>) -> Vec<f32> {
    let columns = right.len() / inner;
    // Kernels take the right side as the weights of a layer, one output after the other.
    let mut weights = vec![0.0; right.len()];
    for (row, numbers) in right.chunks_exact(columns).enumerate() {
        for (column, &number) in numbers.iter().enumerate() {
            weights[column * inner + row] = number;
        }
    }
    let packed = Packed::pack(PackedShape::linear(Arithmetic::F32, inner, columns), &weights);
    easel_kernels::linear(left, &packed, &Epilogue { residual: onto, ..Epilogue::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_sum_of_products() {
        let (left, right) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, -1.0, 10.0, 20.0, 30.0]);
        assert_eq!(product(&left, &right, 2, None), [21.0, 40.0, 59.0, 43.0, 80.0, 117.0]);
        assert_eq!(product(&left, &right, 2, Some(&[0.5; 6])), [21.5, 40.5, 59.5, 43.5, 80.5, 117.5]);
    }
}
