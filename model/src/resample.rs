//! Images at another size, with the bytes of Pillow's `Image.resize` (its `Resample.c`), which diffusers prepares images
//! with: a separable filter in whole numbers, rows first, stretched where the image shrinks.

use std::ops::Range;

use image::{ImageBuffer, Pixel};

/// How pixels between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Cubic with a = −0.5.
    Bicubic,
    /// Sinc in a window of three lobes.
    Lanczos,
}

/// Bits after the point of the filter's numbers.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// An image of bytes.
pub(crate) type Image<P> = ImageBuffer<P, Vec<u8>>;

impl Kernel {
    /// Pixels on either side that it reaches, at the same size or larger.
    fn support(self) -> f64 {
        match self {
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight of what is `x` pixels away.
    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
        match (self, x.abs()) {
            (Self::Bicubic, x) if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            (Self::Bicubic, x) if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            (Self::Lanczos, x) if x < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

/// `image` at `size` (width, height), each at least 1.
pub(crate) fn resized<P: Pixel<Subpixel = u8>>(image: &Image<P>, size: (u32, u32), kernel: Kernel) -> Image<P> {
    let (width, height) = image.dimensions();
    part_resized(image, (0..width, 0..height), size, kernel)
}

/// The columns and rows `part` of `image` at `size` (width, height), each at least 1. A part of no width or height is what
/// stands at that edge.
pub(crate) fn part_resized<P: Pixel<Subpixel = u8>>(
    image: &Image<P>,
    (columns, rows): (Range<u32>, Range<u32>),
    (to_width, to_height): (u32, u32),
    kernel: Kernel,
) -> Image<P> {
    let (width, height) = image.dimensions();
    let channels = usize::from(P::CHANNEL_COUNT);
    let (width, height, to_width, to_height) = (width as usize, height as usize, to_width as usize, to_height as usize);
    let across = Filter::new(width, columns.clone(), to_width, kernel);
    let down = Filter::new(height, rows.clone(), to_height, kernel);
    let is_as_wide = to_width == width && columns == (0..width as u32);
    let is_as_high = to_height == height && rows == (0..height as u32);
    let used = if is_as_high { 0..height } else { down.used() };
    let from = &image.as_raw()[used.start * width * channels..used.end * width * channels];
    let narrowed = if is_as_wide { from.to_vec() } else { across.narrowed(from, width * channels, channels) };
    let bytes = if is_as_high { narrowed } else { down.lowered(&narrowed, used.start, to_width * channels) };
    Image::from_raw(to_width as u32, to_height as u32, bytes).expect("there are as many bytes as the size has")
}

/// For every place of the result, what it is made of.
struct Filter {
    windows: Vec<Weights>,
}

/// The weights of successive places from `first` on.
struct Weights {
    first: usize,
    weights: Vec<i32>,
}

impl Filter {
    /// From `length` places, of which `part` is taken, to `to` places.
    fn new(length: usize, part: Range<u32>, to: usize, kernel: Kernel) -> Self {
        let scale = f64::from(part.end - part.start) / to as f64;
        let stretch = scale.max(1.0);
        let support = kernel.support() * stretch;
        let window = |place: usize| {
            let center = f64::from(part.start) + (place as f64 + 0.5) * scale;
            let first = ((center - support + 0.5) as usize).min(length - 1);
            let end = ((center + support + 0.5) as usize).clamp(first + 1, length);
            let weight = |at: usize| kernel.weight((at as f64 - center + 0.5) / stretch);
            let weights: Vec<f64> = (first..end).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let one = f64::from(1 << PRECISION_BITS);
            let whole = |weight: f64| (weight / if sum == 0.0 { 1.0 } else { sum } * one).round() as i32;
            Weights { first, weights: weights.into_iter().map(whole).collect() }
        };
        Self { windows: (0..to).map(window).collect() }
    }

    /// The places that any result is made of.
    fn used(&self) -> Range<usize> {
        let first = self.windows.iter().map(|window| window.first).min();
        let end = self.windows.iter().map(|window| window.first + window.weights.len()).max();
        first.unwrap_or_default()..end.unwrap_or_default()
    }

    /// Every row of `bytes`, `stride` long, with its pixels filtered.
    fn narrowed(&self, bytes: &[u8], stride: usize, channels: usize) -> Vec<u8> {
        let to = self.windows.len() * channels;
        let mut narrowed = vec![0; bytes.len() / stride * to];
        for (row, to) in bytes.chunks(stride).zip(narrowed.chunks_mut(to)) {
            for (window, to) in self.windows.iter().zip(to.chunks_mut(channels)) {
                for (channel, to) in to.iter_mut().enumerate() {
                    let pixels = row[window.first * channels + channel..].iter().step_by(channels);
                    let sum = window.weights.iter().zip(pixels).map(|(weight, &byte)| weight * i32::from(byte)).sum();
                    *to = byte(sum);
                }
            }
        }
        narrowed
    }

    /// Rows filtered of those in `bytes`, `stride` long, which are from the row `first` on.
    fn lowered(&self, bytes: &[u8], first: usize, stride: usize) -> Vec<u8> {
        let mut lowered = Vec::with_capacity(self.windows.len() * stride);
        let mut sums = vec![0; stride];
        for window in &self.windows {
            sums.fill(0);
            let rows = bytes[(window.first - first) * stride..].chunks(stride);
            for (weight, row) in window.weights.iter().zip(rows) {
                sums.iter_mut().zip(row).for_each(|(sum, &byte)| *sum += weight * i32::from(byte));
            }
            lowered.extend(sums.iter().map(|&sum| byte(sum)));
        }
        lowered
    }
}

/// The byte that a sum of weighted bytes stands for.
fn byte(sum: i32) -> u8 {
    ((sum + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::{GrayImage, Luma};

    use super::*;

    /// Sizes, and what Pillow 12 makes of a small image at them:
    /// `Image.fromarray((np.arange(12).reshape(3, 4) ** 2 % 251).astype(np.uint8)).resize(size, Image.LANCZOS)`.
    #[rustfmt::skip]
    const PILLOW: &[((u32, u32), &[u8])] = &[
        ((8, 6), &[
            0, 0, 0, 0, 1, 4, 6, 8, 0, 0, 2, 2, 5, 8, 11, 13, 5, 6, 10, 13, 17, 22, 28, 30, 30, 32, 39, 47, 53, 62, 71, 74,
            55, 58, 66, 77, 85, 97, 107, 112, 69, 72, 81, 93, 101, 114, 126, 131,
        ]),
        ((3, 2), &[2, 7, 16, 51, 71, 96]),
        ((5, 3), &[0, 1, 2, 6, 9, 16, 21, 30, 41, 50, 63, 74, 90, 108, 122]),
        ((2, 7), &[0, 4, 0, 7, 4, 16, 21, 42, 49, 79, 69, 105, 80, 118]),
    ];

    #[test]
    fn the_bytes_are_pillows() {
        let image = GrayImage::from_fn(4, 3, |x, y| Luma([((y * 4 + x).pow(2) % 251) as u8]));
        assert_eq!(resized(&image, (4, 3), Kernel::Lanczos), image);
        for (size, expected) in PILLOW {
            assert_eq!(resized(&image, *size, Kernel::Lanczos).into_raw(), *expected, "{size:?}");
        }
    }

    #[test]
    fn the_edge_is_continued_by_a_part_without_height() {
        let image = GrayImage::from_fn(4, 6, |_, y| Luma([if y < 3 { 200 } else { 10 }]));
        let above = part_resized(&image, (0..4, 0..0), (4, 2), Kernel::Lanczos);
        assert!(above.pixels().all(|pixel| pixel.0[0].abs_diff(200) < 2), "{above:?}");
        let single = GrayImage::from_pixel(1, 1, Luma([77]));
        assert!(resized(&single, (64, 8), Kernel::Lanczos).pixels().all(|pixel| pixel.0[0] == 77));
    }

    #[test]
    fn every_byte_is_as_pillow_has_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/adapters");
        let open = |path: &str| image::open(folder.join(path)).expect("it is there").to_rgb8();
        let image = open("files/pictures/noise.png");
        for (name, kernel) in [("lanczos", Kernel::Lanczos), ("bicubic", Kernel::Bicubic)] {
            for (width, height) in [(37, 30), (101, 77)] {
                let expected = open(&format!("expected/noise_{name}_{width}x{height}.png"));
                assert!(resized(&image, (width, height), kernel) == expected, "{name} to {width}×{height}");
            }
        }
        assert!(resized(&image, image.dimensions(), Kernel::Lanczos) == image);
    }
}
