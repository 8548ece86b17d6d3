//! DPM-Solver++ (Lu et al. 2022), up to third order, multistep, deterministic or stochastic (diffusers'
//! `DPMSolverMultistepScheduler`).

use super::History;
use super::config::{AlgorithmType, FinalSigmasType, SchedulerConfig, SolverType};
use super::evaluation::{Evaluation, Noise};
use super::prediction::{Prediction, combine};
use crate::error::Result;

/// Below this many steps, `lower_order_final` counts.
const FEW_STEPS: usize = 15;

/// DPM-Solver++.
#[derive(Clone, Debug)]
pub(super) struct DpmSolver {
    prediction: Prediction,
    stochastic: bool,
    order: usize,
    heun: bool,
    /// Whether the last step is of first order.
    first_order_final: bool,
    /// Whether the last step but one is of second order at most.
    second_order_before: bool,
}

impl DpmSolver {
    pub(super) fn new(config: &SchedulerConfig, steps: usize) -> Self {
        let is_stochastic = config.algorithm_type == AlgorithmType::SdeDpmSolverPlusPlus;
        Self {
            prediction: Prediction::new(config),
            stochastic: is_stochastic,
            order: config.solver_order,
            // With noise and of third order it is k-diffusion's `sample_dpmpp_3m_sde`, which begins with this variant.
            heun: config.solver_type == SolverType::Heun || (is_stochastic && config.solver_order == 3),
            first_order_final: config.euler_at_final
                || (config.lower_order_final && steps < FEW_STEPS)
                || config.final_sigmas_type == FinalSigmasType::Zero,
            second_order_before: config.lower_order_final && steps < FEW_STEPS,
        }
    }

    pub(super) fn step(&self, at: &Evaluation, history: &mut History, noise: &mut Noise) -> Result<Vec<f32>> {
        history.check(at.index, at.sample.len(), self.order - 1, false)?;
        let image = at.image(&self.prediction);
        // Noise is drawn at every step, though the last one has no use for it.
        let fresh = if self.stochastic { Some(noise.draw(at.sample.len())?) } else { None };

        let (from, to) = (at.level(), at.level_after());
        let h = to.lambda() - from.lambda();
        let decay = if self.stochastic { (-h).exp() } else { 1.0 };
        // How much of the step comes from the image: first order, and its change between steps.
        let exponent = if self.stochastic { -2.0 * h } else { -h };
        let first = to.alpha * (1.0 - exponent.exp());
        let exact = if exponent == 0.0 { 0.0 } else { to.alpha * (1.0 - (exponent.exp() - 1.0) / exponent) };
        let kept = to.sigma / from.sigma * decay;
        let older = &history.outputs[history.outputs.len().saturating_sub(self.order_at(at) - 1)..];
        let ratio = |later: usize| (at.level_before(later).lambda() - at.level_before(later + 1).lambda()) / h;
        let change = |later: &[f32], earlier: &[f32], ratio: f32| -> Vec<f32> {
            later.iter().zip(earlier).map(|(m0, m1)| 1.0 / ratio * (m0 - m1)).collect()
        };
        let mut sample = match older {
            [] => combine([(kept, at.sample), (first, &image)]),
            [previous] => {
                let second = if self.heun { exact } else { 0.5 * first };
                combine([(kept, at.sample), (first, &image), (second, &change(&image, previous, ratio(0)))])
            }
            [.., before, previous] => {
                let (r0, r1) = (ratio(0), ratio(1));
                let (near, far) = (change(&image, previous, r0), change(previous, before, r1));
                let bend: Vec<f32> = near.iter().zip(&far).map(|(near, far)| near - far).collect();
                let slope = combine([(1.0, &near), (r0 / (r0 + r1), &bend)]);
                // The sign is that of k-diffusion; diffusers 0.42 has the half with the other one where noise is added.
                let x = f64::from(exponent);
                let bent = if x == 0.0 { 0.0 } else { (1.0 - x.exp() + x) / (x * x) + 0.5 };
                let third = to.alpha * bent as f32 / (r0 + r1);
                combine([(kept, at.sample), (first, &image), (exact, &slope), (third, &bend)])
            }
        };
        if let Some(fresh) = fresh {
            let up = to.sigma * (1.0 - (-2.0 * h).exp()).sqrt();
            sample.iter_mut().zip(fresh).for_each(|(value, noise)| *value += up * noise);
        }
        history.push(image, self.order - 1);
        Ok(sample)
    }

    /// The highest order of the step at this evaluation.
    fn order_at(&self, at: &Evaluation) -> usize {
        let left = at.schedule.timesteps.len() - at.index;
        match left {
            1 if self.first_order_final => 1,
            2 if self.second_order_before => self.order.min(2),
            _ => self.order,
        }
    }
}

/// The number of training timesteps that `lambda_min_clipped` leaves.
pub(super) fn usable_timesteps(config: &SchedulerConfig, alphas_cumprod: &[f32]) -> usize {
    let lambda = |product: &f32| product.sqrt().ln() - (1.0 - product).sqrt().ln();
    let clipped = config.lambda_min_clipped.map_or(f32::NEG_INFINITY, |lambda| lambda as f32);
    alphas_cumprod.iter().filter(|product| lambda(product) >= clipped).count()
}
