//! The noise levels that names of schedules stand for in AUTOMATIC1111 and ComfyUI (k-diffusion): chosen from all levels of
//! the model, between which times are interpolated in the logarithm.

use easel_settings::{NoiseSchedule, Sampler};

use super::levels::{beta_sigmas, exponential_sigmas, karras_sigmas};
use super::schedule::{StepLevels, linspace, timestep_of_sigma, training_sigmas};

/// "Align your steps" for SDXL: eleven levels (Sabour et al. 2024).
const ALIGN_YOUR_STEPS: [f64; 11] = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029];

/// The levels of `steps` steps on `schedule`.
pub(super) fn levels(schedule: NoiseSchedule, sampler: Sampler, steps: usize, alphas_cumprod: &[f32]) -> StepLevels {
    let training = training_sigmas(alphas_cumprod);
    // Both programs lay out one level more for these samplers and leave out the last but one.
    let discards = matches!(sampler, Sampler::Dpm2 | Sampler::Dpm2Ancestral) && steps + 1 < training.len();
    let mut sigmas = sigmas(schedule, steps + usize::from(discards), &training);
    if discards {
        sigmas.remove(steps);
    }
    let timesteps = sigmas[..steps].iter().map(|sigma| timestep_of_sigma(*sigma, &training)).collect();
    StepLevels { timesteps, sigmas: sigmas.into_iter().map(|sigma| sigma as f32).collect() }
}

/// `steps` levels and the one after the last step.
fn sigmas(schedule: NoiseSchedule, steps: usize, training: &[f32]) -> Vec<f64> {
    let count = training.len();
    let last = (count - 1) as f64;
    let (lowest, highest) = (f64::from(training[0]), f64::from(training[count - 1]));
    let at = |index: usize| f64::from(training[index.min(count - 1)]);
    let each = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..steps).map(of).collect() };
    let mut sigmas = match schedule {
        NoiseSchedule::SgmUniform => each(&|i| level(linspace(last, 0.0, steps + 1, i), training)),
        NoiseSchedule::Simple => each(&|i| at(count - 1 - i * count / steps)),
        NoiseSchedule::DdimUniform => {
            // The programs do a step or two more where the stride leaves a rest; here there are as many as asked for.
            let stride = (count / steps).max(1);
            let surplus = (count - 1).div_ceil(stride).saturating_sub(steps);
            each(&|i| at(1 + (steps - 1 - i + surplus) * stride))
        }
        NoiseSchedule::KarrasFull => karras_sigmas(lowest, highest, 7.0, steps),
        NoiseSchedule::Polyexponential => exponential_sigmas(lowest, highest, steps),
        NoiseSchedule::BetaFull => beta_sigmas(lowest, highest, steps),
        NoiseSchedule::AlignYourSteps => align_your_steps(steps),
        NoiseSchedule::KlOptimal => {
            let share = |i: usize| i as f64 / steps as f64;
            let at = |i: usize| (share(i) * lowest.atan() + (1.0 - share(i)) * highest.atan()).tan();
            return (0..=steps).map(at).collect();
        }
        NoiseSchedule::Turbo => {
            let stride = count as f64 / steps as f64;
            each(&|i| at(((steps - i) as f64 * stride - 1.0).round_ties_even().max(0.0) as usize))
        }
        // `Uniform`, and what is no schedule of k-diffusion's.
        _ => each(&|i| level(linspace(last, 0.0, steps, i), training)),
    };
    sigmas.push(0.0);
    sigmas
}

/// The level at a fractional training timestep.
fn level(timestep: f64, training: &[f32]) -> f64 {
    let low = (timestep as usize).min(training.len() - 1);
    let (weight, high) = (timestep - low as f64, (low + 1).min(training.len() - 1));
    ((1.0 - weight) * f64::from(training[low]).ln() + weight * f64::from(training[high]).ln()).exp()
}

fn align_your_steps(steps: usize) -> Vec<f64> {
    let last = ALIGN_YOUR_STEPS.len() - 1;
    if steps == last + 1 {
        return ALIGN_YOUR_STEPS.to_vec();
    }
    let at = |i| {
        let place = linspace(0.0, last as f64, steps, i);
        let low = (place as usize).min(last - 1);
        let weight = place - low as f64;
        ((1.0 - weight) * ALIGN_YOUR_STEPS[low].ln() + weight * ALIGN_YOUR_STEPS[low + 1].ln()).exp()
    };
    (0..steps).map(at).collect()
}
