//! Denoising diffusion implicit models without added noise (Song et al. 2020; diffusers' `DDIMScheduler` with `eta` 0).

use super::config::{SchedulerConfig, TimestepSpacing};
use super::evaluation::Evaluation;
use super::prediction::{Prediction, combine};
use super::schedule::{Level, Schedule, spaced_timesteps};

/// DDIM.
#[derive(Clone, Debug)]
pub(super) struct Ddim {
    prediction: Prediction,
    /// The level that each step goes to: one stride of training timesteps further down, wherever the next step begins.
    targets: Vec<Level>,
}

impl Ddim {
    pub(super) fn new(config: &SchedulerConfig, schedule: &Schedule, alphas_cumprod: &[f32]) -> Self {
        let stride = config.num_train_timesteps / schedule.timesteps.len();
        let last = if config.set_alpha_to_one { 1.0 } else { alphas_cumprod[0] };
        let target = |timestep: &f64| {
            let previous = (*timestep as usize).checked_sub(stride);
            let share = previous.and_then(|previous| alphas_cumprod.get(previous)).copied().unwrap_or(last);
            Level::from_alpha_cumprod(share)
        };
        let targets = schedule.timesteps.iter().map(target).collect();
        Self { prediction: Prediction::with_clip(config), targets }
    }

    /// The same through the levels of `schedule`, each step to where the next begins.
    pub(super) fn through_levels(config: &SchedulerConfig, schedule: &Schedule) -> Self {
        Self { prediction: Prediction::with_clip(config), targets: schedule.levels[1..].to_vec() }
    }

    pub(super) fn step(&self, at: &Evaluation) -> Vec<f32> {
        let (level, target) = (at.level(), self.targets[at.index]);
        let image = self.prediction.image_preserving(level, at.output, at.sample);
        let noise = self.prediction.noise_preserving(level, at.output, at.sample);
        combine([(target.alpha, &image), (target.sigma, &noise)])
    }
}

/// The training timesteps that DDIM visits.
pub(super) fn timesteps(config: &SchedulerConfig, steps: usize) -> Vec<f64> {
    let mut timesteps = spaced_timesteps(config, steps, config.num_train_timesteps, false);
    if config.timestep_spacing == TimestepSpacing::Linspace {
        timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
    }
    timesteps
}
