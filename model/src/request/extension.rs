//! Outpainting: an init image on a larger canvas, with a mask of what is new.

use std::fmt;
use std::str::FromStr;

use image::{GrayImage, Luma, RgbImage};

use super::mask::Mask;
use crate::error::{Error, Result};
use crate::noise::NoiseGenerator;

/// The most pixels on one side.
const MOST: u32 = 2048;
/// The most pixels of the old image that the seam runs through.
const SEAM: u32 = 64;
/// The deviation of the noise, in levels, that lies on what is continued.
const GRAIN: f32 = 24.0;

/// By how many pixels the canvas grows on each side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extension {
    /// On the left.
    pub left: u32,
    /// At the top.
    pub top: u32,
    /// On the right.
    pub right: u32,
    /// At the bottom.
    pub bottom: u32,
}

impl Extension {
    /// The larger image, and the mask of what is to be painted of it: what is new, a seam of up to 64 pixels of the old
    /// image that fades out, and what `mask` has. The old image's edges are continued, mirrored, under noise. Of a side that
    /// grows the length becomes a multiple of 8, so that nothing has to be resampled. With `is_inverted`, `mask` is black where
    /// it counts, and so is the new one.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if `mask` is not of the image's size.
    pub fn apply(self, init: &RgbImage, mask: Option<&Mask>, is_inverted: bool) -> Result<(RgbImage, Mask)> {
        let (width, height) = init.dimensions();
        if let Some(mask) = mask.filter(|mask| mask.image.dimensions() != (width, height)) {
            let (found_width, found_height) = mask.image.dimensions();
            let message = format!(
                "is {found_width}×{found_height} pixels, but the init image is {width}×{height} before it is extended: give \
                 a mask of the init image's size"
            );
            return Err(Error::invalid("mask", message));
        }
        let read = |value: u8| if is_inverted { 255 - value } else { value };
        let (left, right) = rounded(self.left, width, self.right);
        let (top, bottom) = rounded(self.top, height, self.bottom);
        let (columns, rows) = (Line { before: left, length: width }, Line { before: top, length: height });
        let size = (left + width + right, top + height + bottom);
        let seams = [(left, width), (right, width), (top, height), (bottom, height)]
            .map(|(grown, side)| if grown > 0 { SEAM.min(side / 4).max(1) } else { 0 });

        // Not the request's seed: image i of several has to stand on the same canvas as it does alone.
        let mut noise = NoiseGenerator::new(0);
        let mut canvas = RgbImage::new(size.0, size.1);
        let mut painted = GrayImage::new(size.0, size.1);
        for y in 0..size.1 {
            let (old_y, depth_y) = rows.mirrored(y);
            for x in 0..size.0 {
                let (old_x, depth_x) = columns.mirrored(x);
                let (mut pixel, depth) = (*init.get_pixel(old_x, old_y), depth_x.max(depth_y));
                let value = if depth == 0 {
                    let own = mask.map_or(0, |mask| read(mask.image.get_pixel(old_x, old_y).0[0]));
                    let (right_x, bottom_y) = (width - 1 - old_x, height - 1 - old_y);
                    let distances = [old_x, right_x, old_y, bottom_y];
                    distances.into_iter().zip(seams).map(|(distance, seam)| fading(distance, seam)).fold(own, u8::max)
                } else {
                    // More of it further out.
                    let amount = GRAIN * (depth.min(SEAM) as f32 / SEAM as f32);
                    let grain = noise.normal(3);
                    let with_grain = |(level, grain): (&mut u8, f32)| {
                        *level = (f32::from(*level) + amount * grain).round().clamp(0.0, 255.0) as u8;
                    };
                    pixel.0.iter_mut().zip(grain).for_each(with_grain);
                    255
                };
                canvas.put_pixel(x, y, pixel);
                painted.put_pixel(x, y, Luma([read(value)]));
            }
        }
        Ok((canvas, Mask { image: painted }))
    }
}

/// The growth before and after a side of `length`, with which the whole is a multiple of 8 if there is any.
fn rounded(before: u32, length: u32, after: u32) -> (u32, u32) {
    let missing = (8 - (before + length + after) % 8) % 8;
    match (before, after) {
        (0, 0) => (0, 0),
        (_, 0) => (before + missing, 0),
        _ => (before, after + missing),
    }
}

/// The mask at `distance` pixels within the old image from an edge whose seam is `seam` pixels wide.
fn fading(distance: u32, seam: u32) -> u8 {
    if distance >= seam {
        return 0;
    }
    (255.0 * (1.0 - (f64::from(distance) + 0.5) / f64::from(seam))).round() as u8
}

/// A side of the old image on the canvas.
struct Line {
    before: u32,
    length: u32,
}

impl Line {
    /// Which pixel of the old image stands at `place` of the canvas, and how far outside of it that is.
    fn mirrored(&self, place: u32) -> (u32, u32) {
        let (before, length) = (i64::from(self.before), i64::from(self.length));
        let inside = i64::from(place) - before;
        let depth = if inside < 0 { -inside } else { (inside - length + 1).max(0) };
        let around = inside.rem_euclid(2 * length);
        let old = if around < length { around } else { 2 * length - 1 - around };
        (old as u32, depth as u32)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [("left", self.left), ("top", self.top), ("right", self.right), ("bottom", self.bottom)];
        let parts: Vec<_> =
            sides.iter().filter(|(_, pixels)| *pixels > 0).map(|(side, pixels)| format!("{side}={pixels}")).collect();
        formatter.write_str(&parts.join(","))
    }
}

impl FromStr for Extension {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |message: String| Error::invalid("extend", message);
        let mut extension = Self::default();
        for part in text.split(',') {
            let (side, pixels) = part.split_once('=').unwrap_or((part, ""));
            let to = match side.trim() {
                "left" => &mut extension.left,
                "top" => &mut extension.top,
                "right" => &mut extension.right,
                "bottom" => &mut extension.bottom,
                _ => {
                    let message = format!("`{side}` is none of left, top, right, bottom: write left=256,top=128");
                    return Err(refused(message));
                }
            };
            if *to > 0 {
                return Err(refused(format!("`{side}` is there twice: give each side once")));
            }
            *to = match pixels.trim().parse() {
                Ok(pixels @ 1..=MOST) => pixels,
                _ => return Err(refused(format!("`{part}` is out of bounds: write {side}=N with 1 to {MOST} pixels"))),
            };
        }
        Ok(extension)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn read(text: &str) -> std::result::Result<Extension, String> {
        text.parse::<Extension>().map_err(|error| error.to_string())
    }

    #[test]
    fn sides_are_read_and_written() {
        let read_back = read("top=8, left=256").expect("it is right");
        assert_eq!(read_back, Extension { left: 256, top: 8, ..Extension::default() });
        assert_eq!(read_back.to_string(), "left=256,top=8");
        for (text, words) in [
            ("", "none of left"),
            ("all=3", "`all`"),
            ("left", "left=N"),
            ("left=0", "1 to 2048"),
            ("left=-8", "1 to 2048"),
            ("left=2049", "1 to 2048"),
            ("left=8,left=8", "twice"),
        ] {
            let error = read(text).expect_err("refused");
            assert!(error.contains(words) && error.starts_with("extend: "), "{text}: {error}");
        }
    }

    #[test]
    fn the_canvas_keeps_the_image_and_masks_what_is_new() {
        let init = RgbImage::from_fn(40, 33, |x, y| Rgb([x as u8, y as u8, 9]));
        let extension = Extension { left: 5, bottom: 60, ..Extension::default() };
        let (canvas, mask) = extension.apply(&init, None, false).expect("it is extended");
        // Both sides that grow are multiples of 8.
        assert_eq!(canvas.dimensions(), (48, 96));
        assert_eq!(mask.image.dimensions(), (48, 96));
        let (left, seam) = (8, 10);
        for (x, y, pixel) in init.enumerate_pixels() {
            assert_eq!(canvas.get_pixel(x + left, y), pixel);
            let value = mask.image.get_pixel(x + left, y).0[0];
            let is_in_a_seam = x < seam || y >= 33 - 33 / 4;
            assert_eq!(value > 0, is_in_a_seam, "{x} {y}");
        }
        assert!((0..left).all(|x| mask.image.get_pixel(x, 20).0 == [255]));
        // The edge is continued.
        assert!(canvas.get_pixel(left - 1, 3).0[0] < 6);
        let other = Mask { image: GrayImage::new(3, 3) };
        let error = extension.apply(&init, Some(&other), false).expect_err("refused").to_string();
        assert!(error.contains("3×3") && error.contains("40×33"), "{error}");
        let mut own = GrayImage::new(40, 33);
        own.put_pixel(30, 2, Luma([255]));
        let (_, both) = extension.apply(&init, Some(&Mask { image: own.clone() }), false).expect("it is extended");
        assert_eq!(both.image.get_pixel(38, 2).0, [255]);
        own.iter_mut().for_each(|value| *value = 255 - *value);
        let (_, inverted) = extension.apply(&init, Some(&Mask { image: own }), true).expect("it is extended");
        assert!(inverted.image.iter().zip(both.image.iter()).all(|(a, b)| *a == 255 - *b));
        let single = extension.apply(&RgbImage::new(1, 1), None, false).expect("it is extended").0;
        assert_eq!(single.dimensions(), (8, 64));
    }
}
