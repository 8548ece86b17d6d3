//! The init image around what was painted.

use image::imageops::crop_imm;
use image::{GrayImage, Luma, Rgb, RgbImage};

use super::region::Region;
use crate::resample::{Kernel, resized};

/// An image that the result is put into.
pub(in crate::generation) struct Paste {
    original: RgbImage,
    /// Where it is white, only the result counts, and where it is black only the original.
    mask: GrayImage,
    /// The part that was worked on at another size.
    region: Option<Region>,
}

impl Paste {
    pub(super) fn new(original: RgbImage, mask: GrayImage, region: Option<Region>) -> Self {
        Self { original, mask, region }
    }

    /// The part of the original that was worked on alone.
    pub(in crate::generation) fn region(&self) -> Option<Region> {
        self.region
    }

    /// The original with `painted` where the mask is white, and between them where it is gray (diffusers
    /// `VaeImageProcessor.apply_overlay`, AUTOMATIC1111's `apply_overlay`).
    pub(in crate::generation) fn apply(&self, painted: RgbImage) -> RgbImage {
        let (painted, left, top) = match self.region {
            Some(region) => (covering(&painted, region.size()), region.left, region.top),
            None => (painted, 0, 0),
        };
        let mut result = self.original.clone();
        for (x, y, Rgb(new)) in painted.enumerate_pixels() {
            let Luma([share]) = *self.mask.get_pixel(left + x, top + y);
            let Rgb(old) = result.get_pixel_mut(left + x, top + y);
            for (old, new) in old.iter_mut().zip(new) {
                let share = u32::from(share);
                *old = ((u32::from(*new) * share + u32::from(*old) * (255 - share) + 127) / 255) as u8;
            }
        }
        result
    }
}

/// What of `image` has the proportions of `size`, at that size: its middle.
fn covering(image: &RgbImage, size: (u32, u32)) -> RgbImage {
    let (width, height) = scaled(image.dimensions(), size, |ratio, of_image| ratio > of_image);
    let scaled = resized(image, (width, height), Kernel::Lanczos);
    let (left, top) = (width / 2 - size.0 / 2, height / 2 - size.1 / 2);
    crop_imm(&scaled, left, top, size.0, size.1).to_image()
}

/// The size at which an image of `size` has one of the sides of `to` and its own proportions; which side is told by the
/// proportions of both.
pub(super) fn scaled(size: (u32, u32), to: (u32, u32), is_wide: impl Fn(f64, f64) -> bool) -> (u32, u32) {
    let ratio = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
    let times = |a: u32, b: u32, over: u32| ((u64::from(a) * u64::from(b) / u64::from(over)) as u32).max(1);
    if is_wide(ratio(to), ratio(size)) {
        (to.0, times(size.1, to.0, size.0))
    } else {
        (times(size.0, to.1, size.1), to.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_black_keeps_its_bytes() {
        let original = RgbImage::from_fn(50, 31, |x, y| Rgb([(5 * x) as u8, (7 * y) as u8, (x ^ y) as u8]));
        let mask = GrayImage::from_fn(50, 31, |x, y| {
            Luma([if (12..33).contains(&x) && (5..20).contains(&y) { (x * 8) as u8 } else { 0 }])
        });
        let region = Region { left: 8, top: 3, right: 40, bottom: 24 };
        for (region, size) in [(None, (50, 31)), (Some(region), (64, 64)), (Some(region), (128, 64))] {
            let painted = RgbImage::from_pixel(size.0, size.1, Rgb([1, 200, 33]));
            let result = Paste::new(original.clone(), mask.clone(), region).apply(painted);
            for (x, y, pixel) in result.enumerate_pixels() {
                match mask.get_pixel(x, y).0[0] {
                    0 => assert_eq!(pixel, original.get_pixel(x, y)),
                    255 => assert_eq!(pixel.0, [1, 200, 33]),
                    _ => {}
                }
            }
        }
    }
}
