//! Images as files: the image itself, its thumbnail, and previews during the generation.

use std::path::Path;

use easel_images::ImageRecord;
use image::codecs::jpeg::JpegEncoder;
use image::imageops;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use sha2::{Digest, Sha256};

use crate::error::Result;

/// Longest side of a thumbnail.
const THUMBNAIL: u32 = 256;
const THUMBNAIL_QUALITY: u8 = 85;
/// Most bytes of a preview, which is kept in a row of the table.
const PREVIEW_BYTES: usize = 10_000;

/// The files of an image.
pub(super) struct ImageFiles {
    pub(super) image: Vec<u8>,
    pub(super) thumbnail: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Encodes the files of an image. The same image and record give the same bytes.
pub(super) fn encode(rgb: &RgbImage, record: &ImageRecord<'_>) -> Result<ImageFiles> {
    let (width, height) = rgb.dimensions();
    let image = easel_images::encode(Path::new("image.png"), rgb, &record.metadata()?)?;
    let longest = width.max(height);
    let side = |side: u32| (side * THUMBNAIL.min(longest) / longest).max(1);
    let small = imageops::thumbnail(rgb, side(width), side(height));
    let thumbnail = jpeg(&small, THUMBNAIL_QUALITY).ok_or_else(|| crate::Error::Failed("no thumbnail".to_owned()))?;
    Ok(ImageFiles { image, thumbnail, width, height })
}

/// A small JPEG of a preview, in the best quality that fits.
pub(super) fn preview(rgb: &RgbImage) -> Option<Vec<u8>> {
    let half = || imageops::thumbnail(rgb, (rgb.width() / 2).max(1), (rgb.height() / 2).max(1));
    [80, 60, 40]
        .into_iter()
        .filter_map(|quality| jpeg(rgb, quality))
        .find(|bytes| bytes.len() <= PREVIEW_BYTES)
        .or_else(|| jpeg(&half(), 40).filter(|bytes| bytes.len() <= PREVIEW_BYTES))
}

/// Small images of one size as one, in rows from the left; `None` of none.
pub(super) fn side_by_side(images: Vec<RgbImage>) -> Option<RgbImage> {
    let (width, height) = images.first()?.dimensions();
    let count = u32::try_from(images.len()).ok()?;
    // As many as make the whole about as wide as it is high.
    let columns = (1..=count).find(|columns| columns * columns >= count).unwrap_or(1);
    let mut whole = RgbImage::new(width * columns, height * count.div_ceil(columns));
    for (index, image) in (0..count).zip(&images) {
        imageops::replace(&mut whole, image, (index % columns * width).into(), (index / columns * height).into());
    }
    Some(whole)
}

/// The hash of a file, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn jpeg(rgb: &RgbImage, quality: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    encoder.write_image(rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_noise_of_the_largest_image_still_has_a_preview_that_fits() {
        let mut state = 1u32;
        let noise = RgbImage::from_fn(256, 256, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        });
        let preview = preview(&noise).expect("a preview");
        assert!(preview.len() <= PREVIEW_BYTES, "{}", preview.len());
        assert!(image::load_from_memory(&preview).is_ok());
    }

    #[test]
    fn previews_of_several_images_are_one() {
        let image = |shade: u8| RgbImage::from_pixel(3, 2, Rgb([shade; 3]));
        assert!(side_by_side(Vec::new()).is_none());
        for (count, size) in [(1, (3, 2)), (2, (6, 2)), (3, (6, 4)), (4, (6, 4)), (5, (9, 4)), (8, (9, 6))] {
            let whole = side_by_side((1..=count).map(image).collect()).expect("some");
            assert_eq!(whole.dimensions(), size, "{count}");
        }
        let whole = side_by_side((1..=3).map(image).collect()).expect("some");
        let shade = |x, y| whole.get_pixel(x, y).0[0];
        assert_eq!([shade(0, 0), shade(5, 1), shade(2, 2), shade(3, 3)], [1, 2, 3, 0]);
    }

    #[test]
    fn a_hash_is_the_usual_text() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }
}
