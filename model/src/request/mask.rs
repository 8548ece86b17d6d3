//! What of an init image is repainted.

mod shaping;

use easel_settings::ResolvedSettings;
use image::{GrayImage, RgbImage};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// From this value on a place is repainted.
pub(crate) const REPAINTED: u8 = 128;

/// What of an init image is repainted: where the mask is white. How it is read is among the settings (`mask_blur`,
/// `mask_crop` and so on).
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// As large as the init image.
    pub image: GrayImage,
}

impl Mask {
    /// The `strength` of a request with a mask that leaves it open: what is white is painted anew.
    pub const DEFAULT_STRENGTH: f64 = easel_settings::INPAINTING_STRENGTH;

    /// Checks that the mask belongs to an init image of `init` (width and height) and that something of it is repainted, and
    /// returns what the caller should know.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] names both sizes if they differ, or says that nothing would be repainted.
    pub fn check(&self, init: (u32, u32), settings: &ResolvedSettings) -> Result<Vec<String>> {
        self.shaped(init, settings).map(|(_, warnings)| warnings)
    }

    /// The mask as `settings` read it: inverted, grown and softened.
    pub(crate) fn shaped(&self, init: (u32, u32), settings: &ResolvedSettings) -> Result<(GrayImage, Vec<String>)> {
        if self.image.dimensions() != init {
            let ((width, height), (init_width, init_height)) = (self.image.dimensions(), init);
            let message = format!(
                "is {width}×{height} pixels, but the init image is {init_width}×{init_height}: give a mask of the init \
                 image's size"
            );
            return Err(Error::invalid("mask", message));
        }
        let mut shaped = self.image.clone();
        if settings.mask_invert {
            shaping::invert(&mut shaped);
        }
        let is_repainted = |value: u8| if settings.mask_differential { value > 0 } else { value >= REPAINTED };
        if !shaped.as_raw().iter().any(|&value| is_repainted(value)) {
            let message = if settings.mask_invert {
                "is white everywhere, and inverted nothing of it is left: leave out mask_invert, or paint black what is to \
                 change"
            } else {
                "is empty: no pixel of it is white (128 or more of 255), so nothing would change; paint white what is to \
                 change, or give mask_invert if that is black"
            };
            return Err(Error::invalid("mask", message));
        }
        let mut warnings = Vec::new();
        if shaped.as_raw().iter().all(|&value| is_repainted(value)) {
            warnings.push("the mask is white everywhere: the whole image is repainted".to_owned());
        }
        shaping::grow(&mut shaped, settings.mask_grow);
        shaping::blur(&mut shaped, settings.mask_blur);
        Ok((shaped, warnings))
    }

    /// What tells this mask on `init` from others.
    pub(crate) fn identity(&self, init: &RgbImage) -> String {
        let mut hash = Sha256::new();
        for (size, bytes) in [(init.dimensions(), init.as_raw()), (self.image.dimensions(), self.image.as_raw())] {
            hash.update(size.0.to_le_bytes());
            hash.update(size.1.to_le_bytes());
            hash.update(bytes);
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    /// A mask with one pixel of `value` in the middle.
    fn dot(value: u8) -> Mask {
        let mut image = GrayImage::new(16, 16);
        image.put_pixel(8, 8, Luma([value]));
        Mask { image }
    }

    fn check(mask: &Mask, change: impl FnOnce(&mut ResolvedSettings)) -> std::result::Result<Vec<String>, String> {
        let mut settings = ResolvedSettings::new("a heart");
        change(&mut settings);
        mask.check((16, 16), &settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mask_that_changes_nothing_is_refused_in_words() {
        assert_eq!(check(&dot(128), |_| {}), Ok(Vec::new()));
        let empty = check(&dot(127), |_| {}).expect_err("refused");
        assert!(empty.contains("mask: is empty") && empty.contains("128"), "{empty}");
        assert_eq!(check(&dot(127), |settings| settings.mask_differential = true), Ok(Vec::new()));
        let white = Mask { image: GrayImage::from_pixel(16, 16, Luma([255])) };
        let inverted = check(&white, |settings| settings.mask_invert = true).expect_err("refused");
        assert!(inverted.contains("mask_invert"), "{inverted}");
        assert!(check(&white, |_| {}).expect("it is fine")[0].contains("whole image"));
        let error = white.check((16, 8), &ResolvedSettings::new("")).expect_err("refused").to_string();
        assert!(error.contains("16×16") && error.contains("16×8"), "{error}");
    }
}
