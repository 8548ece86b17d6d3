//! From an image to a control image, where that takes no network: pure functions of images.
//!
//! Control images of depth, poses and the like take a network of their own; programs such as `controlnet_aux` make them.

mod canny;
mod lines;
mod tones;

use easel_settings::Preprocessor;
use image::RgbImage;

/// The control image that `preprocessor` makes of `image`, which has its size.
#[must_use]
pub fn control_image(preprocessor: Preprocessor, image: &RgbImage) -> RgbImage {
    match preprocessor {
        Preprocessor::Canny => canny::edges(image, 100, 200),
        Preprocessor::SoftEdge => lines::soft_edges(image),
        Preprocessor::Lines => lines::drawing(image),
        Preprocessor::Scribble => lines::scribble(image),
        Preprocessor::Blur => image::imageops::blur(image, 9.0),
        Preprocessor::Tile => tones::without_detail(image),
        Preprocessor::Gray => tones::gray(image),
        Preprocessor::Recolor => tones::lightness(image),
        Preprocessor::Invert => tones::inverted(image),
    }
}
