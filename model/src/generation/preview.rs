//! A cheap look at latents: a small image without the VAE.

use image::{Rgb, RgbImage};

/// Red, green and blue of each latent channel and of the constant, for SDXL's latents: the linear
/// fit to the VAE that diffusers' and ComfyUI's previews use.
#[rustfmt::skip]
const SDXL_FACTORS: [f32; 15] = [
    0.3651, 0.4232, 0.4341,
    -0.2533, -0.0042, 0.1068,
    0.1076, 0.1111, -0.0362,
    -0.3165, -0.2492, -0.2188,
    0.1084, -0.0175, -0.0011,
];

/// Turns one image's scaled latents `[4, height, width]` into an RGB image of `width`×`height`.
/// `factors` are [`crate::config::VaeConfig::latent_rgb_factors`].
pub(crate) fn from_latents(latents: &[f32], width: usize, height: usize, factors: Option<&[f32]>) -> RgbImage {
    let factors = factors.unwrap_or(&SDXL_FACTORS);
    let factor = |row: usize, colour: usize| factors[3 * row + colour];
    let plane = width * height;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let place = y as usize * width + x as usize;
        Rgb(std::array::from_fn(|colour| {
            let value: f32 =
                (0..4).map(|channel| latents[channel * plane + place] * factor(channel, colour)).sum::<f32>()
                    + factor(4, colour);
            ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round() as u8
        }))
    })
}
