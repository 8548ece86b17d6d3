//! From what the model predicts to the image without noise.

use super::config::{PredictionType, SchedulerConfig};
use super::schedule::Level;

/// How a model's output is read.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    kind: PredictionType,
    clip: Option<f32>,
    /// The standard deviation of images that a model with levels of its own was scaled for.
    sigma_data: Option<f32>,
}

impl Prediction {
    /// Reads outputs as the model was trained, without clamping.
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { kind: config.prediction_type, clip: None, sigma_data: config.edm.map(|edm| edm.sigma_data as f32) }
    }

    /// The same, and clamps the image if the configuration says so.
    pub(super) fn with_clip(config: &SchedulerConfig) -> Self {
        let clip = config.clip_sample.then_some(config.clip_sample_range as f32);
        Self { clip, ..Self::new(config) }
    }

    /// What a sample with noise of `sigma` on top is divided by for the model.
    pub(super) fn input_scale(&self, sigma: f32) -> f32 {
        let data = self.sigma_data.unwrap_or(1.0);
        (sigma * sigma + data * data).sqrt()
    }

    /// The image in a sample to which noise was added on top ([`Level::exploding`]).
    pub(super) fn image_exploding(&self, sigma: f32, output: &[f32], sample: &[f32]) -> Vec<f32> {
        if let Some(data) = self.sigma_data {
            return self.image_edm(sigma, data, output, sample);
        }
        let variance = sigma * sigma + 1.0;
        let of_output = -sigma / variance.sqrt();
        self.image(output, sample, |output, sample| match self.kind {
            PredictionType::Epsilon => sample - sigma * output,
            PredictionType::VPrediction => output * of_output + sample / variance,
            PredictionType::Sample => output,
        })
    }

    /// The same for a model whose inputs and outputs are scaled as Karras et al. 2022 have it.
    fn image_edm(&self, sigma: f32, data: f32, output: &[f32], sample: &[f32]) -> Vec<f32> {
        let variance = sigma * sigma + data * data;
        let (of_sample, of_output) = (data * data / variance, sigma * data / variance.sqrt());
        self.image(output, sample, |output, sample| match self.kind {
            PredictionType::Epsilon => of_sample * sample + of_output * output,
            PredictionType::VPrediction => of_sample * sample - of_output * output,
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
