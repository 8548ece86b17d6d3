//! From a picture to a control image, where that takes no network: pure functions of images.
//!
//! Control images of depth, poses and the like take a network of their own; programs such as `controlnet_aux` make them.

mod canny;
mod lines;
mod tones;

use easel_settings::Preprocessor;
use image::RgbImage;

/// The control image that `preprocessor` makes of `picture`, which has its size.
#[must_use]
pub fn control_image(preprocessor: Preprocessor, picture: &RgbImage) -> RgbImage {
    match preprocessor {
        Preprocessor::Canny => canny::edges(picture, 100, 200),
        Preprocessor::SoftEdge => lines::soft_edges(picture),
        Preprocessor::Lines => lines::drawing(picture),
        Preprocessor::Scribble => lines::scribble(picture),
        Preprocessor::Blur => image::imageops::blur(picture, 9.0),
        Preprocessor::Tile => tones::without_detail(picture),
        Preprocessor::Gray => tones::gray(picture),
        Preprocessor::Recolor => tones::lightness(picture),
        Preprocessor::Invert => tones::inverted(picture),
    }
}
