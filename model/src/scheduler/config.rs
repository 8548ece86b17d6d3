//! A model's `scheduler_config.json`: how it was trained, and how it wants to be sampled.

mod edm;
mod fields;
mod readers;

use std::path::Path;

use easel_settings::Sampler;
use serde::Deserialize;

pub use self::edm::EdmConfig;
use self::fields::SchedulerFields;
pub use self::readers::Refused;
use crate::error::{Error, Result};

/// More training timesteps than any model has; bounds the tables built from a configuration.
const MAX_TRAIN_TIMESTEPS: usize = 10_000;

/// How the variance of the noise added at each training timestep grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// Evenly.
    Linear,
    /// Its square root evenly.
    ScaledLinear,
}

/// What the UNet predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// The velocity of "Progressive Distillation" (Salimans and Ho 2022).
    VPrediction,
    /// The image without noise.
    Sample,
}

/// Which training timesteps a run visits ("Common Diffusion Noise Schedules and Sample Steps are Flawed", table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// Evenly from the first to the last.
    Linspace,
    /// Whole strides up from the first.
    Leading,
    /// Strides down from the last.
    Trailing,
}

/// The noise level after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigmasType {
    /// No noise.
    Zero,
    /// The lowest level seen in training.
    SigmaMin,
}

/// The kind of equation that DPM-Solver solves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AlgorithmType {
    /// The ordinary differential equation. (diffusers takes `deis` as this too.)
    #[serde(rename = "dpmsolver++", alias = "deis")]
    DpmSolverPlusPlus,
    /// The stochastic one: fresh noise after every step.
    #[serde(rename = "sde-dpmsolver++")]
    SdeDpmSolverPlusPlus,
}

/// The variant of a second-order step. A variant of the other solver stands for this solver's default, as in diffusers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SolverType {
    /// DPM-Solver's default.
    Midpoint,
    /// DPM-Solver's other variant.
    Heun,
    /// UniPC's variant for unconditional models.
    Bh1,
    /// UniPC's default.
    Bh2,
    /// A variant of neither.
    Logrho,
}

/// A model's scheduler configuration; the fields are those of diffusers' schedulers.
///
/// [`Default`] is the official SDXL configuration, and what a file leaves out is taken from there.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerConfig {
    /// diffusers' class, which [`default_name`](Self::default_name) reads.
    pub class_name: String,
    /// Timesteps in training.
    pub num_train_timesteps: usize,
    /// Noise variance at the first training timestep.
    pub beta_start: f64,
    /// Noise variance at the last training timestep.
    pub beta_end: f64,
    /// How it grows in between.
    pub beta_schedule: BetaSchedule,
    /// Rescale so that nothing of the image is left at the last training timestep.
    pub rescale_betas_zero_snr: bool,
    /// What the UNet predicts.
    pub prediction_type: PredictionType,
    /// Which training timesteps a run visits.
    pub timestep_spacing: TimestepSpacing,
    /// Added to the timesteps of [`TimestepSpacing::Leading`].
    pub steps_offset: usize,
    /// Use the noise levels of "Elucidating the Design Space" (Karras et al. 2022).
    pub use_karras_sigmas: bool,
    /// Space the noise levels evenly in their logarithm.
    pub use_exponential_sigmas: bool,
    /// Space the noise levels by the quantiles of a beta distribution.
    pub use_beta_sigmas: bool,
    /// DPM-Solver: space the noise levels evenly in the logarithm of the signal-to-noise ratio.
    pub use_lu_lambdas: bool,
    /// The lowest Karras noise level, if not the schedule's own.
    pub sigma_min: Option<f64>,
    /// The highest Karras noise level, if not the schedule's own.
    pub sigma_max: Option<f64>,
    /// The noise level after the last step.
    pub final_sigmas_type: FinalSigmasType,
    /// DDIM, LCM, Heun: clamp the predicted image.
    pub clip_sample: bool,
    /// To plus and minus this.
    pub clip_sample_range: f64,
    /// DDIM: the last step goes to no noise at all, not to that of the first training timestep.
    pub set_alpha_to_one: bool,
    /// LCM: steps of the schedule used in distillation.
    pub original_inference_steps: usize,
    /// LCM: factor on the timestep in the boundary condition.
    pub timestep_scaling: f64,
    /// DPM-Solver: deterministic or stochastic.
    pub algorithm_type: AlgorithmType,
    /// DPM-Solver and DEIS: 1 to 3, UniPC: 1 or 2.
    pub solver_order: usize,
    /// DPM-Solver, UniPC: variant of the second-order step.
    pub solver_type: SolverType,
    /// DPM-Solver, UniPC: end a short run with a first-order step.
    pub lower_order_final: bool,
    /// DPM-Solver: end every run with a first-order step.
    pub euler_at_final: bool,
    /// DPM-Solver: leave out training timesteps whose log signal-to-noise ratio is below this.
    pub lambda_min_clipped: Option<f64>,
    /// The model's levels are not those of training timesteps.
    pub edm: Option<EdmConfig>,
    /// What the file asks for and is not offered, which only matters to the samplers that read it.
    pub refused: Vec<Refused>,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            class_name: "EulerDiscreteScheduler".into(),
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: BetaSchedule::ScaledLinear,
            rescale_betas_zero_snr: false,
            prediction_type: PredictionType::Epsilon,
            timestep_spacing: TimestepSpacing::Leading,
            steps_offset: 1,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            use_lu_lambdas: false,
            sigma_min: None,
            sigma_max: None,
            final_sigmas_type: FinalSigmasType::Zero,
            clip_sample: false,
            clip_sample_range: 1.0,
            set_alpha_to_one: false,
            original_inference_steps: 50,
            timestep_scaling: 10.0,
            algorithm_type: AlgorithmType::DpmSolverPlusPlus,
            solver_order: 2,
            solver_type: SolverType::Midpoint,
            lower_order_final: true,
            euler_at_final: false,
            lambda_min_clipped: None,
            edm: None,
            refused: Vec::new(),
        }
    }
}

impl SchedulerConfig {
    /// Reads the text of a `scheduler_config.json`; `file` is only named in errors. Unknown fields are ignored, and so are
    /// those that the sampler in use does not read: diffusers writes fields of other classes, too.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field, if the text is not JSON or a value that every sampler reads is out of range or not
    /// supported.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fail = |message| Error::Config { file: file.into(), message };
        let mut fields = SchedulerFields::parse(text).map_err(fail)?;
        let default = Self::default();
        let class_name = fields.get("_class_name", default.class_name).map_err(fail)?;
        let edm = if class_name.starts_with("EDM") { Some(fields.edm().map_err(fail)?) } else { None };
        let config = Self {
            edm,
            class_name,
            num_train_timesteps: fields.get("num_train_timesteps", default.num_train_timesteps).map_err(fail)?,
            beta_start: fields.get("beta_start", default.beta_start).map_err(fail)?,
            beta_end: fields.get("beta_end", default.beta_end).map_err(fail)?,
            beta_schedule: fields.get("beta_schedule", default.beta_schedule).map_err(fail)?,
            rescale_betas_zero_snr: fields.get("rescale_betas_zero_snr", false).map_err(fail)?,
            prediction_type: fields.get("prediction_type", default.prediction_type).map_err(fail)?,
            timestep_spacing: fields.get("timestep_spacing", default.timestep_spacing).map_err(fail)?,
            steps_offset: fields.get("steps_offset", default.steps_offset).map_err(fail)?,
            use_karras_sigmas: fields.read("use_karras_sigmas", false),
            use_exponential_sigmas: fields.read("use_exponential_sigmas", false),
            use_beta_sigmas: fields.read("use_beta_sigmas", false),
            use_lu_lambdas: fields.read("use_lu_lambdas", false),
            sigma_min: fields.read_number("sigma_min", None, is_positive),
            sigma_max: fields.read_number("sigma_max", None, is_positive),
            final_sigmas_type: fields.read("final_sigmas_type", default.final_sigmas_type),
            clip_sample: fields.read("clip_sample", default.clip_sample),
            clip_sample_range: fields
                .read_number("clip_sample_range", Some(default.clip_sample_range), is_positive)
                .unwrap_or(default.clip_sample_range),
            set_alpha_to_one: fields.read("set_alpha_to_one", default.set_alpha_to_one),
            original_inference_steps: fields.read("original_inference_steps", default.original_inference_steps),
            timestep_scaling: fields
                .read_number("timestep_scaling", Some(default.timestep_scaling), is_positive)
                .unwrap_or(default.timestep_scaling),
            algorithm_type: fields.read("algorithm_type", default.algorithm_type),
            solver_order: fields.read("solver_order", default.solver_order),
            solver_type: fields.read("solver_type", default.solver_type),
            lower_order_final: fields.read("lower_order_final", default.lower_order_final),
            euler_at_final: fields.read("euler_at_final", default.euler_at_final),
            lambda_min_clipped: fields.read_number("lambda_min_clipped", None, |_| true),
            refused: fields.unsupported(),
        };
        let config = config.with_usable_numbers();
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// Numbers that only some samplers read, moved to `refused` where they are out of range.
    fn with_usable_numbers(mut self) -> Self {
        let (default, timesteps) = (Self::default(), self.num_train_timesteps);
        if !(1..=timesteps).contains(&self.original_inference_steps) {
            let message = format!("{} must be between 1 and {timesteps}", self.original_inference_steps);
            self.refused.push(Refused::new("original_inference_steps", message));
            self.original_inference_steps = default.original_inference_steps.min(timesteps);
        }
        if !(1..=3).contains(&self.solver_order) {
            self.refused
                .push(Refused::new("solver_order", format!("{} is not offered; 1 to 3 are", self.solver_order)));
            self.solver_order = default.solver_order;
        }
        self
    }

    /// Checks the ranges of the values that every sampler reads.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let require = |good: bool, message: String| if good { Ok(()) } else { Err(message) };
        let timesteps = self.num_train_timesteps;
        require(
            (2..=MAX_TRAIN_TIMESTEPS).contains(&timesteps),
            format!("num_train_timesteps: {timesteps} must be between 2 and {MAX_TRAIN_TIMESTEPS}"),
        )?;
        require(
            0.0 < self.beta_start && self.beta_start <= self.beta_end && self.beta_end < 1.0,
            format!(
                "beta_start, beta_end: {} and {} must lie between 0 and 1, in this order",
                self.beta_start, self.beta_end
            ),
        )?;
        require(
            self.steps_offset < timesteps,
            format!("steps_offset: {} must be less than num_train_timesteps, {timesteps}", self.steps_offset),
        )?;
        require(
            (1..=timesteps).contains(&self.original_inference_steps),
            format!("original_inference_steps: {} must be between 1 and {timesteps}", self.original_inference_steps),
        )?;
        require(
            (1..=3).contains(&self.solver_order),
            format!("solver_order: {} is not offered; 1 to 3 are", self.solver_order),
        )?;
        let numbers = [Some(self.clip_sample_range), Some(self.timestep_scaling), self.sigma_min, self.sigma_max];
        require(
            numbers.into_iter().flatten().all(is_positive),
            "clip_sample_range, timestep_scaling, sigma_min and sigma_max must be positive numbers".into(),
        )
    }

    /// Why `sampler` cannot be used with this configuration, if it reads what is not offered.
    pub(super) fn refusal(&self, sampler: Sampler) -> Option<String> {
        if sampler == Sampler::UniPc && self.solver_order > 2 {
            return Some(format!("solver_order: {} is not offered for it; 1 and 2 are", self.solver_order));
        }
        self.refused.iter().find(|refused| refused.matters_to(sampler)).map(ToString::to_string)
    }
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}
