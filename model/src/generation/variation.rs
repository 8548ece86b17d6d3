//! Small variations of an image: noise between that of a seed and that of another, as AUTOMATIC1111 makes it (`slerp` and
//! `ImageRNG.first` in its `modules/rng.py`).

use easel_settings::ResolvedSettings;

use super::CHANNELS;
use crate::noise::ImageNoise;

/// From this cosine on, two directions are the same.
const SAME: f64 = 0.9995;

/// The noise of the variation seeds, and how much of it is wanted.
#[derive(Clone)]
pub(super) struct Variation {
    noise: ImageNoise,
    strength: f64,
}

impl Variation {
    /// What the settings ask for; nothing where they ask for no variation.
    pub(super) fn of(settings: &ResolvedSettings) -> Option<Self> {
        let seeds = (0..settings.count).map(|index| settings.alone(index).variation_seed.unwrap_or_default());
        let strength = settings.variation_strength;
        (strength > 0.0).then(|| Self { noise: ImageNoise::new(seeds), strength })
    }

    /// Turns `noise`, `[count, 4, h, w]` with `size` as `(h, w)`, towards as many numbers of the variation seeds.
    pub(super) fn apply(&mut self, noise: &mut [f32], (height, width): (usize, usize)) {
        let other = self.noise.normal(noise.len());
        let image = CHANNELS * height * width;
        for (low, high) in noise.chunks_mut(image).zip(other.chunks(image)) {
            slerp(self.strength, low, high, height, width);
        }
    }
}

/// Turns each column of each channel of `low`, `[channels, height, width]`, on the sphere towards that of `high`: the
/// published function takes the norm along the rows of an image without a batch.
fn slerp(strength: f64, low: &mut [f32], high: &[f32], height: usize, width: usize) {
    let plane = height * width;
    let places = |column: usize| (0..height).map(move |row| column / width * plane + row * width + column % width);
    // In f64, because single precision functions differ between processors and a seed must not.
    let cosines: Vec<f64> = (0..low.len() / height)
        .map(|column| {
            let (mut product, mut low_square, mut high_square) = (0.0, 0.0, 0.0);
            for (a, b) in places(column).map(|place| (f64::from(low[place]), f64::from(high[place]))) {
                product += a * b;
                low_square += a * a;
                high_square += b * b;
            }
            (product / (low_square * high_square).sqrt()).clamp(-1.0, 1.0)
        })
        .collect();
    // Two seeds with the same noise, which has no angle: it is its own variation.
    if cosines.iter().sum::<f64>() > SAME * cosines.len() as f64 {
        return;
    }
    for (column, cosine) in cosines.into_iter().enumerate() {
        let angle = cosine.acos();
        let (from_low, from_high) =
            (((1.0 - strength) * angle).sin() / angle.sin(), (strength * angle).sin() / angle.sin());
        for place in places(column) {
            low[place] = (from_low * f64::from(low[place]) + from_high * f64::from(high[place])) as f32;
        }
    }
}
