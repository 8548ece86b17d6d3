//! Methods that evaluate the model again halfway through a step: the midpoint method (k-diffusion's "DPM2"; diffusers'
//! `KDPM2DiscreteScheduler` and `KDPM2AncestralDiscreteScheduler`), stochastic DPM-Solver++ (`DPMSolverSDEScheduler`) and
//! single-step ancestral DPM-Solver++ (k-diffusion's `sample_dpmpp_2s_ancestral`).
//!
//! The even evaluation goes from the step's start to a level in between, the odd one starts again and goes to the end.

use easel_settings::Sampler;

use super::History;
use super::config::SchedulerConfig;
use super::euler::{follow, slope};
use super::evaluation::{Evaluation, Noise};
use super::prediction::{Prediction, combine};
use super::schedule::{Level, Schedule, Space, StepLevels, timestep_of_sigma, training_sigmas};
use crate::error::Result;

/// What the two evaluations of a step do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TwoStage {
    /// Follow the slope in the middle.
    Midpoint,
    /// The same to below the end, and back up with fresh noise.
    AncestralMidpoint,
    /// Keep the image in the middle, with fresh noise after both.
    Stochastic,
    /// Keep the image in the middle, to below the end, and back up with fresh noise.
    AncestralSingleStep,
}

impl TwoStage {
    /// What `sampler` does, if it is one of these.
    pub(super) fn of(sampler: Sampler) -> Option<Self> {
        Some(match sampler {
            Sampler::Dpm2 => Self::Midpoint,
            Sampler::Dpm2Ancestral => Self::AncestralMidpoint,
            Sampler::DpmSolverSde => Self::Stochastic,
            Sampler::DpmSolver2SAncestral => Self::AncestralSingleStep,
            _ => return None,
        })
    }

    /// Where a step from `sigma` goes that ends at `next`, before fresh noise, and how much of that it gets.
    fn ends(self, sigma: f32, next: f32) -> (f32, f32) {
        if self == Self::Midpoint { (next, 0.0) } else { ancestral(sigma, next) }
    }

    /// The level between.
    fn middle(self, sigma: f32, next: f32) -> f32 {
        let end = if self == Self::Stochastic { next } else { self.ends(sigma, next).0 };
        (0.5 * (sigma.ln() + end.ln())).exp()
    }

    /// Two evaluations for each step, but one where it goes to no noise.
    pub(super) fn schedule(self, levels: StepLevels, config: &SchedulerConfig, alphas_cumprod: &[f32]) -> Schedule {
        let training = training_sigmas(alphas_cumprod);
        let StepLevels { timesteps: starts, sigmas } = levels;
        let (mut timesteps, mut levels) = (Vec::new(), Vec::new());
        // The levels as diffusers lists them: each next one twice.
        let mut listed = vec![sigmas[0]];
        for (step, start) in starts.iter().enumerate() {
            let (sigma, next) = (sigmas[step], sigmas[step + 1]);
            timesteps.push(*start);
            levels.push(Level::exploding(sigma));
            listed.push(next);
            if next > 0.0 {
                let middle = self.middle(sigma, next);
                timesteps.push(match config.edm {
                    Some(_) => f64::from(0.25 * middle.ln()),
                    None => timestep_of_sigma(f64::from(middle), &training),
                });
                levels.push(Level::exploding(middle));
                listed.push(next);
            }
        }
        levels.push(Level::exploding(sigmas[starts.len()]));
        Schedule { space: Space::Exploding, timesteps, sigmas: listed, levels }
    }

    pub(super) fn step(
        self,
        prediction: &Prediction,
        at: &Evaluation,
        history: &mut History,
        noise: &mut Noise,
    ) -> Result<Vec<f32>> {
        let is_second = at.index % 2 == 1;
        history.check_halfway(at.index, at.sample.len(), is_second)?;
        let image = at.image(prediction);
        if is_second {
            let start = std::mem::take(&mut history.sample);
            return self.second(at, &start, &image, noise);
        }
        let sigma = at.level().sigma;
        if at.is_last() {
            return Ok(follow(at.sample, &slope(at.sample, &image, sigma), at.level_after().sigma - sigma));
        }
        history.sample = at.sample.to_vec();
        let middle = at.level_after().sigma;
        if self == Self::Stochastic {
            let (down, up) = ancestral(sigma, middle);
            return with_noise(towards(at.sample, &image, down / sigma), up, noise);
        }
        Ok(towards(at.sample, &image, middle / sigma))
    }

    /// From `start` to the end of the step, given the `image` in its middle.
    fn second(self, at: &Evaluation, start: &[f32], image: &[f32], noise: &mut Noise) -> Result<Vec<f32>> {
        let (sigma, next) = (at.level_before(1).sigma, at.level_after().sigma);
        let (down, up) = self.ends(sigma, next);
        let sample = match self {
            Self::Midpoint | Self::AncestralMidpoint => {
                follow(start, &slope(at.sample, image, at.level().sigma), down - sigma)
            }
            Self::Stochastic | Self::AncestralSingleStep => towards(start, image, down / sigma),
        };
        if self == Self::Midpoint { Ok(sample) } else { with_noise(sample, up, noise) }
    }
}

/// How far down an ancestral step from `sigma` to `next` goes, and how much fresh noise brings it back up: as for Euler's
/// method, without subtracting nearly equal numbers.
fn ancestral(sigma: f32, next: f32) -> (f32, f32) {
    let (sigma, next) = (f64::from(sigma), f64::from(next));
    let down = next * next / sigma;
    (down as f32, (next * next - down * down).max(0.0).sqrt() as f32)
}

/// The sample with the share `kept` of itself, and `image` for the rest.
fn towards(sample: &[f32], image: &[f32], kept: f32) -> Vec<f32> {
    combine([(kept, sample), (1.0 - kept, image)])
}

fn with_noise(mut sample: Vec<f32>, amount: f32, noise: &mut Noise) -> Result<Vec<f32>> {
    let fresh = noise.draw(sample.len())?;
    sample.iter_mut().zip(fresh).for_each(|(value, noise)| *value += noise * amount);
    Ok(sample)
}
