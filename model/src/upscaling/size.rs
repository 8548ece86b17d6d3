//! How large an enlarged image may be.

use crate::error::{Error, Result};

/// By how much a side may grow at most.
pub const LARGEST_FACTOR: f64 = 8.0;
/// The longest side of an image, in pixels.
const LONGEST_SIDE: u32 = 16_384;
/// Most pixels of an image: 400 MB of bytes.
const MOST_PIXELS: u64 = 1 << 27;

/// Width and height of an image of `size` whose sides grow by `factor`.
///
/// # Errors
/// [`Error::InvalidRequest`] if the factor is out of bounds, or the result would be larger than any image may be.
pub fn enlarged_size((width, height): (u32, u32), factor: f64) -> Result<(u32, u32)> {
    if !(1.0..=LARGEST_FACTOR).contains(&factor) {
        return Err(Error::invalid("scale", format!("{factor} is out of bounds: use 1 to {LARGEST_FACTOR}")));
    }
    let side = |side: u32| (f64::from(side) * factor).round().max(1.0) as u32;
    check((side(width), side(height)), "scale", "a smaller scale, or a smaller image")
}

/// Refuses an image that is too large.
pub(super) fn check((width, height): (u32, u32), field: &'static str, advice: &str) -> Result<(u32, u32)> {
    if width.max(height) <= LONGEST_SIDE && u64::from(width) * u64::from(height) <= MOST_PIXELS {
        return Ok((width, height));
    }
    let message = format!(
        "the image would have {width}×{height} pixels, more than {LONGEST_SIDE} a side or {} million together: use {advice}",
        MOST_PIXELS / 1_000_000
    );
    Err(Error::invalid(field, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(enlarged_size((1, 1), 1.2).expect("a size"), (1, 1));
        assert_eq!(enlarged_size((1024, 768), 4.0).expect("a size"), (4096, 3072));
        assert_eq!(enlarged_size((2048, 2048), 5.5).expect("a size"), (11264, 11264));
        for (size, factor) in
            [((64, 64), 0.5), ((64, 64), 9.0), ((64, 64), f64::NAN), ((8192, 64), 4.0), ((4096, 4096), 3.0)]
        {
            let error = enlarged_size(size, factor).expect_err("out of bounds").to_string();
            assert!(error.starts_with("scale: ") && error.contains("use "), "{error}");
        }
    }
}
