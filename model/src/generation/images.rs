//! Between images and the numbers that the VAE works on.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::request::Request;
use crate::resample::{Kernel, resized};

/// Width and height that are worked at: what was asked for, else the init image's unless a part of it is cut out, else
/// `native`.
pub(super) fn size(request: &Request, native: u32) -> Result<(u32, u32)> {
    let sides = easel_settings::SIDES;
    let side = |asked: Option<u32>, init: Option<u32>, field| match (asked, init) {
        (Some(side), _) => Ok(side),
        (None, Some(side)) if sides.contains(&(side / 8 * 8)) => Ok(side / 8 * 8),
        (None, Some(side)) => Err(Error::invalid(
            field,
            format!(
                "the init image's {side} is out of bounds ({} to {}): give --width and --height",
                sides.start(),
                sides.end()
            ),
        )),
        (None, None) => Ok(native),
    };
    let is_cut_out = request.mask.is_some() && request.settings.mask_crop.is_some();
    let init = request.init_image.as_ref().filter(|_| !is_cut_out).map(RgbImage::dimensions);
    Ok((
        side(request.settings.width, init.map(|(w, _)| w), "width")?,
        side(request.settings.height, init.map(|(_, h)| h), "height")?,
    ))
}

/// An image as `[3, height, width]` in −1…1, resampled if it has another size.
pub(super) fn to_numbers(image: &RgbImage, width: usize, height: usize) -> Vec<f32> {
    let resampled;
    let image = if image.dimensions() == (width as u32, height as u32) {
        image
    } else {
        resampled = resized(image, (width as u32, height as u32), Kernel::Lanczos);
        &resampled
    };
    let plane = |colour: usize| image.pixels().map(move |pixel| 2.0 * (f32::from(pixel[colour]) / 255.0) - 1.0);
    (0..3).flat_map(plane).collect()
}

/// `[3, height, width]` in −1…1 as an image; none if a number is not finite.
pub(super) fn from_numbers(numbers: &[f32], width: usize, height: usize) -> Option<RgbImage> {
    if numbers.iter().any(|number| !number.is_finite()) {
        return None;
    }
    let plane = width * height;
    Some(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let place = y as usize * width + x as usize;
        image::Rgb(std::array::from_fn(|colour| {
            ((numbers[colour * plane + place] / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
        }))
    }))
}
