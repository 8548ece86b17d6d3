//! Euler's method, and its ancestral variant (Karras et al. 2022, algorithm 2; k-diffusion; diffusers'
//! `EulerDiscreteScheduler` and `EulerAncestralDiscreteScheduler`).

use super::config::SchedulerConfig;
use super::evaluation::{Evaluation, Noise};
use super::prediction::Prediction;
use super::schedule::{
    Level, Schedule, final_sigma, interpolate, karras_sigmas, spaced_timesteps, timestep_of_sigma, training_sigmas,
};
use crate::error::Result;

/// Follows the slope from one noise level to the next.
#[derive(Clone, Debug)]
pub(super) struct Euler {
    prediction: Prediction,
    ancestral: bool,
}

impl Euler {
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { prediction: Prediction::new(config), ancestral: false }
    }

    pub(super) fn ancestral(config: &SchedulerConfig) -> Self {
        Self { prediction: Prediction::new(config), ancestral: true }
    }

    pub(super) fn step(&self, at: &Evaluation, noise: &mut Noise) -> Result<Vec<f32>> {
        let (sigma, next) = (at.level().sigma, at.level_after().sigma);
        let image = self.prediction.image_exploding(sigma, at.output, at.sample);
        // The ancestral variant goes down below the next level and comes back up with fresh noise, even if none of it.
        let up = match self.ancestral {
            true => (next * next * (sigma * sigma - next * next) / (sigma * sigma)).sqrt(),
            false => 0.0,
        };
        let down = if self.ancestral { (next * next - up * up).sqrt() } else { next };
        let mut sample = follow(at.sample, &slope(at.sample, &image, sigma), down - sigma);
        if self.ancestral {
            let fresh = noise.draw(sample.len())?;
            sample.iter_mut().zip(fresh).for_each(|(value, noise)| *value += noise * up);
        }
        Ok(sample)
    }
}

/// The change of a sample with the noise level.
pub(super) fn slope(sample: &[f32], image: &[f32], sigma: f32) -> Vec<f32> {
    sample.iter().zip(image).map(|(sample, image)| (sample - image) / sigma).collect()
}

/// The sample after the noise level changed by `difference`.
pub(super) fn follow(sample: &[f32], slope: &[f32], difference: f32) -> Vec<f32> {
    sample.iter().zip(slope).map(|(sample, slope)| sample + slope * difference).collect()
}

/// The timesteps and noise levels of Euler's and Heun's methods, with the final level last.
pub(super) fn schedule(config: &SchedulerConfig, steps: usize, alphas_cumprod: &[f32]) -> Schedule {
    let training = training_sigmas(alphas_cumprod);
    let single = |timestep: f64| f64::from(timestep as f32);
    let mut timesteps = spaced_timesteps(config, steps, config.num_train_timesteps, false);
    timesteps.iter_mut().for_each(|timestep| *timestep = single(*timestep));
    let mut sigmas = interpolate(&timesteps, &training);
    if config.use_karras_sigmas {
        sigmas = karras_sigmas(config, sigmas[steps - 1], sigmas[0], steps);
        timesteps = sigmas.iter().map(|sigma| single(timestep_of_sigma(*sigma, &training))).collect();
    }
    sigmas.push(final_sigma(config, &training));
    let sigmas: Vec<f32> = sigmas.into_iter().map(|sigma| sigma as f32).collect();
    let levels = sigmas.iter().map(|sigma| Level::exploding(*sigma)).collect();
    Schedule { timesteps, sigmas, levels }
}
