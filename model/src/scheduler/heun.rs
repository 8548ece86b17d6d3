//! Heun's second-order method (Karras et al. 2022, algorithm 1; diffusers' `HeunDiscreteScheduler`).
//!
//! A step is two evaluations: the even one follows the slope at the step's start, the odd one, at its end, goes back and
//! follows the mean of both slopes. The last step goes to no noise, where there is no slope, and has only the first.

use super::History;
use super::config::SchedulerConfig;
use super::euler::{follow, slope};
use super::evaluation::Evaluation;
use super::prediction::Prediction;
use super::schedule::{Schedule, Space, StepLevels};
use crate::error::{Error, Result};

/// Heun's method.
#[derive(Clone, Debug)]
pub(super) struct Heun {
    prediction: Prediction,
}

impl Heun {
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { prediction: Prediction::with_clip(config) }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        let corrects = at.index % 2 == 1;
        history.check(at.index, at.sample.len(), usize::from(corrects), true)?;
        let sigma = at.level().sigma;
        let image = at.image(&self.prediction);
        let slope = slope(at.sample, &image, sigma);
        if !corrects {
            let sample = follow(at.sample, &slope, at.level_after().sigma - sigma);
            *history = History { outputs: vec![slope], sample: at.sample.to_vec() };
            return Ok(sample);
        }
        let History { outputs, sample: start } = std::mem::take(history);
        let [first] = &outputs[..] else {
            let message = "a run with scheduler `heun` was cut inside a step; start it again";
            return Err(Error::Checkpoint(message.into()));
        };
        let mean: Vec<f32> = first.iter().zip(&slope).map(|(first, second)| (first + second) / 2.0).collect();
        Ok(follow(&start, &mean, sigma - at.level_before(1).sigma))
    }
}

/// Two evaluations for all steps but the last, which has only one if it goes to no noise.
pub(super) fn schedule(levels: StepLevels) -> Schedule {
    let StepLevels { timesteps, sigmas } = levels;
    let steps = timesteps.len();
    let twice = |index: usize| index.div_ceil(2);
    let count = if sigmas[steps] > 0.0 { 2 * steps } else { 2 * steps - 1 };
    // What the model is told at the end of the last step, if that has noise left.
    let after = timesteps.last().copied().unwrap_or(0.0);
    let timestep = |i: usize| timesteps.get(twice(i)).copied().unwrap_or(after);
    let sigma = |i: usize| sigmas[twice(i).min(steps)];
    let levels = StepLevels { timesteps: (0..count).map(timestep).collect(), sigmas: (0..=count).map(sigma).collect() };
    Schedule::of_steps(levels, Space::Exploding)
}
