//! Enlarging finished images: by a network, in tiles where the image is large, or by resampling.

mod enlargement;
mod size;
mod tiles;
mod upscaler;
mod work;

pub use enlargement::Enlargement;
pub use size::{LARGEST_FACTOR, enlarged_size};
pub use upscaler::Upscaler;
pub use work::UpscalerWork;
