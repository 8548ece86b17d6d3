//! Resizing images as Pillow does, bit by bit, because models were trained on what it gives: the filter is widened where the
//! image shrinks, weights are whole numbers, rows are rounded to bytes before columns are resized.

use image::RgbImage;

/// How pixels between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Cubic with a = −0.5.
    Bicubic,
    /// Sinc in a window of three lobes.
    Lanczos,
}

/// Bits behind the point of a weight: what two bytes more than a byte's and its sign leave of 32.
const BITS: u32 = 32 - 8 - 2;

impl Filter {
    /// Pixels to either side that have a weight.
    fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, place: f64) -> f64 {
        let x = place.abs();
        match self {
            Self::Bicubic if x < 1.0 => ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Self::Lanczos if x < 3.0 => sinc(place) * sinc(place / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) }
}

/// The pixels that one pixel of the result is made of: the first of them, and their weights.
struct Taps {
    first: usize,
    weights: Vec<i64>,
}

/// The taps of every pixel when `from` pixels become `to`.
fn taps(filter: Filter, from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widened = scale.max(1.0);
    let support = filter.support() * widened;
    let of = |place: usize| {
        let centre = (place as f64 + 0.5) * scale;
        // Truncated towards zero, as conversions in C are.
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5).max(0.0) as usize).min(from);
        let weights: Vec<f64> = (first..end).map(|tap| filter.weight((tap as f64 - centre + 0.5) / widened)).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let weight = weight / if sum == 0.0 { 1.0 } else { sum } * f64::from(1_u32 << BITS);
            (weight + if weight < 0.0 { -0.5 } else { 0.5 }) as i64
        };
        Taps { first, weights: weights.into_iter().map(fixed).collect() }
    };
    (0..to).map(of).collect()
}

/// The byte that `weighted`, whose weights have [`BITS`] bits behind the point, is rounded to.
fn byte(weighted: i64) -> u8 {
    ((weighted + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

/// `image` at `width`×`height`.
pub(crate) fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (old_width, old_height) = image.dimensions();
    let mut image = image.clone();
    if old_width != width {
        let taps = taps(filter, old_width as usize, width as usize);
        image = RgbImage::from_fn(width, old_height, |x, y| {
            let Taps { first, weights } = &taps[x as usize];
            image::Rgb(std::array::from_fn(|colour| {
                let weighted =
                    (*first as u32..).zip(weights).map(|(x, weight)| weight * i64::from(image[(x, y)][colour]));
                byte(weighted.sum())
            }))
        });
    }
    if old_height != height {
        let taps = taps(filter, old_height as usize, height as usize);
        image = RgbImage::from_fn(width, height, |x, y| {
            let Taps { first, weights } = &taps[y as usize];
            image::Rgb(std::array::from_fn(|colour| {
                let weighted =
                    (*first as u32..).zip(weights).map(|(y, weight)| weight * i64::from(image[(x, y)][colour]));
                byte(weighted.sum())
            }))
        });
    }
    image
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_byte_is_as_pillow_has_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/adapters");
        let open = |path: &str| image::open(folder.join(path)).expect("it is there").to_rgb8();
        let picture = open("files/pictures/noise.png");
        for (name, filter) in [("lanczos", Filter::Lanczos), ("bicubic", Filter::Bicubic)] {
            for (width, height) in [(37, 30), (101, 77)] {
                let expected = open(&format!("expected/noise_{name}_{width}x{height}.png"));
                assert!(resize(&picture, width, height, filter) == expected, "{name} to {width}×{height}");
            }
        }
        assert!(resize(&picture, picture.width(), picture.height(), Filter::Lanczos) == picture);
    }
}
