//! DEIS, the exponential integrator with a polynomial in the logarithm of the noise level (Zhang & Chen 2022; diffusers'
//! `DEISMultistepScheduler`), up to third order.

use super::History;
use super::config::SchedulerConfig;
use super::evaluation::Evaluation;
use super::prediction::Prediction;
use super::schedule::Level;
use crate::error::Result;

/// Below this many steps, `lower_order_final` counts.
const FEW_STEPS: usize = 15;

/// Follows the polynomial through the latest predicted noises.
#[derive(Clone, Debug)]
pub(super) struct Deis {
    prediction: Prediction,
    order: usize,
    /// Whether the last steps are of lower order.
    lower_order_final: bool,
}

impl Deis {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> Self {
        Self {
            prediction: Prediction::new(config),
            order: config.solver_order,
            lower_order_final: config.lower_order_final && steps < FEW_STEPS,
        }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), self.order - 1, false)?;
        let (from, to) = (at.level(), at.level_after());
        let image = at.image(&self.prediction);
        let noise = at.sample.iter().zip(&image).map(|(sample, image)| (sample - from.alpha * image) / from.sigma);
        history.push(noise.collect(), self.order);
        let left = at.schedule.timesteps.len() - at.index;
        let order = if self.lower_order_final { self.order.min(left) } else { self.order };
        let order = order.min(history.outputs.len());
        let levels: Vec<f64> = (0..order).map(|earlier| ratio(at.level_before(earlier))).collect();
        let end = ratio(to);
        let mut sample: Vec<f32> = at.sample.iter().map(|value| value / from.alpha).collect();
        for (earlier, noise) in history.outputs.iter().rev().take(order).enumerate() {
            let factor = integral(&levels, earlier, end) as f32;
            sample.iter_mut().zip(noise).for_each(|(value, noise)| *value += factor * noise);
        }
        sample.iter_mut().for_each(|value| *value *= to.alpha);
        let known = history.outputs.len();
        history.outputs.drain(..known.saturating_sub(self.order - 1));
        Ok(sample)
    }
}

/// Noise per image.
fn ratio(level: Level) -> f64 {
    f64::from(level.sigma) / f64::from(level.alpha)
}

/// The integral over the noise level, from the first of `levels` to `end`, of the polynomial in its logarithm that is 1 at the
/// level `which` and 0 at the others.
fn integral(levels: &[f64], which: usize, end: f64) -> f64 {
    let others: Vec<f64> =
        levels.iter().enumerate().filter(|(index, _)| *index != which).map(|(_, level)| level.ln()).collect();
    let at = levels[which].ln();
    let antiderivative = |level: f64| {
        if level <= 0.0 {
            return 0.0;
        }
        let log = level.ln();
        level
            * match others[..] {
                [] => 1.0,
                [c] => (log - c - 1.0) / (at - c),
                [c, d, ..] => (c * (d - log + 1.0) - d * log + d + log * log - 2.0 * log + 2.0) / ((at - c) * (at - d)),
            }
    };
    antiderivative(end) - antiderivative(levels[0])
}
