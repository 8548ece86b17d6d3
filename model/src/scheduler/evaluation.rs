//! What a method sees of the run at one evaluation of the model.

use super::prediction::Prediction;
use super::schedule::{Level, Schedule, Space};
use crate::error::{Error, Result};

/// One evaluation of the model, within its schedule.
pub(super) struct Evaluation<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) index: usize,
    pub(super) output: &'a [f32],
    pub(super) sample: &'a [f32],
}

impl Evaluation<'_> {
    pub(super) fn timestep(&self) -> f64 {
        self.schedule.timesteps[self.index]
    }

    pub(super) fn is_last(&self) -> bool {
        self.index + 1 == self.schedule.timesteps.len()
    }

    pub(super) fn level(&self) -> Level {
        self.schedule.levels[self.index]
    }

    /// The image without noise, as the model sees it here.
    pub(super) fn image(&self, prediction: &Prediction) -> Vec<f32> {
        match self.schedule.space {
            Space::Exploding => prediction.image_exploding(self.level().sigma, self.output, self.sample),
            Space::Preserving => prediction.image_preserving(self.level(), self.output, self.sample),
        }
    }

    /// The level `evaluations` earlier; not before the first.
    pub(super) fn level_before(&self, evaluations: usize) -> Level {
        self.schedule.levels[self.index.saturating_sub(evaluations)]
    }

    /// The level that this evaluation's step goes to; not where only timesteps are known.
    pub(super) fn level_after(&self) -> Level {
        self.schedule.levels[self.index + 1]
    }

    /// The level of the next evaluation, if there is one.
    pub(super) fn next_level(&self) -> Option<Level> {
        (!self.is_last()).then(|| self.level_after())
    }
}

/// Where fresh noise comes from.
pub(super) struct Noise<'a>(pub(super) &'a mut dyn FnMut(usize) -> Vec<f32>);

impl Noise<'_> {
    pub(super) fn draw(&mut self, count: usize) -> Result<Vec<f32>> {
        let noise = (self.0)(count);
        if noise.len() != count {
            return Err(failure(format!("{count} noise values are needed, not {}", noise.len())));
        }
        Ok(noise)
    }
}

/// The error of a step that cannot be done.
pub(super) fn failure(message: String) -> Error {
    Error::Computation { part: "a scheduler step", message }
}
