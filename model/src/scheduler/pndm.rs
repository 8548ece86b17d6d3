//! Pseudo linear multistep (Liu et al. 2022; diffusers' `PNDMScheduler` without Runge-Kutta steps), up to fourth order.
//!
//! There is one evaluation more than steps: the first step is done again with the mean of the noise at both its ends.

use super::History;
use super::config::{SchedulerConfig, TimestepSpacing};
use super::evaluation::Evaluation;
use super::prediction::{Prediction, combine};
use super::schedule::{Level, Schedule, Space, spaced_timesteps};
use crate::error::{Error, Result};

/// The highest order.
const ORDER: usize = 4;

/// Pseudo linear multistep.
#[derive(Clone, Debug)]
pub(super) struct Pndm {
    prediction: Prediction,
    /// For each evaluation the levels that its step goes from and to.
    legs: Vec<(Level, Level)>,
}

impl Pndm {
    pub(super) fn new(config: &SchedulerConfig, schedule: &Schedule, steps: usize, alphas_cumprod: &[f32]) -> Self {
        let stride = (config.num_train_timesteps / steps) as i64;
        let last = if config.set_alpha_to_one { 1.0 } else { alphas_cumprod[0] };
        let level = |timestep: i64| {
            let share = usize::try_from(timestep).ok().map(|timestep| timestep.min(alphas_cumprod.len() - 1));
            Level::from_alpha_cumprod(share.map_or(last, |timestep| alphas_cumprod[timestep]))
        };
        let leg = |(index, timestep): (usize, &f64)| {
            let timestep = *timestep as i64;
            let start = if index == 1 { timestep + stride } else { timestep };
            (level(start), level(start - stride))
        };
        let legs = schedule.timesteps.iter().enumerate().map(leg).collect();
        Self { prediction: Prediction::new(config), legs }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        // The sample at the run's start is kept until the first step is done again.
        let is_second = at.index == 1;
        history.check(at.index, at.sample.len(), ORDER - 1, is_second)?;
        if is_second {
            let start = std::mem::take(&mut history.sample);
            let Some(first) = history.outputs.last() else {
                let message = "a run with scheduler `pndm` was cut inside a step; start it again";
                return Err(Error::Checkpoint(message.into()));
            };
            return Ok(self.follow(at.index, &start, &combine([(0.5, at.output), (0.5, first)])));
        }
        if at.index == 0 {
            history.sample = at.sample.to_vec();
        }
        history.push(at.output.to_vec(), ORDER);
        let outputs: Vec<&[f32]> = history.outputs.iter().rev().map(Vec::as_slice).collect();
        // As in diffusers, it is the model's outputs that are extrapolated, whatever they predict.
        let output = match outputs[..] {
            [] => Vec::new(),
            [a] => a.to_vec(),
            [a, b] => combine([(1.5, a), (-0.5, b)]),
            [a, b, c] => combine([(23.0 / 12.0, a), (-16.0 / 12.0, b), (5.0 / 12.0, c)]),
            [a, b, c, d, ..] => combine([(55.0 / 24.0, a), (-59.0 / 24.0, b), (37.0 / 24.0, c), (-9.0 / 24.0, d)]),
        };
        let next = self.follow(at.index, at.sample, &output);
        let known = history.outputs.len();
        history.outputs.drain(..known.saturating_sub(ORDER - 1));
        Ok(next)
    }

    /// From `sample` along one leg, where the model gives `output`.
    fn follow(&self, index: usize, sample: &[f32], output: &[f32]) -> Vec<f32> {
        let (from, to) = self.legs[index];
        let noise = self.prediction.noise_preserving(from, output, sample);
        let kept = to.alpha / from.alpha;
        combine([(kept, sample), (to.sigma - kept * from.sigma, &noise)])
    }
}

/// The timesteps of `steps` steps, the second one twice.
pub(super) fn timesteps(config: &SchedulerConfig, steps: usize) -> Vec<f64> {
    let mut timesteps = spaced_timesteps(config, steps, config.num_train_timesteps, false);
    if config.timestep_spacing == TimestepSpacing::Linspace {
        timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
    }
    if let Some(second) = timesteps.get(1).copied() {
        timesteps.insert(1, second);
    }
    timesteps
}

/// The evaluations at `timesteps`.
pub(super) fn schedule(timesteps: Vec<f64>, alphas_cumprod: &[f32]) -> Schedule {
    let level =
        |timestep: &f64| Level::from_alpha_cumprod(alphas_cumprod.get(*timestep as usize).copied().unwrap_or(0.0));
    let levels = timesteps.iter().map(level).collect();
    Schedule { space: Space::Preserving, timesteps, sigmas: Vec::new(), levels }
}
