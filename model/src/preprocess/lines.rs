//! Control images of lines, found by filters.

use image::imageops::blur;
use image::{Rgb, RgbImage};

use super::tones::luma;

/// Lines where a pixel is darker than what is around it in any colour, brightened until the usual one is half white
/// (`controlnet_aux`'s `LineartStandardDetector`).
pub(super) fn drawing(image: &RgbImage) -> RgbImage {
    let around = blur(image, 6.0);
    let darker: Vec<f32> = image.pixels().zip(around.pixels()).map(|(own, around)| least_lead(around, own)).collect();
    let mut lines: Vec<f32> = darker.iter().copied().filter(|lead| *lead > 8.0).collect();
    lines.sort_by(f32::total_cmp);
    let usual = lines.get(lines.len() / 2).copied().unwrap_or_default().max(16.0);
    of_levels(image, darker.into_iter().map(|lead| lead / usual * 127.0))
}

/// Strokes where a slightly blurred image is much darker than a blurred one.
pub(super) fn scribble(image: &RgbImage) -> RgbImage {
    let (near, far) = (blur(image, 0.5), blur(image, 5.0));
    let strokes =
        near.pixels().zip(far.pixels()).map(|(near, far)| if least_lead(far, near) >= 32.0 { 255.0 } else { 0.0 });
    of_levels(image, strokes)
}

/// The steepness of a slightly blurred image, as a share of the steepest place.
pub(super) fn soft_edges(image: &RgbImage) -> RgbImage {
    let smooth = blur(image, 1.0);
    let (width, height) = smooth.dimensions();
    let at = |x: i64, y: i64| {
        let (x, y) = (x.clamp(0, i64::from(width) - 1), y.clamp(0, i64::from(height) - 1));
        f32::from(luma(smooth[(x as u32, y as u32)].0))
    };
    let mut steepness = Vec::with_capacity((width * height) as usize);
    for y in 0..i64::from(height) {
        for x in 0..i64::from(width) {
            let column = |x: i64| at(x, y - 1) + 2.0 * at(x, y) + at(x, y + 1);
            let row = |y: i64| at(x - 1, y) + 2.0 * at(x, y) + at(x + 1, y);
            steepness.push((column(x + 1) - column(x - 1)).hypot(row(y + 1) - row(y - 1)));
        }
    }
    // An image of one colour has no edges, however little it varies.
    let steepest = steepness.iter().copied().fold(32.0, f32::max);
    of_levels(image, steepness.into_iter().map(|steepness| steepness / steepest * 255.0))
}

/// By how much `bright` is brighter than `dark` in the colour in which it is least so.
fn least_lead(bright: &Rgb<u8>, dark: &Rgb<u8>) -> f32 {
    let leads = bright.0.iter().zip(dark.0).map(|(bright, dark)| f32::from(*bright) - f32::from(dark));
    leads.fold(f32::MAX, f32::min).max(0.0)
}

/// A gray image of the size of `like` with these levels, row by row.
fn of_levels(like: &RgbImage, levels: impl Iterator<Item = f32>) -> RgbImage {
    let mut image = RgbImage::new(like.width(), like.height());
    for (pixel, level) in image.pixels_mut().zip(levels) {
        *pixel = Rgb([level.round().clamp(0.0, 255.0) as u8; 3]);
    }
    image
}
