//! Prompting with images.

use std::sync::Arc;

use image::RgbImage;

use super::window;
use crate::error::{Error, Result};
use crate::weights::{ImageEncoderFiles, IpAdapter};

/// Most adapters of a request, and most images of each.
const MOST_ADAPTERS: usize = 4;
const MOST_IMAGES: usize = 16;

/// Images that a model is prompted with through an IP-Adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePrompt {
    /// The adapter.
    pub adapter: Arc<IpAdapter>,
    /// What reads the images for it.
    pub encoder: Arc<ImageEncoderFiles>,
    /// The images, of which the middle square is read.
    pub images: Vec<RgbImage>,
    /// How strongly they are followed, beside the prompt.
    pub scale: f64,
    /// The share of the steps before they begin.
    pub start: f64,
    /// The share of the steps after which they end.
    pub end: f64,
}

impl ImagePrompt {
    /// What tells it from others, for checkpoints.
    pub(crate) fn identity(&self) -> String {
        let Self { adapter, encoder, images, scale, start, end } = self;
        let images: Vec<_> = images.iter().map(window::digest).collect();
        format!("{} {} {} {scale} {start} {end}", adapter.digest(), encoder.digest(), images.join(" "))
    }
}

pub(super) fn check(prompts: &[ImagePrompt]) -> Result<()> {
    let invalid = |message: String| Err(Error::invalid("image_prompts", message));
    if prompts.len() > MOST_ADAPTERS {
        return invalid(format!("{} adapters are too many: use at most {MOST_ADAPTERS}", prompts.len()));
    }
    for ImagePrompt { images, scale, start, end, .. } in prompts {
        window::check("image_prompts", *scale, *start, *end)?;
        if images.is_empty() || images.len() > MOST_IMAGES {
            return invalid(format!("{} images for an adapter: use 1 to {MOST_IMAGES}", images.len()));
        }
        if images.iter().any(|image| image.width() == 0 || image.height() == 0) {
            return invalid("an image has no pixels".to_owned());
        }
        // Resizing keeps the shape, so a long one would become longer than memory.
        if images.iter().any(|image| image.width().max(image.height()) > 64 * image.width().min(image.height())) {
            return invalid(
                "an image is more than 64 times as long as it is wide: cut out the part that matters".to_owned(),
            );
        }
    }
    Ok(())
}
