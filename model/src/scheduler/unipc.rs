//! UniPC, a predictor and a corrector of second order (Zhao et al. 2023; diffusers' `UniPCMultistepScheduler`).
//!
//! Each evaluation first corrects the step that led to its sample, now that the model's opinion there is known, and then
//! takes the next step from the corrected sample.

use super::History;
use super::config::{SchedulerConfig, SolverType};
use super::evaluation::Evaluation;
use super::prediction::{Prediction, combine};
use super::schedule::Level;
use crate::error::Result;

/// UniPC in terms of the predicted image.
#[derive(Clone, Debug)]
pub(super) struct UniPc {
    prediction: Prediction,
    order: usize,
    bh1: bool,
    lower_order_final: bool,
}

/// The factors in a step between two levels.
struct Factors {
    /// Of the sample at the start.
    sample: f32,
    /// Of the image predicted there.
    image: f32,
    /// Of what differs in the images predicted before and after.
    residual: f32,
    /// The right-hand side of the conditions for second order.
    moments: [f32; 2],
}

impl UniPc {
    pub(super) fn new(config: &SchedulerConfig) -> Self {
        Self {
            prediction: Prediction::new(config),
            order: config.solver_order,
            bh1: config.solver_type == SolverType::Bh1,
            lower_order_final: config.lower_order_final,
        }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), self.order, true)?;
        let image = at.image(&self.prediction);
        let sample = self.correct(at, history, &image).unwrap_or_else(|| at.sample.to_vec());
        let older = history.outputs.last().filter(|_| self.order == 2 && !(self.lower_order_final && at.is_last()));
        let next = self.predict(at, older, &image, &sample);
        history.push(image, self.order);
        history.sample = sample;
        Ok(next)
    }

    /// The sample of this evaluation, reached anew from the one before; `None` at the start of a run. `image` is what the
    /// model predicts here.
    fn correct(&self, at: &Evaluation, history: &History, image: &[f32]) -> Option<Vec<f32>> {
        let (last, before) = history.outputs.split_last()?;
        let factors = self.factors(at.level_before(1), at.level());
        let here = difference(image, last, 1.0);
        let residual = match before.last() {
            None => combine([(0.5, &here)]),
            Some(older) => {
                let ratio = ratio(at.level_before(2), at.level_before(1), at.level());
                let weight = (factors.moments[1] - factors.moments[0]) / (ratio - 1.0);
                combine([(weight, &difference(older, last, ratio)), (factors.moments[0] - weight, &here)])
            }
        };
        let terms = [(factors.sample, &history.sample[..]), (factors.image, last), (factors.residual, &residual)];
        Some(combine(terms))
    }

    /// The sample of the next evaluation, from the corrected `sample` of this one; of second order with an `older` image.
    fn predict(&self, at: &Evaluation, older: Option<&Vec<f32>>, image: &[f32], sample: &[f32]) -> Vec<f32> {
        let factors = self.factors(at.level(), at.level_after());
        let first_order = [(factors.sample, sample), (factors.image, image)];
        let Some(older) = older else { return combine(first_order) };
        let ratio = ratio(at.level_before(1), at.level(), at.level_after());
        let [from_sample, from_image] = first_order;
        combine([from_sample, from_image, (factors.residual * 0.5, &difference(older, image, ratio))])
    }

    fn factors(&self, from: Level, to: Level) -> Factors {
        // `h` is the step in half the log signal-to-noise ratio, with the sign that it has for predicted images.
        let h = from.lambda() - to.lambda();
        let phi_1 = h.exp_m1();
        let scale = if self.bh1 { h } else { phi_1 };
        let phi_2 = phi_1 / h - 1.0;
        let phi_3 = phi_2 / h - 0.5;
        Factors {
            sample: to.sigma / from.sigma,
            image: -(to.alpha * phi_1),
            residual: -(to.alpha * scale),
            moments: [phi_2 / scale, phi_3 * 2.0 / scale],
        }
    }
}

/// How far `older` lies back from `from`, in steps from there to `to`: negative.
fn ratio(older: Level, from: Level, to: Level) -> f32 {
    (older.lambda() - from.lambda()) / (to.lambda() - from.lambda())
}

/// The change from image `from` to image `to`, per step.
fn difference(to: &[f32], from: &[f32], ratio: f32) -> Vec<f32> {
    to.iter().zip(from).map(|(to, from)| (to - from) / ratio).collect()
}
