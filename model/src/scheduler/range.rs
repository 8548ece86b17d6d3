//! Which evaluations of a schedule a run does: base, refiner, or image-to-image.

use std::ops::Range;

use super::Scheduler;
use crate::error::{Error, Result};

impl Scheduler {
    /// The evaluations of the base model: all of them, or with a refiner those down to the training timestep where
    /// `high_noise_frac` (0 to 1) of the noise schedule is done. With [`refiner_range`](Self::refiner_range) of the same
    /// schedule this covers every evaluation exactly once; either may be empty.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the fraction is not between 0 and 1.
    pub fn base_range(&self, high_noise_frac: Option<f64>) -> Result<Range<usize>> {
        Ok(0..high_noise_frac.map_or(Ok(self.timesteps().len()), |fraction| self.cut(fraction))?)
    }

    /// The evaluations of the refiner, which takes over the base's sample as it is.
    ///
    /// # Errors
    /// As [`base_range`](Self::base_range).
    pub fn refiner_range(&self, high_noise_frac: f64) -> Result<Range<usize>> {
        Ok(self.cut(high_noise_frac)?..self.timesteps().len())
    }

    /// The evaluations for image-to-image: the last `strength` (0 to 1) of the steps, rounded down. The image is given
    /// the noise of the first of them, [`add_noise`](Self::add_noise)`(range.start, ..)`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the strength is not between 0 and 1 or leaves no step.
    pub fn strength_range(&self, strength: f64) -> Result<Range<usize>> {
        if !(0.0..=1.0).contains(&strength) {
            return Err(Error::invalid("strength", format!("{strength} must be between 0 and 1")));
        }
        let (steps, evaluations) = (self.steps(), self.timesteps().len());
        let done = (steps as f64 * strength) as usize;
        if done == 0 {
            let message = format!("{strength} of {steps} steps is less than one step; raise strength or steps");
            return Err(Error::invalid("strength", message));
        }
        Ok(self.first_evaluation(steps - done)..evaluations)
    }

    /// The first evaluation of the refiner.
    ///
    /// The base has the timesteps from `round(T - f T)` up, as in diffusers. Of a second-order step both evaluations go where
    /// the first belongs; diffusers ends the base between the two and has the refiner do the step again.
    fn cut(&self, high_noise_frac: f64) -> Result<usize> {
        if !(0.0..=1.0).contains(&high_noise_frac) {
            return Err(Error::invalid("high_noise_frac", format!("{high_noise_frac} must be between 0 and 1")));
        }
        if !self.has_training_timesteps {
            let steps = (high_noise_frac * self.steps() as f64).round_ties_even() as usize;
            return Ok(self.first_evaluation(steps).min(self.timesteps().len()));
        }
        let train = self.num_train_timesteps() as f64;
        let cutoff = (train - high_noise_frac * train).round_ties_even();
        let timestep = |step: &usize| self.timesteps().get(self.first_evaluation(*step)).copied().unwrap_or_default();
        let above = (0..self.steps()).take_while(|step| timestep(step) >= cutoff).count();
        Ok(self.first_evaluation(above).min(self.timesteps().len()))
    }
}
