//! The init image and its mask at the size that is worked at.

use easel_settings::{MaskContent, ResolvedSettings};
use image::imageops::{crop_imm, replace};
use image::{GrayImage, Luma, Pixel, RgbImage};

use super::fill::fill;
use super::paste::{Paste, scaled};
use super::region::Region;
use crate::error::{Error, Result};
use crate::generation::images;
use crate::request::REPAINTED;
use crate::resample::{Image, Kernel, part_resized, resized};

/// Pixels of the image beside one place of the latents.
const CELL: u32 = 8;

/// An image to be repainted in part.
pub(in crate::generation) struct Canvas {
    pixels: RgbImage,
    mask: GrayImage,
    is_differential: bool,
}

impl Canvas {
    /// `init` with its `mask`, at `size` (width and height), and what the result is put into.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the mask is too fine to change any place of the latents.
    pub(in crate::generation) fn new(
        init: &RgbImage,
        mask: &GrayImage,
        size: (u32, u32),
        settings: &ResolvedSettings,
    ) -> Result<(Self, Option<Paste>)> {
        let is_differential = settings.mask_differential;
        let region = settings.mask_crop.and_then(|padding| Region::around(mask, size, padding));
        let (mut pixels, worked_on) = match region {
            Some(region) => (within(&cut(init, region), size), within(&cut(mask, region), size)),
            None => (resized(init, size, Kernel::Lanczos), resized(mask, size, Kernel::Lanczos)),
        };
        // What may change a little changes: gray lets it go later, and is no share of the original in the result.
        let of_result = |mask: &GrayImage| {
            let mut mask = mask.clone();
            if is_differential {
                mask.iter_mut().for_each(|value| *value = if *value > 0 { 255 } else { 0 });
            }
            mask
        };
        let paste = match region {
            Some(_) => Some(Paste::new(init.clone(), of_result(mask), region)),
            None if settings.mask_paste => Some(Paste::new(pixels.clone(), of_result(&worked_on), None)),
            None => None,
        };
        if settings.mask_content == MaskContent::Fill {
            let least = if is_differential { 1 } else { REPAINTED };
            fill(&mut pixels, &worked_on, |value| value >= least);
        }
        let canvas = Self { pixels, mask: worked_on, is_differential };
        if canvas.amounts().iter().all(|&amount| amount == 0.0) {
            let message = "is too fine: the model works on squares of 8×8 pixels, and the upper left pixel of none of them is \
                           white; let it grow with mask_grow, or paint more";
            return Err(Error::invalid("mask", message));
        }
        Ok((canvas, paste))
    }

    /// A canvas that is to be painted everywhere, for a UNet for inpainting that is given no mask.
    pub(in crate::generation) fn unmasked(init: Option<&RgbImage>, size: (u32, u32)) -> Self {
        Self {
            pixels: init.map_or_else(|| RgbImage::new(size.0, size.1), |init| resized(init, size, Kernel::Lanczos)),
            mask: GrayImage::from_pixel(size.0, size.1, Luma([255])),
            is_differential: false,
        }
    }

    /// The image, `[3, height, width]` in −1…1.
    pub(in crate::generation) fn numbers(&self) -> Vec<f32> {
        let (width, height) = self.pixels.dimensions();
        images::to_numbers(&self.pixels, width as usize, height as usize)
    }

    /// The image with gray, 0, where it is masked.
    pub(in crate::generation) fn masked_numbers(&self) -> Vec<f32> {
        let mut numbers = self.numbers();
        let plane = self.mask.as_raw().len();
        for (number, &value) in numbers.iter_mut().zip(self.mask.as_raw().iter().cycle().take(3 * plane)) {
            if self.is_masked(value) {
                *number = 0.0;
            }
        }
        numbers
    }

    /// How much may change at each place of the latents, 0 to 1: `[height / 8, width / 8]`. As in diffusers, the upper left
    /// pixel decides; if gray counts, the mean does.
    pub(in crate::generation) fn amounts(&self) -> Vec<f32> {
        let (width, height) = (self.mask.width() / CELL, self.mask.height() / CELL);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x * CELL, y * CELL)));
        let amount = |(x, y)| {
            if self.is_differential {
                let cell = crop_imm(&self.mask, x, y, CELL, CELL).to_image();
                let sum: u32 = cell.iter().map(|&value| u32::from(value)).sum();
                sum as f32 / (255 * CELL * CELL) as f32
            } else if self.is_masked(self.mask.get_pixel(x, y).0[0]) {
                1.0
            } else {
                0.0
            }
        };
        places.map(amount).collect()
    }

    /// Whether something of a pixel with this mask may change.
    fn is_masked(&self, value: u8) -> bool {
        value >= if self.is_differential { 1 } else { REPAINTED }
    }
}

fn cut<P: Pixel<Subpixel = u8> + 'static>(image: &Image<P>, region: Region) -> Image<P> {
    let (width, height) = region.size();
    crop_imm(image, region.left, region.top, width, height).to_image()
}

/// `image` within `size`, in its own proportions; beside it its edges go on (diffusers `_resize_and_fill`).
fn within<P: Pixel<Subpixel = u8> + 'static>(image: &Image<P>, size: (u32, u32)) -> Image<P> {
    let (width, height) = scaled(image.dimensions(), size, |ratio, of_image| ratio < of_image);
    let inner = resized(image, (width, height), Kernel::Lanczos);
    if (width, height) == size {
        return inner;
    }
    let mut whole = Image::new(size.0, size.1);
    let (before_x, before_y) = (size.0 / 2 - width / 2, size.1 / 2 - height / 2);
    replace(&mut whole, &inner, i64::from(before_x), i64::from(before_y));
    let mut put = |part: Image<P>, x: u32, y: u32| replace(&mut whole, &part, i64::from(x), i64::from(y));
    let (after_x, after_y) = (size.0 - before_x - width, size.1 - before_y - height);
    if before_y > 0 {
        put(part_resized(&inner, (0..width, 0..0), (width, before_y), Kernel::Lanczos), 0, 0);
    }
    if after_y > 0 {
        put(part_resized(&inner, (0..width, height..height), (width, after_y), Kernel::Lanczos), 0, before_y + height);
    }
    if before_x > 0 {
        put(part_resized(&inner, (0..0, 0..height), (before_x, height), Kernel::Lanczos), 0, 0);
    }
    if after_x > 0 {
        put(part_resized(&inner, (width..width, 0..height), (after_x, height), Kernel::Lanczos), before_x + width, 0);
    }
    whole
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn stripe(width: u32, height: u32, painted: std::ops::Range<u32>) -> GrayImage {
        GrayImage::from_fn(width, height, |x, _| Luma([if painted.contains(&x) { 255 } else { 0 }]))
    }

    #[test]
    fn the_upper_left_pixel_decides_and_with_gray_the_mean() {
        let init = RgbImage::new(64, 64);
        let settings = ResolvedSettings::new("a heart");
        let (canvas, paste) = Canvas::new(&init, &stripe(64, 64, 9..17), (64, 64), &settings).expect("it is masked");
        assert_eq!(canvas.amounts()[..8], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(paste.is_some_and(|paste| paste.region().is_none()));
        let plain = ResolvedSettings { mask_paste: false, ..settings.clone() };
        assert!(Canvas::new(&init, &stripe(64, 64, 9..17), (64, 64), &plain).expect("it is masked").1.is_none());
        let error = Canvas::new(&init, &stripe(64, 64, 9..16), (64, 64), &settings).err().expect("refused").to_string();
        assert!(error.contains("mask: is too fine") && error.contains("mask_grow"), "{error}");
        let differential = ResolvedSettings { mask_differential: true, ..settings };
        let (canvas, _) = Canvas::new(&init, &stripe(64, 64, 9..17), (64, 64), &differential).expect("it is masked");
        assert_eq!(canvas.amounts()[..4], [0.0, 0.875, 0.125, 0.0]);
    }

    #[test]
    fn a_narrow_part_is_continued_on_both_sides() {
        let init = RgbImage::from_fn(200, 10, |x, _| Rgb([x as u8, 100, 0]));
        let inner = within(&init, (64, 64));
        assert_eq!(inner.dimensions(), (64, 64));
        for y in [0, 20, 31, 40, 63] {
            assert!(
                inner.get_pixel(32, y).0[0].abs_diff(100) < 3 && inner.get_pixel(32, y).0[1].abs_diff(100) < 3,
                "{y}"
            );
        }
        let settings = ResolvedSettings { mask_crop: Some(3), ..ResolvedSettings::new("a heart") };
        let (canvas, paste) = Canvas::new(&init, &stripe(200, 10, 0..200), (64, 64), &settings).expect("it is masked");
        assert_eq!(canvas.pixels.dimensions(), (64, 64));
        let result = paste.expect("it is cut out").apply(RgbImage::from_pixel(64, 64, Rgb([9; 3])));
        assert_eq!(result, RgbImage::from_pixel(200, 10, Rgb([9; 3])));
        let single = Canvas::new(&RgbImage::new(1, 1), &stripe(1, 1, 0..1), (64, 64), &settings);
        assert_eq!(single.expect("it is masked").0.amounts(), [1.0; 64]);
    }
}
