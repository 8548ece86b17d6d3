//! Schedulers: from noise to latents, step by step, by asking the model again and again.
//!
//! Plain values on the CPU with the numbers of diffusers 0.42. A step costs next to nothing beside the model's evaluation,
//! so samples, model outputs and noise are slices of `f32`, whatever their shape.

mod config;
mod ddim;
mod dpm_solver;
mod euler;
mod evaluation;
mod heun;
mod history;
mod lcm;
mod name;
mod prediction;
mod range;
mod schedule;
mod unipc;

pub use config::{
    AlgorithmType, BetaSchedule, FinalSigmasType, PredictionType, SchedulerConfig, SolverType, TimestepSpacing,
};
pub use easel_settings::SchedulerName;
pub use history::History;

use name::configured;

use self::evaluation::{Evaluation, Noise, failure};
use self::prediction::Prediction;
use self::schedule::{Level, Schedule, ZeroSnr, alphas_cumprod};
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
}

/// The families of schedulers.
#[derive(Clone, Debug)]
enum Method {
    Euler(euler::Euler),
    Heun(heun::Heun),
    Ddim(ddim::Ddim),
    Lcm(lcm::Lcm),
    DpmSolver(dpm_solver::DpmSolver),
    UniPc(unipc::UniPc),
}

impl Method {
    fn evaluations_per_step(&self) -> usize {
        if matches!(self, Self::Heun(_)) { 2 } else { 1 }
    }
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
        let (schedule, method) = plan(name, config, steps)?;
        let range = 0.0..config.num_train_timesteps as f64;
        if !schedule.timesteps.iter().all(|timestep| range.contains(timestep)) {
            let offset = config.steps_offset;
            return Err(unusable(format!("{steps} steps do not fit with steps_offset {offset}; ask for other steps")));
        }
        if !schedule.is_falling(method.evaluations_per_step()) {
            let message =
                "beta_start, beta_end, sigma_min, sigma_max or lambda_min_clipped leave no falling noise levels";
            return Err(unusable(message.into()));
        }
        Ok(Self {
            name,
            num_train_timesteps: config.num_train_timesteps,
            steps,
            init_noise_sigma: init_noise_sigma(&method, config, &schedule),
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

    /// Model evaluations in a step: 2 for Heun, whose last step has only one, else 1.
    pub fn evaluations_per_step(&self) -> usize {
        self.method.evaluations_per_step()
    }

    /// The timestep of every model evaluation.
    pub fn timesteps(&self) -> &[f64] {
        &self.schedule.timesteps
    }

    /// The noise level before every evaluation and after the last, as diffusers has them in `sigmas`; empty for DDIM and LCM.
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
        if matches!(self.method, Method::Euler(_) | Method::Heun(_)) {
            let scale = (sigma * sigma + 1.0).sqrt();
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
        match &self.method {
            Method::Euler(method) => method.step(at, noise),
            Method::Heun(method) => method.step(at, history),
            Method::Ddim(method) => Ok(method.step(at)),
            Method::Lcm(method) => method.step(at, noise),
            Method::DpmSolver(method) => method.step(at, history, noise),
            Method::UniPc(method) => method.step(at, history),
        }
    }

    /// The finished latents as the model sees them at evaluation `index`, where it gave `output` for `sample`.
    ///
    /// # Errors
    /// [`Error::Computation`] if there is no such evaluation or lengths differ.
    pub fn denoised(&self, index: usize, output: &[f32], sample: &[f32]) -> Result<Vec<f32>> {
        let level = self.level(index)?;
        same_length("the model's output", output, sample)?;
        Ok(match self.method {
            Method::Euler(_) | Method::Heun(_) => self.prediction.image_exploding(level.sigma, output, sample),
            _ => self.prediction.image_preserving(level, output, sample),
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

/// The evaluations and the method of `name`, on a configuration to which the name's own settings have been applied.
fn plan(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<(Schedule, Method)> {
    let table = |zero_snr| alphas_cumprod(config, zero_snr);
    let refuse = |message: &str| Err(Error::invalid("scheduler", format!("`{name}` on this model: {message}")));
    Ok(match name {
        SchedulerName::Euler | SchedulerName::EulerKarras | SchedulerName::EulerTrailing => {
            (euler::schedule(config, steps, &table(ZeroSnr::Nearly)), Method::Euler(euler::Euler::new(config)))
        }
        SchedulerName::EulerAncestral => {
            if config.prediction_type == PredictionType::Sample {
                return refuse("it cannot use prediction_type `sample`; choose `euler`");
            }
            // diffusers' class has neither setting.
            let plain = SchedulerConfig {
                use_karras_sigmas: false,
                final_sigmas_type: FinalSigmasType::Zero,
                ..config.clone()
            };
            let schedule = euler::schedule(&plain, steps, &table(ZeroSnr::Nearly));
            (schedule, Method::Euler(euler::Euler::ancestral(config)))
        }
        SchedulerName::Heun => {
            (heun::schedule(config, steps, &table(ZeroSnr::Ignored)), Method::Heun(heun::Heun::new(config)))
        }
        SchedulerName::DpmSolver | SchedulerName::DpmSolverKarras | SchedulerName::DpmSolverSdeKarras => {
            let schedule = dpm_solver::schedule(config, steps, &table(ZeroSnr::Nearly));
            (schedule, Method::DpmSolver(dpm_solver::DpmSolver::new(config, steps)))
        }
        SchedulerName::UniPc => {
            if !config.lower_order_final && config.final_sigmas_type == FinalSigmasType::Zero {
                return refuse("without lower_order_final its last step divides by zero; choose `dpmpp_2m`");
            }
            let schedule = unipc::schedule(config, steps, &table(ZeroSnr::Nearly));
            (schedule, Method::UniPc(unipc::UniPc::new(config)))
        }
        SchedulerName::Ddim | SchedulerName::DdimTrailing | SchedulerName::Lcm => {
            let table = table(ZeroSnr::Exact);
            let timesteps = match name {
                SchedulerName::Lcm => lcm::timesteps(config, steps)?,
                _ => ddim::timesteps(config, steps),
            };
            let share = |timestep: &f64| table.get(*timestep as usize).copied().unwrap_or(0.0);
            let levels: Vec<Level> = timesteps.iter().map(|t| Level::from_alpha_cumprod(share(t))).collect();
            if config.prediction_type == PredictionType::Epsilon && levels.iter().any(|level| level.alpha == 0.0) {
                return refuse(
                    "an image cannot be separated from noise where rescale_betas_zero_snr leaves nothing but noise; choose `euler`",
                );
            }
            let schedule = Schedule { timesteps, sigmas: Vec::new(), levels };
            let method = match name {
                SchedulerName::Lcm => Method::Lcm(lcm::Lcm::new(config)),
                _ => Method::Ddim(ddim::Ddim::new(config, &schedule, &table)),
            };
            (schedule, method)
        }
    })
}

fn init_noise_sigma(method: &Method, config: &SchedulerConfig, schedule: &Schedule) -> f32 {
    let highest = schedule.sigmas.first().copied().unwrap_or(1.0);
    match method {
        Method::Euler(_) | Method::Heun(_) if config.timestep_spacing == TimestepSpacing::Leading => {
            (highest * highest + 1.0).sqrt()
        }
        Method::Euler(_) | Method::Heun(_) => highest,
        _ => 1.0,
    }
}

fn same_length(what: &str, values: &[f32], sample: &[f32]) -> Result<()> {
    if values.len() == sample.len() {
        return Ok(());
    }
    Err(failure(format!("{what} has {} values, the sample {}", values.len(), sample.len())))
}
