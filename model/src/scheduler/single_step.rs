//! DPM-Solver++ (Lu et al. 2022), second order, single-step (diffusers' `DPMSolverSinglestepScheduler`): of each pair of steps
//! the second starts again where the first did.

use super::History;
use super::config::{FinalSigmasType, SchedulerConfig, SolverType};
use super::evaluation::Evaluation;
use super::prediction::{Prediction, combine};
use crate::error::Result;

/// Single-step DPM-Solver++.
#[derive(Clone, Debug)]
pub(super) struct SingleStep {
    prediction: Prediction,
    heun: bool,
    /// The first step that no longer is the second of a pair.
    end_of_pairs: usize,
}

impl SingleStep {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> Self {
        // A run to no noise, or of an odd number of steps, ends with a step of first order.
        let ends_low = config.lower_order_final || config.final_sigmas_type == FinalSigmasType::Zero || steps % 2 == 1;
        Self {
            prediction: Prediction::new(config),
            heun: config.solver_type == SolverType::Heun,
            end_of_pairs: match config.solver_order {
                1 => 0,
                _ if ends_low => steps.saturating_sub(1),
                _ => steps,
            },
        }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), 1, true)?;
        let image = at.image(&self.prediction);
        let History { outputs, sample: start } = std::mem::take(history);
        let to = at.level_after();
        // Without a first half, as where a run begins in the middle, the step is of first order.
        if let Some(first) = outputs.first().filter(|_| at.index % 2 == 1 && at.index < self.end_of_pairs) {
            let from = at.level_before(1);
            let h = to.lambda() - from.lambda();
            let ratio = (at.level().lambda() - from.lambda()) / h;
            let change: Vec<f32> = image.iter().zip(first).map(|(m0, m1)| 1.0 / ratio * (m0 - m1)).collect();
            let whole = to.alpha * (1.0 - (-h).exp());
            let half = if self.heun { to.alpha * (((-h).exp() - 1.0) / h + 1.0) } else { 0.5 * whole };
            return Ok(combine([(to.sigma / from.sigma, &start), (whole, first), (half, &change)]));
        }
        let from = at.level();
        let h = to.lambda() - from.lambda();
        let kept = to.sigma / from.sigma;
        let sample = combine([(kept, at.sample), (to.alpha * (1.0 - (-h).exp()), &image)]);
        if at.index.is_multiple_of(2) && at.index + 1 < self.end_of_pairs {
            *history = History { outputs: vec![image], sample: at.sample.to_vec() };
        }
        Ok(sample)
    }
}
