//! The part of a generation's steps in which something is at work.

use sha2::{Digest, Sha256};

use image::RgbImage;

use crate::error::{Error, Result};

/// Whether step `index` of `count` lies whole between `start` and `end`, as diffusers counts it.
pub(crate) fn is_within(start: f64, end: f64, index: usize, count: usize) -> bool {
    let share = |index: usize| index as f64 / count as f64;
    share(index) >= start && share(index + 1) <= end
}

/// Refuses a scale or a part of the steps that is none.
pub(super) fn check(field: &'static str, scale: f64, start: f64, end: f64) -> Result<()> {
    if !scale.is_finite() || scale.abs() > 10.0 {
        return Err(Error::invalid(
            field,
            format!("the scale {scale} is out of bounds: use −10 to 10, usually 0 to 1"),
        ));
    }
    if !(0.0..=1.0).contains(&start) || !(0.0..=1.0).contains(&end) || start >= end {
        let message =
            format!("{start} to {end} is no part of the steps: use two numbers from 0 to 1, the smaller one first");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

/// What tells `image` from others.
pub(super) fn digest(image: &RgbImage) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {}\n", image.width(), image.height()));
    hasher.update(image.as_raw());
    hex::encode(hasher.finalize())
}
