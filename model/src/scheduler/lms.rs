//! Linear multistep (Adams and Bashforth), up to fourth order (k-diffusion's `sample_lms`; diffusers'
//! `LMSDiscreteScheduler`).

use super::History;
use super::config::SchedulerConfig;
use super::euler::slope;
use super::evaluation::Evaluation;
use super::prediction::Prediction;
use crate::error::Result;

/// The highest order.
const ORDER: usize = 4;

/// Follows the polynomial through the latest slopes.
#[derive(Clone, Debug)]
pub(super) struct Lms {
    prediction: Prediction,
}

impl Lms {
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self { prediction: Prediction::new(config) }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), ORDER - 1, false)?;
        let image = at.image(&self.prediction);
        history.push(slope(at.sample, &image, at.level().sigma), ORDER);
        // As many slopes as there are: diffusers counts steps instead, which goes wrong where a run begins in the middle.
        let known = history.outputs.len();
        let levels: Vec<f64> = (0..known).map(|earlier| f64::from(at.level_before(earlier).sigma)).collect();
        let end = f64::from(at.level_after().sigma);
        let mut sample = at.sample.to_vec();
        for (earlier, slope) in history.outputs.iter().rev().enumerate() {
            let factor = integral(&levels, earlier, end) as f32;
            sample.iter_mut().zip(slope).for_each(|(value, slope)| *value += factor * slope);
        }
        history.outputs.drain(..known.saturating_sub(ORDER - 1));
        Ok(sample)
    }
}

/// The integral, from the first of `levels` to `end`, of the polynomial that is 1 at the level `which` and 0 at the others.
fn integral(levels: &[f64], which: usize, end: f64) -> f64 {
    let value = |at: f64| -> f64 {
        let others = levels.iter().enumerate().filter(|(index, _)| *index != which);
        others.map(|(_, other)| (at - other) / (levels[which] - other)).product()
    };
    // Simpson's rule is exact up to third degree.
    (end - levels[0]) / 6.0 * (value(levels[0]) + 4.0 * value(0.5 * (levels[0] + end)) + value(end))
}
