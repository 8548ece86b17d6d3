//! Enlarging images once they are drawn, or in the place of drawing them.

use easel_domain::limits::LONGEST_SIDE;
use easel_images::UpscaleRecord;
use easel_model::{Enlargement, Error, Result, enlarged_size};
use easel_settings::Settings;
use image::RgbImage;

use super::Chosen;
use super::guides::Guides;

impl Guides {
    /// How `settings` want images enlarged; not at all where they do not say.
    fn enlargement(&self, settings: &Settings) -> Option<Enlargement> {
        settings.upscaler.as_ref()?;
        let network = self.upscaler.as_ref().map(|upscaler| Enlargement::Network(upscaler.content.clone()));
        Some(network.unwrap_or(Enlargement::Lanczos))
    }

    /// What an image's metadata says of that.
    pub(super) fn upscale_record(&self, settings: &Settings) -> Option<UpscaleRecord> {
        let enlargement = self.enlargement(settings)?;
        let network = self.upscaler.as_ref().map(|upscaler| &upscaler.offered);
        Some(UpscaleRecord {
            by: settings.upscale.unwrap_or_else(|| enlargement.factor()),
            upscaler: network.map_or_else(|| enlargement.name().to_owned(), |file| file.name.clone()),
            digest: network.map(|file| file.sha256.clone()),
        })
    }
}

impl Chosen {
    /// The image as `settings` want it enlarged; as it is where they do not.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`] if it would become too large, or a failure of the device.
    pub(crate) fn enlarge(&self, settings: &Settings, image: RgbImage) -> Result<RgbImage> {
        let Some(enlargement) = self.guides.enlargement(settings) else { return Ok(image) };
        let factor = settings.upscale.unwrap_or_else(|| enlargement.factor());
        let target = enlarged_size(image.dimensions(), factor).map_err(|error| match error {
            Error::InvalidRequest { message, .. } => Error::invalid("upscale", message),
            other => other,
        })?;
        let (wide, high) = target;
        if wide.max(high) > LONGEST_SIDE {
            let (width, height) = image.dimensions();
            let message = format!(
                "{factor} makes {wide}×{high} pixels of {width}×{height}, the limit is {LONGEST_SIDE} a side: use less"
            );
            return Err(Error::invalid("upscale", message));
        }
        if let Enlargement::Network(upscaler) = &enlargement {
            let sizes = enlargement.passes(image.dimensions(), target)?;
            // Each run begins with what the one before it made.
            let before = std::iter::once(image.dimensions()).chain(sizes.iter().copied()).take(sizes.len());
            let most = before.map(|size| upscaler.work(size).memory).max().unwrap_or(0);
            self.room.clone().take("upscale", "enlarging an image of this size", most)?;
        }
        enlargement.enlarge(&image, target, &mut |_, _| Ok(()))
    }
}

/// Whether settings leave the init image as it is, so that it is enlarged and nothing is drawn.
pub(crate) fn draws_nothing(settings: &Settings) -> bool {
    settings.upscaler.is_some() && settings.init_image.is_some() && settings.strength == Some(0.0)
}
