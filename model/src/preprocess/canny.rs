//! Canny's edges (Canny 1986), bit by bit those of OpenCV's `Canny` on an image in colour.

use image::{Rgb, RgbImage};

/// Bits behind the point of the tangents.
const BITS: u32 = 15;
/// The tangent of 22.5 degrees.
const TANGENT: i64 = (0.414_213_562_373_095_1 * (1_i64 << BITS) as f64 + 0.5) as i64;

/// How steep a pixel is.
#[derive(Clone, Copy, Default)]
struct Slope {
    x: i32,
    y: i32,
    steepness: i32,
}

/// White edges on black: all places steeper than `high` that are the steepest across their edge, and those steeper than `low`
/// that are connected with them.
pub(super) fn edges(image: &RgbImage, low: i32, high: i32) -> RgbImage {
    let (width, height) = image.dimensions();
    let slopes: Vec<Slope> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| slope(image, x, y)).collect();
    let place = |x: i64, y: i64| {
        let is_inside = (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y);
        is_inside.then(|| (y * i64::from(width) + x) as usize)
    };
    let steepness = |x: i64, y: i64| place(x, y).map_or(0, |place| slopes[place].steepness);
    let mut is_candidate = vec![false; slopes.len()];
    let mut edges = vec![false; slopes.len()];
    let mut found = Vec::new();
    for y in 0..i64::from(height) {
        for x in 0..i64::from(width) {
            let Some(index) = place(x, y) else { continue };
            let Slope { x: along, y: down, steepness: own } = slopes[index];
            if own <= low {
                continue;
            }
            let (run, rise) = (i64::from(along.abs()), i64::from(down.abs()) << BITS);
            let is_steepest = if rise < run * TANGENT {
                own > steepness(x - 1, y) && own >= steepness(x + 1, y)
            } else if rise > run * TANGENT + (run << (BITS + 1)) {
                own > steepness(x, y - 1) && own >= steepness(x, y + 1)
            } else {
                let side = if (along ^ down) < 0 { -1 } else { 1 };
                own > steepness(x - side, y - 1) && own > steepness(x + side, y + 1)
            };
            is_candidate[index] = is_steepest;
            if is_steepest && own > high {
                edges[index] = true;
                found.push((x, y));
            }
        }
    }
    while let Some((x, y)) = found.pop() {
        for (beside, below) in (-1..=1).flat_map(|below| (-1..=1).map(move |beside| (beside, below))) {
            if let Some(index) = place(x + beside, y + below)
                && is_candidate[index]
                && !edges[index]
            {
                edges[index] = true;
                found.push((x + beside, y + below));
            }
        }
    }
    let mut image = RgbImage::new(width, height);
    for (pixel, is_edge) in image.pixels_mut().zip(edges) {
        *pixel = Rgb([if is_edge { 255 } else { 0 }; 3]);
    }
    image
}

/// Of the colour that is the steepest, by Sobel's operator; the pixels at the border are continued.
fn slope(image: &RgbImage, x: u32, y: u32) -> Slope {
    let (width, height) = image.dimensions();
    let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
    let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)];
    let mut steepest = Slope::default();
    for colour in 0..3 {
        let at = |column: usize, row: usize| i32::from(image[(columns[column], rows[row])][colour]);
        let along = |row: usize| at(2, row) - at(0, row);
        let down = |column: usize| at(column, 2) - at(column, 0);
        let (x, y) = (along(0) + 2 * along(1) + along(2), down(0) + 2 * down(1) + down(2));
        let steepness = x.abs() + y.abs();
        if colour == 0 || steepness > steepest.steepness {
            steepest = Slope { x, y, steepness };
        }
    }
    steepest
}
