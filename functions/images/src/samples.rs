//! An image and its metadata, for tests.

use image::{Rgb, RgbImage};

use crate::infotext::format_infotext;
use crate::metadata::Metadata;

/// Smooth enough that a JPEG of it is close, and no two sides alike.
pub(crate) fn image() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, (x + y) as u8]))
}

pub(crate) fn metadata() -> Metadata {
    let settings = [("Steps", "20".to_owned()), ("Sampler", "Euler".to_owned()), ("Version", "easel 0.1.0".to_owned())];
    Metadata {
        infotext: format_infotext("a large red heart", Some("blurry"), &settings),
        json: r#"{"prompt":"a large red heart","seed":1}"#.to_owned(),
    }
}
