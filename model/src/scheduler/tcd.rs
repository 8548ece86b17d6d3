//! Trajectory consistency distillation (Zheng et al. 2024; diffusers' `TCDScheduler`): each evaluation goes below the next
//! timestep and comes back up with fresh noise.

use super::config::SchedulerConfig;
use super::evaluation::{Evaluation, Noise};
use super::prediction::{Prediction, combine};
use super::schedule::{Level, Schedule};
use crate::error::Result;

/// The share of noise that is fresh (diffusers' `eta`).
const FRESH: f64 = 0.3;

/// Strategic stochastic sampling.
#[derive(Clone, Debug)]
pub(super) struct Tcd {
    prediction: Prediction,
    stochastic: bool,
    /// For each evaluation the level that it goes down to, and what of the image and of fresh noise there is after coming
    /// back up.
    targets: Vec<(Level, f32, f32)>,
}

impl Tcd {
    pub(super) fn new(config: &SchedulerConfig, stochastic: bool, schedule: &Schedule, alphas_cumprod: &[f32]) -> Self {
        let fresh = if stochastic { FRESH } else { 0.0 };
        let share = |timestep: f64| alphas_cumprod.get(timestep as usize).copied().unwrap_or(1.0);
        let following = schedule.timesteps.iter().skip(1).copied().chain([0.0]);
        let target = |timestep: f64| {
            let below = share(((1.0 - fresh) * timestep).floor());
            let ratio = share(timestep) / below;
            (Level::from_alpha_cumprod(below), ratio.sqrt(), (1.0 - ratio).max(0.0).sqrt())
        };
        Self { prediction: Prediction::new(config), stochastic, targets: following.map(target).collect() }
    }

    pub(super) fn step(&self, at: &Evaluation, noise: &mut Noise) -> Result<Vec<f32>> {
        let (below, kept, fresh) = self.targets[at.index];
        let image = self.prediction.image_preserving(at.level(), at.output, at.sample);
        let predicted = self.prediction.noise_preserving(at.level(), at.output, at.sample);
        let sample = combine([(below.alpha, &image), (below.sigma, &predicted)]);
        if !self.stochastic || at.is_last() {
            return Ok(sample);
        }
        Ok(combine([(kept, &sample), (fresh, &noise.draw(sample.len())?)]))
    }
}
