//! The four results of a square from its products.

use super::sizes::CONVOLUTION;
use crate::tile::COLUMNS;

/// For every column of a panel, the four results of a square, row by row, from the products `[N][N]` of its sums.
#[inline(always)]
pub(super) fn results_of_products<const N: usize>(products: [[&[f32; COLUMNS]; N]; N]) -> [[f32; COLUMNS]; 4] {
    let mut of_columns = [[[0.0; COLUMNS]; N]; 2];
    for across in 0..N {
        let mut column = [products[0][across]; N];
        for down in 0..N {
            column[down] = products[down][across];
        }
        let [upper, lower] = &mut of_columns;
        line(column, &mut upper[across], &mut lower[across]);
    }
    let mut results = [[0.0; COLUMNS]; 4];
    let [upper_left, upper_right, lower_left, lower_right] = &mut results;
    line(of_columns[0].each_ref(), upper_left, upper_right);
    line(of_columns[1].each_ref(), lower_left, lower_right);
    results
}

/// The two results of a line, for each column of a panel: what `Aᵀ` makes of the products in the paper.
#[inline(always)]
fn line<const N: usize>(products: [&[f32; COLUMNS]; N], first: &mut [f32; COLUMNS], second: &mut [f32; COLUMNS]) {
    for column in 0..COLUMNS {
        if N == CONVOLUTION {
            let (middle, other) = (products[1][column], products[2][column]);
            first[column] = products[0][column] + middle + other;
            second[column] = middle - other - products[3][column];
        } else {
            first[column] = products[0][column] + products[1][column];
            second[column] = products[1][column] - products[2][column];
        }
    }
}
