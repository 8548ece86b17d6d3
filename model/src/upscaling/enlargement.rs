//! How an image is enlarged.

use std::sync::Arc;

use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage, RgbImage, Rgba, RgbaImage};

use super::size::check;
use super::upscaler::Upscaler;
use crate::error::Result;

/// How often a network is applied at most, to reach a factor beyond its own.
const MOST_PASSES: usize = 3;

/// How an image is enlarged.
#[derive(Debug, Clone, PartialEq)]
pub enum Enlargement {
    /// By resampling (Lanczos, 3 lobes).
    Lanczos,
    /// By a network, as often as it takes, and by resampling from there to the size that was asked for.
    Network(Arc<Upscaler>),
}

impl Enlargement {
    /// What it is called: `Lanczos`, as AUTOMATIC1111 calls it, or the network's file.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Lanczos => "Lanczos",
            Self::Network(upscaler) => upscaler.name(),
        }
    }

    /// The factor where none is asked for: the network's own; of resampling 2.
    #[must_use]
    pub fn factor(&self) -> f64 {
        match self {
            Self::Lanczos => 2.0,
            Self::Network(upscaler) => upscaler.scale() as f64,
        }
    }

    /// The sizes that `size` goes through, one for each run of the network, before it is resampled to `target`.
    ///
    /// # Errors
    /// [`crate::Error::InvalidRequest`] if one of them is larger than any image may be.
    pub fn passes(&self, (width, height): (u32, u32), target: (u32, u32)) -> Result<Vec<(u32, u32)>> {
        let Self::Network(upscaler) = self else { return Ok(Vec::new()) };
        let scale = upscaler.scale() as u32;
        let mut sizes = Vec::new();
        let mut size = (width, height);
        while sizes.is_empty() || (scale > 1 && sizes.len() < MOST_PASSES && size.0 < target.0 && size.1 < target.1) {
            size = (size.0.saturating_mul(scale), size.1.saturating_mul(scale));
            check(size, "scale", "a network with a smaller factor, or a smaller image")?;
            sizes.push(size);
        }
        Ok(sizes)
    }

    /// `image` as an image of `target`, width and height. `told` hears of the tiles that are done and of all there are in the
    /// run, and may stop the work by an error.
    ///
    /// # Errors
    /// What `told` says, an image that is too large on the way, or a failure of the device.
    pub fn enlarge(
        &self,
        image: &RgbImage,
        target: (u32, u32),
        told: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<RgbImage> {
        let passes = self.passes(image.dimensions(), target)?.len();
        let mut enlarged = None;
        if let Self::Network(upscaler) = self {
            for _ in 0..passes {
                enlarged = Some(upscaler.upscale(enlarged.as_ref().unwrap_or(image), told)?);
            }
        }
        Ok(match enlarged {
            Some(enlarged) if enlarged.dimensions() == target => enlarged,
            Some(enlarged) => resize(&enlarged, target.0, target.1, FilterType::Lanczos3),
            None if image.dimensions() == target => image.clone(),
            None => resize(image, target.0, target.1, FilterType::Lanczos3),
        })
    }

    /// Like [`Self::enlarge`], for an image that may be transparent: how transparent each pixel is, is resampled.
    ///
    /// # Errors
    /// As [`Self::enlarge`].
    pub fn enlarge_with_alpha(
        &self,
        image: &DynamicImage,
        target: (u32, u32),
        told: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<DynamicImage> {
        let colours = self.enlarge(&image.to_rgb8(), target, told)?;
        if !image.color().has_alpha() {
            return Ok(DynamicImage::ImageRgb8(colours));
        }
        let alpha = image.to_rgba8();
        let alpha = GrayImage::from_fn(alpha.width(), alpha.height(), |x, y| image::Luma([alpha.get_pixel(x, y).0[3]]));
        let alpha = resize(&alpha, target.0, target.1, FilterType::Lanczos3);
        Ok(DynamicImage::ImageRgba8(RgbaImage::from_fn(target.0, target.1, |x, y| {
            let [red, green, blue] = colours.get_pixel(x, y).0;
            Rgba([red, green, blue, alpha.get_pixel(x, y).0[0]])
        })))
    }
}
