//! From what the model predicts to the image without noise.

use super::config::{PredictionType, SchedulerConfig};
use super::schedule::Level;

/// How a model's output is read.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    kind: PredictionType,
    clip: Option<f32>,
}

impl Prediction {
    /// Reads outputs as the model was trained, without clamping.
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { kind: config.prediction_type, clip: None }
    }

    /// The same, and clamps the image if the configuration says so.
    pub(super) fn with_clip(config: &SchedulerConfig) -> Self {
        let clip = config.clip_sample.then_some(config.clip_sample_range as f32);
        Self { kind: config.prediction_type, clip }
    }

    /// The image in a sample to which noise was added on top ([`Level::exploding`]).
    pub(super) fn image_exploding(&self, sigma: f32, output: &[f32], sample: &[f32]) -> Vec<f32> {
        let variance = sigma * sigma + 1.0;
        let of_output = -sigma / variance.sqrt();
        self.image(output, sample, |output, sample| match self.kind {
            PredictionType::Epsilon => sample - sigma * output,
            PredictionType::VPrediction => output * of_output + sample / variance,
            PredictionType::Sample => output,
        })
    }

    /// The image in a sample whose variance is kept at 1.
    pub(super) fn image_preserving(&self, level: Level, output: &[f32], sample: &[f32]) -> Vec<f32> {
        let Level { alpha, sigma } = level;
        self.image(output, sample, |output, sample| match self.kind {
            PredictionType::Epsilon => (sample - sigma * output) / alpha,
            PredictionType::VPrediction => alpha * sample - sigma * output,
            PredictionType::Sample => output,
        })
    }

    /// The noise in a sample whose variance is kept at 1, given the `image` in it.
    pub(super) fn noise_preserving(&self, level: Level, output: &[f32], sample: &[f32]) -> Vec<f32> {
        let Level { alpha, sigma } = level;
        let noise = |(output, sample): (&f32, &f32)| match self.kind {
            PredictionType::Epsilon => *output,
            PredictionType::VPrediction => alpha * output + sigma * sample,
            PredictionType::Sample => (sample - alpha * output) / sigma,
        };
        output.iter().zip(sample).map(noise).collect()
    }

    fn image(&self, output: &[f32], sample: &[f32], formula: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let values = output.iter().zip(sample).map(|(output, sample)| formula(*output, *sample));
        match self.clip {
            Some(range) => values.map(|value| value.clamp(-range, range)).collect(),
            None => values.collect(),
        }
    }
}

/// The sum of `factor * values` over all terms, added in their order.
pub(super) fn combine<const TERMS: usize>(terms: [(f32, &[f32]); TERMS]) -> Vec<f32> {
    let [(factor, first), rest @ ..] = &terms[..] else { return Vec::new() };
    let mut sum: Vec<f32> = first.iter().map(|value| factor * value).collect();
    for (factor, values) in rest {
        sum.iter_mut().zip(*values).for_each(|(sum, value)| *sum += factor * value);
    }
    sum
}
