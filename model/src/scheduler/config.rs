//! A model's `scheduler_config.json`: how it was trained, and how it wants to be sampled.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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
    /// DPM-Solver, UniPC: 1 or 2.
    pub solver_order: usize,
    /// DPM-Solver, UniPC: variant of the second-order step.
    pub solver_type: SolverType,
    /// DPM-Solver, UniPC: end a short run with a first-order step.
    pub lower_order_final: bool,
    /// DPM-Solver: end every run with a first-order step.
    pub euler_at_final: bool,
    /// DPM-Solver: leave out training timesteps whose log signal-to-noise ratio is below this.
    pub lambda_min_clipped: Option<f64>,
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
        }
    }
}

impl SchedulerConfig {
    /// Reads the text of a `scheduler_config.json`; `file` is only named in errors. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field, if the text is not JSON or a value is out of range or not supported.
    pub fn from_json(text: &str, file: &Path) -> Result<Self> {
        let fail = |message| Error::Config { file: file.into(), message };
        let fields = serde_json::from_str(&without_infinities(text))
            .map_err(|error| fail(format!("{error}; replace the file by the model's original")))?;
        let fields = SchedulerFields { fields, file };
        fields.refuse_unsupported()?;
        let default = Self::default();
        let config = Self {
            class_name: fields.get("_class_name", default.class_name)?,
            num_train_timesteps: fields.get("num_train_timesteps", default.num_train_timesteps)?,
            beta_start: fields.get("beta_start", default.beta_start)?,
            beta_end: fields.get("beta_end", default.beta_end)?,
            beta_schedule: fields.get("beta_schedule", default.beta_schedule)?,
            rescale_betas_zero_snr: fields.get("rescale_betas_zero_snr", default.rescale_betas_zero_snr)?,
            prediction_type: fields.get("prediction_type", default.prediction_type)?,
            timestep_spacing: fields.get("timestep_spacing", default.timestep_spacing)?,
            steps_offset: fields.get("steps_offset", default.steps_offset)?,
            use_karras_sigmas: fields.get("use_karras_sigmas", default.use_karras_sigmas)?,
            sigma_min: fields.get("sigma_min", default.sigma_min)?,
            sigma_max: fields.get("sigma_max", default.sigma_max)?,
            final_sigmas_type: fields.get("final_sigmas_type", default.final_sigmas_type)?,
            clip_sample: fields.get("clip_sample", default.clip_sample)?,
            clip_sample_range: fields.get("clip_sample_range", default.clip_sample_range)?,
            set_alpha_to_one: fields.get("set_alpha_to_one", default.set_alpha_to_one)?,
            original_inference_steps: fields.get("original_inference_steps", default.original_inference_steps)?,
            timestep_scaling: fields.get("timestep_scaling", default.timestep_scaling)?,
            algorithm_type: fields.get("algorithm_type", default.algorithm_type)?,
            solver_order: fields.get("solver_order", default.solver_order)?,
            solver_type: fields.get("solver_type", default.solver_type)?,
            lower_order_final: fields.get("lower_order_final", default.lower_order_final)?,
            euler_at_final: fields.get("euler_at_final", default.euler_at_final)?,
            lambda_min_clipped: fields.get("lambda_min_clipped", default.lambda_min_clipped)?,
        };
        config.check().map_err(fail)?;
        Ok(config)
    }

    /// Checks the ranges of all values.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let require = |good: bool, message: String| if good { Ok(()) } else { Err(message) };
        let positive = |field: &str, value: f64| {
            require(value.is_finite() && value > 0.0, format!("{field}: {value} must be a positive number"))
        };
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
            (1..=2).contains(&self.solver_order),
            format!("solver_order: {} is not supported; 1 and 2 are", self.solver_order),
        )?;
        positive("clip_sample_range", self.clip_sample_range)?;
        positive("timestep_scaling", self.timestep_scaling)?;
        for (field, value) in [("sigma_min", self.sigma_min), ("sigma_max", self.sigma_max)] {
            value.map_or(Ok(()), |value| positive(field, value))?;
        }
        Ok(())
    }
}

/// The fields of the file, read one by one so that an error names the field.
struct SchedulerFields<'a> {
    fields: Map<String, Value>,
    file: &'a Path,
}

impl SchedulerFields<'_> {
    /// The field's value, or `default` if the file leaves it out or says `null`.
    fn get<T: DeserializeOwned>(&self, field: &str, default: T) -> Result<T> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => T::deserialize(value).map_err(|error| self.fail(format!("{field}: {error}"))),
        }
    }

    /// SchedulerFields of diffusers' schedulers for which only their usual value is supported.
    fn refuse_unsupported(&self) -> Result<()> {
        let switches = [
            ("use_exponential_sigmas", false),
            ("use_beta_sigmas", false),
            ("use_lu_lambdas", false),
            ("use_flow_sigmas", false),
            ("use_dynamic_shifting", false),
            ("thresholding", false),
            ("predict_x0", true),
        ];
        for (field, usual) in switches {
            if self.get(field, usual)? != usual {
                return Err(self.fail(format!("{field}: {} is not supported, only {usual}", !usual)));
            }
        }
        for (field, usual) in [("interpolation_type", "linear"), ("timestep_type", "discrete")] {
            let value: String = self.get(field, usual.into())?;
            if value != usual {
                return Err(self.fail(format!("{field}: `{value}` is not supported, only `{usual}`")));
            }
        }
        for field in ["trained_betas", "variance_type", "solver_p", "shift_terminal", "disable_corrector"] {
            let value = self.get(field, Value::Null)?;
            if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                return Err(self.fail(format!("{field}: is not supported; it must be null")));
            }
        }
        Ok(())
    }

    fn fail(&self, message: String) -> Error {
        Error::Config { file: self.file.into(), message }
    }
}

/// Python writes infinity as a bare word, which is not JSON (diffusers: `"lambda_min_clipped": -Infinity`). As `null` it
/// stands for the field's default, which it is.
fn without_infinities(text: &str) -> String {
    // Every other piece between quotation marks is outside strings. (No field of a scheduler holds an escaped one.)
    let outside_strings = |(index, piece): (usize, &str)| match index % 2 {
        0 => piece.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"),
        _ => piece.to_owned(),
    };
    text.split('"').enumerate().map(outside_strings).collect::<Vec<_>>().join("\"")
}
