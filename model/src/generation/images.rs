//! Between images and the numbers that the VAE works on.

use image::RgbImage;

use crate::resample::{Kernel, resized};

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
