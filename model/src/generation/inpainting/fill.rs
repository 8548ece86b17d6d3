//! Colours of the surroundings where an image is masked.

use image::{GrayImage, Luma, Rgb, RgbImage};

/// A level of the pyramid: for every pixel its colour times its weight, and the weight.
struct Level {
    width: u32,
    height: u32,
    pixels: Vec<[f32; 4]>,
}

/// Fills where `is_masked`, from coarse to fine ("pull-push", Grossman & Dally 1998): each place takes the colour of the
/// smallest surroundings that have one. An image without any is left as it is.
pub(super) fn fill(image: &mut RgbImage, mask: &GrayImage, is_masked: impl Fn(u8) -> bool) {
    let known = |x, y| !is_masked(mask.get_pixel(x, y).0[0]);
    let pixels = image.enumerate_pixels().map(|(x, y, Rgb([red, green, blue]))| {
        if known(x, y) { [f32::from(*red), f32::from(*green), f32::from(*blue), 1.0] } else { [0.0; 4] }
    });
    let mut levels = vec![Level { width: image.width(), height: image.height(), pixels: pixels.collect() }];
    while levels.last().is_some_and(|level| level.width > 1 || level.height > 1) {
        levels.extend(levels.last().map(halved));
    }
    if levels.last().is_none_or(|level| level.pixels[0][3] == 0.0) {
        return;
    }
    // From the coarsest, where every place has a colour, down to the finest.
    for finer in (1..levels.len()).rev() {
        let (fine, coarse) = levels.split_at_mut(finer);
        complete(&mut fine[finer - 1], &coarse[0]);
    }
    let filled = &levels[0];
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let Luma([value]) = *mask.get_pixel(x, y);
        if is_masked(value) {
            let [red, green, blue, _] = filled.pixels[(y * filled.width + x) as usize];
            *pixel = Rgb([red, green, blue].map(|level| level.round().clamp(0.0, 255.0) as u8));
        }
    }
}

fn halved(level: &Level) -> Level {
    let (width, height) = (level.width.div_ceil(2), level.height.div_ceil(2));
    let mut pixels = vec![[0.0; 4]; width as usize * height as usize];
    for (place, pixel) in (0..).zip(&level.pixels) {
        let (x, y) = (place % level.width / 2, place / level.width / 2);
        let sum = &mut pixels[(y * width + x) as usize];
        sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
    }
    for pixel in &mut pixels {
        // Weights beyond 1 say nothing more.
        let scale = 1.0 / pixel[3].max(1.0);
        pixel.iter_mut().for_each(|value| *value *= scale);
    }
    Level { width, height, pixels }
}

/// Fills up what a level lacks with what is coarser, between whose pixels it interpolates.
fn complete(fine: &mut Level, coarse: &Level) {
    let width = fine.width;
    for (place, pixel) in (0..).zip(&mut fine.pixels) {
        let missing = 1.0 - pixel[3];
        if missing <= 0.0 {
            continue;
        }
        let [(x, next_x, share_x), (y, next_y, share_y)] =
            [(place % width, coarse.width), (place / width, coarse.height)].map(|(at, length)| between(at, length));
        let at = |x: u32, y: u32| coarse.pixels[(y * coarse.width + x) as usize];
        let corners = [
            (at(x, y), (1.0 - share_x) * (1.0 - share_y)),
            (at(next_x, y), share_x * (1.0 - share_y)),
            (at(x, next_y), (1.0 - share_x) * share_y),
            (at(next_x, next_y), share_x * share_y),
        ];
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value += missing * corners.iter().map(|(corner, share)| corner[channel] * share).sum::<f32>();
        }
    }
}

/// The two pixels of a coarser line of `length` that the fine place `at` lies between, and the second one's share.
fn between(at: u32, length: u32) -> (u32, u32, f32) {
    let position = ((at as f32 + 0.5) / 2.0 - 0.5).clamp(0.0, (length - 1) as f32);
    let first = position as u32;
    (first, (first + 1).min(length - 1), position - first as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_takes_the_colours_around_it() {
        for (width, height) in [(37, 21), (64, 64), (1, 9)] {
            let clean = RgbImage::from_fn(width, height, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, 70]));
            let inside = |x: u32, y: u32| (width / 4..width * 3 / 4).contains(&x) && (3..height - 4).contains(&y);
            let mask = GrayImage::from_fn(width, height, |x, y| Luma([if inside(x, y) { 255 } else { 0 }]));
            let mut holed = clean.clone();
            holed
                .enumerate_pixels_mut()
                .filter(|(x, y, _)| inside(*x, *y))
                .for_each(|(.., pixel)| *pixel = Rgb([0; 3]));
            fill(&mut holed, &mask, |value| value > 0);
            for (x, y, pixel) in clean.enumerate_pixels() {
                let found = holed.get_pixel(x, y).0;
                let bound = if inside(x, y) { 40 } else { 0 };
                assert!(found.iter().zip(pixel.0).all(|(a, b)| a.abs_diff(b) <= bound), "{x} {y}: {found:?} {pixel:?}");
            }
        }
        let mut all = RgbImage::from_pixel(5, 3, Rgb([1, 2, 3]));
        let before = all.clone();
        fill(&mut all, &GrayImage::from_pixel(5, 3, Luma([255])), |value| value > 0);
        assert_eq!(all, before);
    }
}
