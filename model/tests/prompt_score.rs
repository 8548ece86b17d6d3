//! What an image of the demo model's world shows: `prompt_score.py` of the reference data, for tests.

use image::RgbImage;
use image::imageops::{FilterType, resize};
use serde::Deserialize;

use crate::common::reference;

const SIDE: usize = 128;
const COLOURS: [(&str, [f64; 3]); 12] = [
    ("red", [220.0, 40.0, 40.0]),
    ("orange", [245.0, 140.0, 30.0]),
    ("yellow", [250.0, 215.0, 50.0]),
    ("green", [40.0, 165.0, 75.0]),
    ("blue", [40.0, 90.0, 215.0]),
    ("purple", [130.0, 60.0, 180.0]),
    ("pink", [245.0, 130.0, 180.0]),
    ("brown", [125.0, 80.0, 45.0]),
    ("black", [25.0, 25.0, 28.0]),
    ("white", [248.0, 248.0, 246.0]),
    ("gray", [135.0, 138.0, 142.0]),
    ("cyan", [50.0, 195.0, 215.0]),
];
const SHAPES: [&str; 10] =
    ["circle", "square", "triangle", "star", "heart", "ring", "hexagon", "cross", "diamond", "crescent"];
const SIZES: [(&str, f64); 3] = [("small", 0.34), ("", 0.50), ("large", 0.68)];
const PLACES: [(&str, (f64, f64)); 5] = [
    ("", (0.0, 0.0)),
    ("on the left", (-0.42, 0.0)),
    ("on the right", (0.42, 0.0)),
    ("at the top", (0.0, -0.42)),
    ("at the bottom", (0.0, 0.42)),
];

/// A prompt of the closed world, and what its image is to show.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Prompt {
    pub caption: String,
    pub shape: String,
    pub fg: String,
    pub bg: String,
    pub size: String,
    pub place: String,
}

/// The reference's prompts.
pub(crate) fn prompts() -> Vec<Prompt> {
    let text = std::fs::read_to_string(reference("prompt_score/prompts.json")).expect("the prompts are there");
    serde_json::from_str(&text).expect("they are well formed")
}

/// How many of the five parts (background, colour, place, size, shape) of `prompt` the image shows.
pub(crate) fn score(image: &RgbImage, prompt: &Prompt) -> usize {
    let pixels = pixels_of(image);
    let background = background(&pixels);
    let mut right = usize::from(nearest(background) == prompt.bg);
    let distances: Vec<f64> = pixels.iter().map(|pixel| distance(*pixel, background)).collect();
    let mut sorted = distances.clone();
    sorted.sort_by(f64::total_cmp);
    let least = (0.45 * percentile(&sorted, 0.995)).max(30.0);
    let mask: Vec<bool> = distances.iter().map(|&distance| distance > least).collect();
    if mask.iter().filter(|&&is_shape| is_shape).count() < 30 {
        return right;
    }
    let mut of_shape: Vec<f64> = distances.iter().copied().filter(|&distance| distance > least).collect();
    of_shape.sort_by(f64::total_cmp);
    let middle = percentile(&of_shape, 0.5);
    let inner = pixels.iter().zip(&distances).filter(|(_, distance)| **distance > least && **distance >= middle);
    right += usize::from(nearest(median(inner.map(|(pixel, _)| *pixel).collect())) == prompt.fg);
    let (shape, size, place) = best_shape(&mask);
    right + usize::from(shape == prompt.shape) + usize::from(size == prompt.size) + usize::from(place == prompt.place)
}

/// The name of the colour around the image's edge.
pub(crate) fn background_of(image: &RgbImage) -> &'static str {
    nearest(background(&pixels_of(image)))
}

fn pixels_of(image: &RgbImage) -> Vec<[f64; 3]> {
    let image = resize(image, SIDE as u32, SIDE as u32, FilterType::CatmullRom);
    image.pixels().map(|pixel| pixel.0.map(f64::from)).collect()
}

fn background(pixels: &[[f64; 3]]) -> [f64; 3] {
    let is_border = |at: usize| !(6..SIDE - 6).contains(&at);
    let border = pixels.iter().enumerate().filter(|(at, _)| is_border(at / SIDE) || is_border(at % SIDE));
    median(border.map(|(_, pixel)| *pixel).collect())
}

fn median(pixels: Vec<[f64; 3]>) -> [f64; 3] {
    std::array::from_fn(|channel| {
        let mut values: Vec<f64> = pixels.iter().map(|pixel| pixel[channel]).collect();
        values.sort_by(f64::total_cmp);
        percentile(&values, 0.5)
    })
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, weight) = (place as usize, place.fract());
    sorted[low] + weight * (sorted[(low + 1).min(sorted.len() - 1)] - sorted[low])
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn nearest(colour: [f64; 3]) -> &'static str {
    let closest = COLOURS.iter().min_by(|a, b| distance(a.1, colour).total_cmp(&distance(b.1, colour)));
    closest.map_or("", |(name, _)| name)
}

/// The coordinates of pixel `at`, −1…1.
fn coordinates(at: usize) -> (f64, f64) {
    let line = |place: usize| (place as f64 + 0.5) / 64.0 - 1.0;
    (line(at % SIDE), line(at / SIDE))
}

fn center(mask: impl Iterator<Item = usize>) -> (f64, f64) {
    let (mut sum, mut count) = ((0.0, 0.0), 0.0);
    for (x, y) in mask.map(coordinates) {
        (sum, count) = ((sum.0 + x, sum.1 + y), count + 1.0);
    }
    (sum.0 / count, sum.1 / count)
}

/// The shape, size and place whose drawing covers the mask best.
fn best_shape(mask: &[bool]) -> (&'static str, &'static str, &'static str) {
    let (cx, cy) = center((0..mask.len()).filter(|&at| mask[at]));
    let mut best = (-1.0, "", "", (0.0, 0.0));
    for shape in SHAPES {
        for (size, radius) in SIZES {
            for turn in [-0.1f64, 0.0, 0.1] {
                let is_inside = |(x, y): (f64, f64)| {
                    let (sine, cosine) = turn.sin_cos();
                    signed_distance(shape, (x * cosine + y * sine) / radius, (-x * sine + y * cosine) / radius) < 0.0
                };
                // The drawing's centre of mass is put on the image's.
                let (ox, oy) = center((0..mask.len()).filter(|&at| is_inside(coordinates(at))));
                let (mut both, mut either) = (0, 0);
                for (at, &is_shape) in mask.iter().enumerate() {
                    let (x, y) = coordinates(at);
                    let is_drawn = is_inside((x - cx + ox, y - cy + oy));
                    both += usize::from(is_shape && is_drawn);
                    either += usize::from(is_shape || is_drawn);
                }
                let overlap = both as f64 / either.max(1) as f64;
                if overlap > best.0 {
                    best = (overlap, shape, size, (cx - ox, cy - oy));
                }
            }
        }
    }
    let (_, shape, size, (x, y)) = best;
    let far = |(px, py): (f64, f64)| (px - x).powi(2) + (py - y).powi(2);
    let place = PLACES.iter().min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map_or("", |(name, _)| name);
    (shape, size, place)
}

/// The signed distance from each shape of the world, negative inside.
fn signed_distance(shape: &str, x: f64, y: f64) -> f64 {
    let (ax, ay) = (x.abs(), y.abs());
    match shape {
        "circle" => x.hypot(y) - 0.9,
        "ring" => (x.hypot(y) - 0.72).abs() - 0.2,
        "square" => ax.max(ay) - 0.78,
        "diamond" => (ax * 1.25 + ay) / 1.6 - 0.62,
        "hexagon" => (ax * 0.866_025_4 + ay * 0.5).max(ay) - 0.82,
        "cross" => (ax - 0.28).max(ay - 0.9).min((ax - 0.9).max(ay - 0.28)),
        "triangle" => (ax * 0.8944 - (y + 0.95) * 0.4472).max(y - 0.75),
        "crescent" => (x.hypot(y) - 0.9).max(0.78 - (x - 0.42).hypot(y + 0.1)),
        "heart" => {
            let (u, v) = (ax * 0.62, -y * 0.62 + 0.52);
            let m = (u + v).max(0.0) * 0.5;
            let distance = if u + v > 1.0 {
                (u - 0.25).hypot(v - 0.75) - 2f64.sqrt() / 4.0
            } else {
                u.hypot(v - 1.0).min((u - m).hypot(v - m)) * (u - v).signum()
            };
            distance / 0.62
        }
        _ => {
            let k = std::f64::consts::PI / 5.0;
            let (angle, radius) = ((x.atan2(-y) + k).rem_euclid(2.0 * k) - k, x.hypot(y));
            let (px, py) = (radius * angle.abs().sin(), radius * angle.abs().cos());
            let (ex, ey) = (0.42 * k.sin(), 0.42 * k.cos() - 0.98);
            (px * -ey + (py - 0.98) * ex) / ex.hypot(ey)
        }
    }
}
