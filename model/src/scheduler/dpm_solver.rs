//! DPM-Solver++ (Lu et al. 2022), second order, multistep, deterministic or stochastic (diffusers'
//! `DPMSolverMultistepScheduler`).

use super::History;
use super::config::{AlgorithmType, FinalSigmasType, SchedulerConfig, SolverType, TimestepSpacing};
use super::evaluation::{Evaluation, Noise};
use super::prediction::{Prediction, combine};
use super::schedule::{
    Level, Schedule, final_sigma, interpolate, karras_sigmas, spaced_timesteps, timestep_of_sigma, training_sigmas,
};
use crate::error::Result;

/// Below this many steps, `lower_order_final` counts.
const FEW_STEPS: usize = 15;

/// DPM-Solver++.
#[derive(Clone, Debug)]
pub(super) struct DpmSolver {
    prediction: Prediction,
    stochastic: bool,
    second_order: bool,
    heun: bool,
    /// Whether the last step is of first order.
    first_order_final: bool,
}

impl DpmSolver {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> Self {
        Self {
            prediction: Prediction::new(config),
            stochastic: config.algorithm_type == AlgorithmType::SdeDpmSolverPlusPlus,
            second_order: config.solver_order == 2,
            heun: config.solver_type == SolverType::Heun,
            first_order_final: config.euler_at_final
                || (config.lower_order_final && steps < FEW_STEPS)
                || config.final_sigmas_type == FinalSigmasType::Zero,
        }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History, noise: &mut Noise) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), usize::from(self.second_order), false)?;
        let image = self.prediction.image_preserving(at.level(), at.output, at.sample);
        // Noise is drawn at every step, though the last one has no use for it.
        let fresh = if self.stochastic { Some(noise.draw(at.sample.len())?) } else { None };

        let (from, to) = (at.level(), at.level_after());
        let h = to.lambda() - from.lambda();
        let decay = if self.stochastic { (-h).exp() } else { 1.0 };
        // How much of the step comes from the image: first order, and its change between steps.
        let exponent = if self.stochastic { -2.0 * h } else { -h };
        let first = to.alpha * (1.0 - exponent.exp());
        let second = match self.heun {
            true if exponent != 0.0 => to.alpha * (1.0 - (exponent.exp() - 1.0) / exponent),
            _ => 0.5 * first,
        };
        let kept = to.sigma / from.sigma * decay;
        let previous = history.outputs.last().filter(|_| !(self.first_order_final && at.is_last()));
        let mut sample = match previous {
            None => combine([(kept, at.sample), (first, &image)]),
            Some(previous) => {
                let ratio = (from.lambda() - at.level_before(1).lambda()) / h;
                let change: Vec<f32> = image.iter().zip(previous).map(|(m0, m1)| 1.0 / ratio * (m0 - m1)).collect();
                combine([(kept, at.sample), (first, &image), (second, &change)])
            }
        };
        if let Some(fresh) = fresh {
            let up = to.sigma * (1.0 - (-2.0 * h).exp()).sqrt();
            sample.iter_mut().zip(fresh).for_each(|(value, noise)| *value += up * noise);
        }
        if self.second_order {
            history.push(image, 1);
        }
        Ok(sample)
    }
}

/// The timesteps and noise levels of multistep solvers, with the final level last.
pub(super) fn schedule(config: &SchedulerConfig, steps: usize, alphas_cumprod: &[f32]) -> Schedule {
    let lambda = |product: &f32| product.sqrt().ln() - (1.0 - product).sqrt().ln();
    let clipped = config.lambda_min_clipped.map_or(f32::NEG_INFINITY, |lambda| lambda as f32);
    let usable = alphas_cumprod.iter().filter(|product| lambda(product) >= clipped).count();
    multistep_schedule(config, steps, alphas_cumprod, usable)
}

/// The same, choosing from the first `usable` training timesteps.
pub(super) fn multistep_schedule(
    config: &SchedulerConfig,
    steps: usize,
    alphas_cumprod: &[f32],
    usable: usize,
) -> Schedule {
    let training = training_sigmas(alphas_cumprod);
    let skip_lowest = config.timestep_spacing != TimestepSpacing::Trailing;
    let mut timesteps = spaced_timesteps(config, steps, usable, skip_lowest);
    timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
    let mut sigmas = interpolate(&timesteps, &training);
    if config.use_karras_sigmas {
        let (lowest, highest) = (f64::from(training[0]), f64::from(training[training.len() - 1]));
        sigmas = karras_sigmas(config, lowest, highest, steps);
        timesteps = sigmas.iter().map(|sigma| timestep_of_sigma(*sigma, &training).round_ties_even()).collect();
    }
    // Rounding may leave the lowest Karras level a hair below the one in the table.
    sigmas.push(final_sigma(config, &training).min(sigmas[steps - 1]));
    let sigmas: Vec<f32> = sigmas.into_iter().map(|sigma| sigma as f32).collect();
    let levels = sigmas.iter().map(|sigma| Level::preserving(*sigma)).collect();
    Schedule { timesteps, sigmas, levels }
}
