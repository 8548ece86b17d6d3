//! Between pictures and the numbers that the VAE works on.

use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::error::{Error, Result};
use crate::request::{Request, SIDES};

/// Width and height of the result: what was asked for, else the init picture's, else `native`.
pub(crate) fn size(request: &Request, native: usize) -> Result<(u32, u32)> {
    let side = |asked: Option<u32>, init: Option<u32>, field| match (asked, init) {
        (Some(side), _) => Ok(side),
        (None, Some(side)) if SIDES.contains(&(side / 8 * 8)) => Ok(side / 8 * 8),
        (None, Some(side)) => Err(Error::invalid(
            field,
            format!(
                "the init picture's {side} is out of bounds ({} to {}): give --width and --height",
                SIDES.start(),
                SIDES.end()
            ),
        )),
        (None, None) => Ok((native as u32).clamp(*SIDES.start(), *SIDES.end())),
    };
    let init = request.init.as_ref().map(RgbImage::dimensions);
    Ok((side(request.width, init.map(|(w, _)| w), "width")?, side(request.height, init.map(|(_, h)| h), "height")?))
}

/// A picture as `[3, height, width]` in −1…1, resampled if it has another size.
pub(crate) fn to_numbers(picture: &RgbImage, width: usize, height: usize) -> Vec<f32> {
    let resampled;
    let picture = if picture.dimensions() == (width as u32, height as u32) {
        picture
    } else {
        resampled = resize(picture, width as u32, height as u32, FilterType::Lanczos3);
        &resampled
    };
    let plane = |colour: usize| picture.pixels().map(move |pixel| 2.0 * (f32::from(pixel[colour]) / 255.0) - 1.0);
    (0..3).flat_map(plane).collect()
}

/// `[3, height, width]` in −1…1 as a picture.
///
/// # Errors
/// [`Error::Computation`] if a number is not one.
pub(crate) fn from_numbers(numbers: &[f32], width: usize, height: usize) -> Result<RgbImage> {
    if numbers.iter().any(|number| number.is_nan()) {
        let message = "the picture is not a number everywhere: use --precision bf16 or f32".to_owned();
        return Err(Error::Computation { part: "the VAE decoder", message });
    }
    let plane = width * height;
    Ok(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let place = y as usize * width + x as usize;
        image::Rgb(std::array::from_fn(|colour| {
            ((numbers[colour * plane + place] / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
        }))
    }))
}
