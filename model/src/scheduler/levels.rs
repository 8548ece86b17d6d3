//! The noise levels of whole steps: which timesteps and levels a run goes through, before a sampler makes its evaluations
//! of them.
//!
//! diffusers squeezes its Karras, exponential and beta levels in two ways: Euler's method and its kin between the levels of
//! the spaced timesteps ([`spaced`]), the multistep solvers between all levels ([`multistep`]).

use super::beta_quantile::beta_quantile;
use super::config::{EdmConfig, FinalSigmasType, SchedulerConfig, TimestepSpacing};
use super::schedule::{
    StepLevels, final_sigma, interpolate, linspace, spaced_timesteps, timestep_of_sigma, training_sigmas,
};
use crate::error::{Error, Result};

/// "Align your steps" for SDXL in diffusers (`AysSchedules`): ten timesteps.
const AYS_TIMESTEPS: [f64; 10] = [999.0, 845.0, 730.0, 587.0, 443.0, 310.0, 193.0, 116.0, 53.0, 13.0];
/// The same as noise levels, without the last one, which is zero.
const AYS_SIGMAS: [f64; 10] = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113];

/// The levels of Euler's and Heun's methods and their kin.
pub(super) fn spaced(config: &SchedulerConfig, steps: usize, alphas_cumprod: &[f32]) -> StepLevels {
    let training = training_sigmas(alphas_cumprod);
    let single = |timestep: f64| f64::from(timestep as f32);
    let mut timesteps = spaced_timesteps(config, steps, config.num_train_timesteps, false);
    timesteps.iter_mut().for_each(|timestep| *timestep = single(*timestep));
    let mut sigmas = interpolate(&timesteps, &training);
    if let Some(squeezed) = squeezed(config, sigmas[steps - 1], sigmas[0], steps) {
        sigmas = squeezed;
        timesteps = sigmas.iter().map(|sigma| single(timestep_of_sigma(*sigma, &training))).collect();
    }
    sigmas.push(final_sigma(config, &training));
    StepLevels::new(timesteps, sigmas)
}

/// The levels of multistep solvers, which choose from the first `usable` training timesteps.
pub(super) fn multistep(config: &SchedulerConfig, steps: usize, alphas_cumprod: &[f32], usable: usize) -> StepLevels {
    let training = training_sigmas(alphas_cumprod);
    let skip_lowest = config.timestep_spacing != TimestepSpacing::Trailing;
    let mut timesteps = spaced_timesteps(config, steps, usable, skip_lowest);
    timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
    let mut sigmas = interpolate(&timesteps, &training);
    let (lowest, highest) = (f64::from(training[0]), f64::from(training[training.len() - 1]));
    let lu = || (0..steps).map(|i| linspace(highest.ln(), lowest.ln(), steps, i).exp()).collect();
    let is_lu = config.use_lu_lambdas && !config.use_karras_sigmas;
    if let Some(squeezed) = if is_lu { Some(lu()) } else { squeezed(config, lowest, highest, steps) } {
        sigmas = squeezed;
        // diffusers rounds some and cuts off others.
        let whole = if config.use_karras_sigmas || is_lu { f64::round_ties_even } else { f64::trunc };
        timesteps = sigmas.iter().map(|sigma| whole(timestep_of_sigma(*sigma, &training))).collect();
    }
    // Rounding may leave the lowest squeezed level a hair below the one in the table.
    sigmas.push(final_sigma(config, &training).min(sigmas[steps - 1]));
    StepLevels::new(timesteps, sigmas)
}

/// The levels of DEIS: those of multistep solvers, ending at the lowest level.
pub(super) fn deis(config: &SchedulerConfig, steps: usize, alphas_cumprod: &[f32]) -> StepLevels {
    let config = &SchedulerConfig { final_sigmas_type: FinalSigmasType::SigmaMin, ..config.clone() };
    let mut levels = multistep(config, steps, alphas_cumprod, config.num_train_timesteps);
    if config.use_karras_sigmas || config.use_exponential_sigmas || config.use_beta_sigmas {
        levels.sigmas[steps] = levels.sigmas[steps - 1];
    }
    levels
}

/// diffusers' ten timesteps of "align your steps".
///
/// # Errors
/// [`Error::InvalidRequest`] for other numbers of steps.
pub(super) fn ays_timesteps(steps: usize, alphas_cumprod: &[f32]) -> Result<StepLevels> {
    let training = training_sigmas(alphas_cumprod);
    let sigmas = interpolate(&AYS_TIMESTEPS[..ten(steps)?], &training);
    Ok(StepLevels::new(AYS_TIMESTEPS.to_vec(), sigmas.into_iter().chain([0.0])))
}

/// diffusers' ten levels of "align your steps".
///
/// # Errors
/// [`Error::InvalidRequest`] for other numbers of steps.
pub(super) fn ays_sigmas(steps: usize, alphas_cumprod: &[f32]) -> Result<StepLevels> {
    let training = training_sigmas(alphas_cumprod);
    let sigmas = &AYS_SIGMAS[..ten(steps)?];
    let timesteps = sigmas.iter().map(|sigma| timestep_of_sigma(f64::from(*sigma as f32), &training)).collect();
    Ok(StepLevels::new(timesteps, sigmas.iter().copied().chain([0.0])))
}

fn ten(steps: usize) -> Result<usize> {
    if steps == AYS_TIMESTEPS.len() {
        return Ok(steps);
    }
    let message = format!(
        "{steps} is not {}, which schedules `ays_timesteps` and `ays_sigmas` have; ask for that, or use the schedule \
         `align_your_steps`",
        AYS_TIMESTEPS.len()
    );
    Err(Error::invalid("steps", message))
}

/// The levels of a model trained by "Elucidating the Design Space" (diffusers' `EDMEulerScheduler`), which is told a quarter
/// of the level's logarithm as its timestep.
pub(super) fn edm(edm: &EdmConfig, exponential: bool, final_sigma: FinalSigmasType, steps: usize) -> StepLevels {
    let sigmas: Vec<f64> = if exponential {
        exponential_sigmas(edm.sigma_min, edm.sigma_max, steps)
    } else {
        karras_sigmas(edm.sigma_min, edm.sigma_max, edm.rho, steps)
    };
    let last = if final_sigma == FinalSigmasType::Zero { 0.0 } else { sigmas[steps - 1] };
    let timesteps = sigmas.iter().map(|sigma| f64::from(0.25 * (*sigma as f32).ln())).collect();
    StepLevels::new(timesteps, sigmas.into_iter().chain([last]))
}

/// `steps` levels from `highest` to `lowest`, or between the configuration's own bounds if it has them, if the configuration
/// wants them squeezed.
fn squeezed(config: &SchedulerConfig, lowest: f64, highest: f64, steps: usize) -> Option<Vec<f64>> {
    const RHO: f64 = 7.0;
    let (low, high) = (config.sigma_min.unwrap_or(lowest), config.sigma_max.unwrap_or(highest));
    if config.use_karras_sigmas {
        Some(karras_sigmas(low, high, RHO, steps))
    } else if config.use_exponential_sigmas {
        Some(exponential_sigmas(low, high, steps))
    } else if config.use_beta_sigmas {
        Some(beta_sigmas(low, high, steps))
    } else {
        None
    }
}

/// Evenly spaced in their root (Karras et al. 2022, equation 5).
pub(super) fn karras_sigmas(lowest: f64, highest: f64, rho: f64, steps: usize) -> Vec<f64> {
    let (low, high) = (lowest.powf(1.0 / rho), highest.powf(1.0 / rho));
    (0..steps).map(|i| (high + linspace(0.0, 1.0, steps, i) * (low - high)).powf(rho)).collect()
}

/// Evenly spaced in their logarithm.
pub(super) fn exponential_sigmas(lowest: f64, highest: f64, steps: usize) -> Vec<f64> {
    (0..steps).map(|i| linspace(highest.ln(), lowest.ln(), steps, i).exp()).collect()
}

/// By the quantiles of the beta distribution with both parameters 0.6 ("Beta Sampling is All You Need", Lee et al. 2024).
pub(super) fn beta_sigmas(lowest: f64, highest: f64, steps: usize) -> Vec<f64> {
    (0..steps).map(|i| lowest + beta_quantile(1.0 - linspace(0.0, 1.0, steps, i)) * (highest - lowest)).collect()
}
