//! Schedulers: from noise to latents, step by step, by asking the model again and again.
//!
//! Plain values on the CPU with the numbers of diffusers 0.42. A step costs next to nothing beside the model's evaluation,
//! so samples, model outputs and noise are slices of `f32`, whatever their shape.

mod beta_quantile;
mod config;
mod ddim;
mod deis;
mod dpm_solver;
mod euler;
mod evaluation;
mod heun;
mod history;
mod k_diffusion;
mod lcm;
mod levels;
mod lms;
mod method;
mod name;
mod pndm;
mod prediction;
mod prediction_choice;
mod range;
mod schedule;
mod single_step;
mod tcd;
mod two_stage;
mod unipc;

pub use config::{
    AlgorithmType, BetaSchedule, EdmConfig, FinalSigmasType, PredictionType, Refused, SchedulerConfig, SolverType,
    TimestepSpacing,
};
pub use easel_settings::{NoiseSchedule, Sampler, SchedulerName};
pub use history::History;
pub use prediction_choice::PredictionChoice;

use name::configured;

use self::evaluation::{Evaluation, Noise, failure};
use self::method::{Method, Run, run};
use self::prediction::Prediction;
use self::schedule::{Level, Schedule, Space};
use crate::error::{Error, Result};

/// One sampling run: which timesteps to evaluate the model at, and what to make of its outputs.
///
/// For each index of [`timesteps`](Self::timesteps), in order: give the model the sample through
/// [`scale_model_input`](Self::scale_model_input) and the timestep, and its output to [`step`](Self::step).
#[derive(Clone, Debug)]
pub struct Scheduler {
    name: SchedulerName,
    num_train_timesteps: usize,
    steps: usize,
    init_noise_sigma: f32,
    schedule: Schedule,
    prediction: Prediction,
    method: Method,
    history: History,
    /// Whether the model's timesteps are those of training, by which a refiner's share is told.
    has_training_timesteps: bool,
}

impl Scheduler {
    /// The run of `name` on a model with `config`, in `steps` steps.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if this scheduler cannot do that many steps, or does not go with the model's configuration.
    pub fn new(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Self> {
        let config = &configured(name, config);
        let unusable = |message: String| Error::invalid("scheduler", format!("`{name}` on this model: {message}"));
        config.check().map_err(unusable)?;
        // Multistep solvers lay out one more point than steps.
        let most = config.num_train_timesteps - 1;
        if !(1..=most).contains(&steps) {
            return Err(Error::invalid("steps", format!("{steps} must be between 1 and {most}")));
        }
        let Run { schedule, method, init_noise_sigma } = run(name, config, steps)?;
        let range = 0.0..config.num_train_timesteps as f64;
        let has_training_timesteps = config.edm.is_none();
        if has_training_timesteps && !schedule.timesteps.iter().all(|timestep| range.contains(timestep)) {
            let offset = config.steps_offset;
            return Err(unusable(format!("{steps} steps do not fit with steps_offset {offset}; ask for other steps")));
        }
        let per_step = name.sampler().evaluations_per_step();
        // PNDM's second evaluation is of the first step again.
        let is_start =
            |index: usize| index.is_multiple_of(per_step) && !(index == 1 && name.sampler() == Sampler::Pndm);
        if !schedule.is_falling(is_start) {
            let message =
                "beta_start, beta_end, sigma_min, sigma_max or lambda_min_clipped leave no falling noise levels";
            return Err(unusable(message.into()));
        }
        Ok(Self {
            name,
            num_train_timesteps: config.num_train_timesteps,
            steps,
            init_noise_sigma,
            has_training_timesteps,
            schedule,
            prediction: Prediction::new(config),
            method,
            history: History::default(),
        })
    }

    /// The name it was made with.
    pub fn name(&self) -> SchedulerName {
        self.name
    }

    /// The steps asked for.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Model evaluations in a step: 2 for samplers of second order that keep none, whose last step usually has only one, else
    /// 1. (PNDM does its first step twice.)
    pub fn evaluations_per_step(&self) -> usize {
        self.name.sampler().evaluations_per_step()
    }

    /// The step that evaluation `index` belongs to.
    pub fn step_of(&self, index: usize) -> usize {
        match self.name.sampler() {
            Sampler::Pndm => index.saturating_sub(1),
            _ => index / self.evaluations_per_step(),
        }
    }

    /// The first evaluation of a run that begins with step `step`.
    pub fn first_evaluation(&self, step: usize) -> usize {
        match self.name.sampler() {
            Sampler::Pndm if step > 0 => step + 1,
            _ => step * self.evaluations_per_step(),
        }
    }

    /// The timestep of every model evaluation.
    pub fn timesteps(&self) -> &[f64] {
        &self.schedule.timesteps
    }

    /// The noise level before every evaluation and after the last, as diffusers has them in `sigmas`; empty for samplers that
    /// know only timesteps.
    pub fn sigmas(&self) -> &[f32] {
        &self.schedule.sigmas
    }

    /// What a run from nothing but noise multiplies the noise with.
    pub fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    /// Makes a copy of the sample before evaluation `index` fit for the model.
    ///
    /// # Errors
    /// [`Error::Computation`] if there is no such evaluation.
    pub fn scale_model_input(&self, index: usize, sample: &mut [f32]) -> Result<()> {
        let sigma = self.level(index)?.sigma;
        if self.schedule.space == Space::Exploding {
            let scale = self.prediction.input_scale(sigma);
            sample.iter_mut().for_each(|value| *value /= scale);
        }
        Ok(())
    }

    /// The sample from which evaluation `index` starts if the image is to become `clean`: for image to image.
    ///
    /// # Errors
    /// [`Error::Computation`] if there is no such evaluation or the lengths differ.
    pub fn add_noise(&self, index: usize, clean: &[f32], noise: &[f32]) -> Result<Vec<f32>> {
        let Level { alpha, sigma } = self.level(index)?;
        same_length("noise", noise, clean)?;
        Ok(prediction::combine([(alpha, clean), (sigma, noise)]))
    }

    /// The sample after evaluation `index`, at which the model gave `output` for `sample`.
    ///
    /// Evaluations go up one by one; a run may begin at any index that its range starts with. `noise` gives as many fresh
    /// standard normal numbers as asked for; it is called exactly when diffusers would draw.
    ///
    /// # Errors
    /// [`Error::Computation`] if there is no such evaluation or lengths differ, [`Error::Checkpoint`] if the history is not
    /// that of this run at this index.
    pub fn step(
        &mut self,
        index: usize,
        output: &[f32],
        sample: &[f32],
        noise: &mut dyn FnMut(usize) -> Vec<f32>,
    ) -> Result<Vec<f32>> {
        self.level(index)?;
        same_length("the model's output", output, sample)?;
        let at = &Evaluation { schedule: &self.schedule, index, output, sample };
        let (history, noise) = (&mut self.history, &mut Noise(noise));
        self.method.step(at, history, noise)
    }

    /// The finished latents as the model sees them at evaluation `index`, where it gave `output` for `sample`.
    ///
    /// # Errors
    /// [`Error::Computation`] if there is no such evaluation or lengths differ.
    pub fn denoised(&self, index: usize, output: &[f32], sample: &[f32]) -> Result<Vec<f32>> {
        let level = self.level(index)?;
        same_length("the model's output", output, sample)?;
        Ok(match self.schedule.space {
            Space::Exploding => self.prediction.image_exploding(level.sigma, output, sample),
            Space::Preserving => self.prediction.image_preserving(level, output, sample),
        })
    }

    /// What must be kept to continue from here in another process, beside the sample and the position of the noise.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Continues from a kept [`history`](Self::history). Whether it fits the run is seen by the next [`step`](Self::step).
    pub fn restore(&mut self, history: History) {
        self.history = history;
    }

    fn num_train_timesteps(&self) -> usize {
        self.num_train_timesteps
    }

    fn level(&self, index: usize) -> Result<Level> {
        let count = self.schedule.timesteps.len();
        match self.schedule.levels.get(index) {
            Some(level) if index < count => Ok(*level),
            _ => Err(failure(format!("there is no evaluation {index} in a run of {count}"))),
        }
    }
}

fn same_length(what: &str, values: &[f32], sample: &[f32]) -> Result<()> {
    if values.len() == sample.len() {
        return Ok(());
    }
    Err(failure(format!("{what} has {} values, the sample {}", values.len(), sample.len())))
}
