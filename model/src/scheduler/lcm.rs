//! Latent consistency models: each evaluation predicts the finished image, which is noised again for the next (Luo et al.
//! 2023; diffusers' `LCMScheduler`).

use easel_settings::SchedulerName;

use super::config::SchedulerConfig;
use super::evaluation::{Evaluation, Noise};
use super::prediction::{Prediction, combine};
use crate::error::{Error, Result};

/// The standard deviation of images that the boundary condition assumes.
const SIGMA_DATA: f32 = 0.5;

/// Multistep consistency sampling.
#[derive(Clone, Debug)]
pub(super) struct Lcm {
    prediction: Prediction,
    timestep_scaling: f32,
}

impl Lcm {
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { prediction: Prediction::with_clip(config), timestep_scaling: config.timestep_scaling as f32 }
    }

    pub(super) fn step(&self, at: &Evaluation, noise: &mut Noise) -> Result<Vec<f32>> {
        let image = self.prediction.image_preserving(at.level(), at.output, at.sample);
        let time = at.timestep() as f32 * self.timestep_scaling;
        let variance = time * time + SIGMA_DATA * SIGMA_DATA;
        let (skip, out) = (SIGMA_DATA * SIGMA_DATA / variance, time / variance.sqrt());
        let denoised = combine([(out, &image), (skip, at.sample)]);
        match at.next_level() {
            None => Ok(denoised),
            Some(next) => Ok(combine([(next.alpha, &denoised), (next.sigma, &noise.draw(denoised.len())?)])),
        }
    }
}

/// The timesteps of `steps` steps, chosen evenly from those of the schedule used in distillation.
pub(super) fn timesteps(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Vec<f64>> {
    let original = config.original_inference_steps;
    if steps > original {
        let message =
            format!("{steps} is more than the {original} that scheduler `{name}` has; ask for at most {original}");
        return Err(Error::invalid("steps", message));
    }
    let stride = config.num_train_timesteps / original;
    let chosen = |step: usize| original - (step as f64 * (original as f64 / steps as f64)) as usize;
    Ok((0..steps).map(|step| (chosen(step) * stride - 1) as f64).collect())
}
