//! Control images that keep an image's tones, or what is left of them.

use image::{Rgb, RgbImage};

use crate::resample::{Kernel, resized};

/// What is smaller than this many pixels is lost.
const DETAIL: u32 = 8;

/// The image small and large again.
pub(super) fn without_detail(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let small = resized(image, ((width / DETAIL).max(1), (height / DETAIL).max(1)), Kernel::Bicubic);
    resized(&small, (width, height), Kernel::Bicubic)
}

/// Every pixel as bright as its luma (ITU-R 601).
pub(super) fn gray(image: &RgbImage) -> RgbImage {
    map(image, |[r, g, b]| [luma([r, g, b]); 3])
}

/// Every pixel as bright as its CIE lightness says.
pub(super) fn lightness(image: &RgbImage) -> RgbImage {
    let linear = |level: u8| {
        let share = f64::from(level) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    map(image, |[r, g, b]| {
        let y = 0.212_671 * linear(r) + 0.715_16 * linear(g) + 0.072_169 * linear(b);
        let lightness = if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y };
        [(lightness * 2.55).round() as u8; 3]
    })
}

/// The negative.
pub(super) fn inverted(image: &RgbImage) -> RgbImage {
    map(image, |pixel| pixel.map(|level| 255 - level))
}

/// The luma of a pixel in whole numbers, as Pillow rounds it.
pub(super) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

fn map(image: &RgbImage, of: impl Fn([u8; 3]) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| Rgb(of(image[(x, y)].0)))
}
