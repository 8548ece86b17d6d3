//! The families of samplers, and what evaluations each makes of a number of steps.

use easel_settings::{NoiseSchedule, Sampler, SchedulerName};

use super::config::{FinalSigmasType, PredictionType, SchedulerConfig, TimestepSpacing};
use super::deis::Deis;
use super::dpm_solver::{DpmSolver, usable_timesteps};
use super::euler::Euler;
use super::evaluation::{Evaluation, Noise};
use super::heun::Heun;
use super::lms::Lms;
use super::pndm::Pndm;
use super::prediction::Prediction;
use super::schedule::{Level, Schedule, Space, StepLevels, ZeroSnr, alphas_cumprod, spaced_timesteps};
use super::single_step::SingleStep;
use super::tcd::Tcd;
use super::two_stage::TwoStage;
use super::unipc::UniPc;
use super::{History, ddim, heun, k_diffusion, lcm, levels, pndm};
use crate::error::{Error, Result};

/// The families of samplers.
#[derive(Clone, Debug)]
pub(super) enum Method {
    Euler(Euler),
    Heun(Heun),
    TwoStage(TwoStage, Prediction),
    Lms(Lms),
    Ddim(ddim::Ddim),
    Lcm(lcm::Lcm),
    Tcd(Tcd),
    Pndm(Pndm),
    Deis(Deis),
    DpmSolver(DpmSolver),
    SingleStep(SingleStep),
    UniPc(UniPc),
}

impl Method {
    /// The sample after an evaluation.
    pub(super) fn step(&self, at: &Evaluation, history: &mut History, noise: &mut Noise) -> Result<Vec<f32>> {
        match self {
            Self::Euler(method) => method.step(at, noise),
            Self::Heun(method) => method.step(at, history),
            Self::TwoStage(method, prediction) => method.step(prediction, at, history, noise),
            Self::Lms(method) => method.step(at, history),
            Self::Ddim(method) => Ok(method.step(at)),
            Self::Lcm(method) => method.step(at, noise),
            Self::Tcd(method) => method.step(at, noise),
            Self::Pndm(method) => method.step(at, history),
            Self::Deis(method) => method.step(at, history),
            Self::DpmSolver(method) => method.step(at, history, noise),
            Self::SingleStep(method) => method.step(at, history),
            Self::UniPc(method) => method.step(at, history),
        }
    }
}

/// A whole run: its evaluations, its method, and what it multiplies the first noise with.
pub(super) struct Run {
    pub(super) schedule: Schedule,
    pub(super) method: Method,
    pub(super) init_noise_sigma: f32,
}

/// The run of `name` in `steps` steps, on a configuration to which the name's own settings have been applied.
///
/// # Errors
/// [`Error::InvalidRequest`] if the sampler does not go with the configuration or the number of steps.
pub(super) fn run(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Run> {
    if let Some(refusal) = config.refusal(name.sampler()) {
        return Err(refuse(name, &format!("{refusal}; choose `euler`")));
    }
    if config.edm.is_some() {
        check_edm(name)?;
    } else if config.rescale_betas_zero_snr {
        check_zero_snr(name)?;
    }
    match name.sampler() {
        Sampler::Ddim | Sampler::Lcm | Sampler::Tcd | Sampler::TcdDeterministic | Sampler::Pndm => {
            through_timesteps(name, config, steps)
        }
        _ => through_levels(name, config, steps),
    }
}

fn refuse(name: SchedulerName, message: &str) -> Error {
    Error::invalid("scheduler", format!("`{name}` on this model: {message}"))
}

/// A model with levels of its own has no training timesteps to choose from.
fn check_edm(name: SchedulerName) -> Result<()> {
    if matches!(name.sampler(), Sampler::Ddim | Sampler::Lcm | Sampler::Tcd | Sampler::TcdDeterministic | Sampler::Pndm)
    {
        return Err(refuse(
            name,
            "it goes by training timesteps, which an EDM model has none of; choose `euler` or `dpmpp_2m`",
        ));
    }
    match name.schedule() {
        None | Some(NoiseSchedule::Karras | NoiseSchedule::Exponential) => Ok(()),
        Some(_) => Err(refuse(
            name,
            "an EDM model has levels of its own; leave the schedule out, or use karras or exponential",
        )),
    }
}

/// Not every run can begin where nothing of the image is left.
fn check_zero_snr(name: SchedulerName) -> Result<()> {
    if name.sampler() == Sampler::Pndm {
        let message = "it divides by the image's share, of which rescale_betas_zero_snr leaves nothing; choose `euler`";
        return Err(refuse(name, message));
    }
    if matches!(name.schedule(), Some(NoiseSchedule::AysSigmas | NoiseSchedule::AlignYourSteps)) {
        let message = "its levels were found for models without rescale_betas_zero_snr and begin too low for this one; use \
                       the schedule `ays_timesteps`, or leave it out";
        return Err(refuse(name, message));
    }
    Ok(())
}

/// The run of a sampler that knows noise levels.
fn through_levels(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Run> {
    let sampler = name.sampler();
    let table = alphas_cumprod(config, ZeroSnr::Nearly);
    let is_solver = matches!(
        sampler,
        Sampler::Deis
            | Sampler::DpmSolver2M
            | Sampler::DpmSolver2MSde
            | Sampler::DpmSolver3M
            | Sampler::DpmSolver3MSde
            | Sampler::DpmSolver2S
            | Sampler::UniPc
    );
    let reads_final_sigma = is_solver || sampler == Sampler::Euler;
    let plain = SchedulerConfig {
        // What the other classes do not read.
        final_sigmas_type: if reads_final_sigma { config.final_sigmas_type } else { FinalSigmasType::Zero },
        ..config.clone()
    };
    let config = &plain;
    let k_schedule = name.schedule().filter(|schedule| schedule.is_k_diffusion());
    let mut levels = match (k_schedule, name.schedule(), &config.edm) {
        (_, _, Some(edm)) => {
            let exponential = match name.schedule() {
                Some(schedule) => schedule == NoiseSchedule::Exponential,
                None => edm.exponential,
            };
            levels::edm(edm, exponential, config.final_sigmas_type, steps)
        }
        (Some(schedule), _, _) => k_diffusion::levels(schedule, sampler, steps, &table),
        (_, Some(NoiseSchedule::AysTimesteps), _) => levels::ays_timesteps(steps, &table)?,
        (_, Some(NoiseSchedule::AysSigmas), _) => levels::ays_sigmas(steps, &table)?,
        _ if sampler == Sampler::Deis => levels::deis(config, steps, &table),
        _ if sampler == Sampler::UniPc => levels::multistep(config, steps, &table, config.num_train_timesteps),
        _ if is_solver => levels::multistep(config, steps, &table, usable_timesteps(config, &table)),
        _ => levels::spaced(config, steps, &table),
    };
    if matches!(sampler, Sampler::Dpm2 | Sampler::Dpm2Ancestral) && config.use_karras_sigmas && config.edm.is_none() {
        // diffusers' classes round these, and these only.
        levels.timesteps.iter_mut().for_each(|timestep| *timestep = timestep.round_ties_even());
    }
    // The last step of a schedule that names its own end is what that end says.
    let ends_at_none = levels.sigmas[steps] == 0.0;
    let final_sigmas_type = if ends_at_none { FinalSigmasType::Zero } else { FinalSigmasType::SigmaMin };
    let config = &SchedulerConfig { final_sigmas_type, ..config.clone() };
    let highest = levels.sigmas[0];
    let method = method(name, config, steps)?;
    let space = if is_solver && config.edm.is_none() { Space::Preserving } else { Space::Exploding };
    let schedule = match &method {
        Method::Heun(_) => heun::schedule(levels),
        Method::TwoStage(stages, _) => stages.schedule(levels, config, &table),
        _ => Schedule::of_steps(levels, space),
    };
    let init_noise_sigma = match (space, &config.edm) {
        (_, Some(edm)) => (edm.sigma_max * edm.sigma_max + 1.0).sqrt() as f32,
        // k-diffusion's samplers start from the noise alone; so do diffusers' that do not lead up from the first timestep.
        (Space::Exploding, None) if k_schedule.is_none() && config.timestep_spacing == TimestepSpacing::Leading => {
            (highest * highest + 1.0).sqrt()
        }
        (Space::Exploding, None) => highest,
        (Space::Preserving, None) if k_schedule.is_some() => Level::preserving(highest).sigma,
        (Space::Preserving, None) => 1.0,
    };
    Ok(Run { schedule, method, init_noise_sigma })
}

/// The method of a sampler that knows noise levels.
fn method(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Method> {
    let sampler = name.sampler();
    if let Some(stages) = TwoStage::of(sampler) {
        return Ok(Method::TwoStage(stages, Prediction::new(config)));
    }
    Ok(match sampler {
        Sampler::EulerAncestral => {
            if config.prediction_type == PredictionType::Sample {
                return Err(refuse(name, "it cannot use prediction_type `sample`; choose `euler`"));
            }
            Method::Euler(Euler::ancestral(config))
        }
        Sampler::Heun => Method::Heun(Heun::new(config)),
        Sampler::Lms => Method::Lms(Lms::new(config)),
        Sampler::Deis => Method::Deis(Deis::new(config, steps)),
        Sampler::DpmSolver2S => Method::SingleStep(SingleStep::new(config, steps)),
        Sampler::UniPc => {
            if !config.lower_order_final && config.final_sigmas_type == FinalSigmasType::Zero {
                let message = "without lower_order_final its last step divides by zero; choose `dpmpp_2m`";
                return Err(refuse(name, message));
            }
            Method::UniPc(UniPc::new(config))
        }
        Sampler::DpmSolver2M | Sampler::DpmSolver2MSde | Sampler::DpmSolver3M | Sampler::DpmSolver3MSde => {
            Method::DpmSolver(DpmSolver::new(config, steps))
        }
        _ => Method::Euler(Euler::new(config)),
    })
}

/// The run of a sampler that looks training timesteps up.
fn through_timesteps(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Result<Run> {
    let sampler = name.sampler();
    if let Some(schedule) = name.schedule().filter(|schedule| schedule.is_k_diffusion()) {
        let levels = k_diffusion::levels(schedule, sampler, steps, &alphas_cumprod(config, ZeroSnr::Nearly));
        return Ok(discrete_through_levels(sampler, config, levels));
    }
    let table = alphas_cumprod(config, ZeroSnr::Exact);
    let is_trailing = name.schedule() == Some(NoiseSchedule::Trailing);
    let timesteps = match sampler {
        Sampler::Ddim => ddim::timesteps(config, steps),
        Sampler::Pndm => pndm::timesteps(config, steps),
        _ if is_trailing => spaced_timesteps(config, steps, config.num_train_timesteps, false),
        _ => lcm::timesteps(name, config, steps)?,
    };
    if sampler == Sampler::Pndm {
        let schedule = pndm::schedule(timesteps, &table);
        let method = Method::Pndm(Pndm::new(config, &schedule, steps, &table));
        return Ok(Run { schedule, method, init_noise_sigma: 1.0 });
    }
    let share = |timestep: &f64| table.get(*timestep as usize).copied().unwrap_or(0.0);
    let levels: Vec<Level> = timesteps.iter().map(|t| Level::from_alpha_cumprod(share(t))).collect();
    if config.prediction_type == PredictionType::Epsilon && levels.iter().any(|level| level.alpha == 0.0) {
        let message = "an image cannot be separated from noise where rescale_betas_zero_snr leaves nothing but noise; choose `euler`";
        return Err(refuse(name, message));
    }
    let schedule = Schedule { space: Space::Preserving, timesteps, sigmas: Vec::new(), levels };
    let method = match sampler {
        Sampler::Lcm => Method::Lcm(lcm::Lcm::new(config)),
        Sampler::Tcd => Method::Tcd(Tcd::new(config, true, &schedule, &table)),
        Sampler::TcdDeterministic => Method::Tcd(Tcd::new(config, false, &schedule, &table)),
        _ => Method::Ddim(ddim::Ddim::new(config, &schedule, &table)),
    };
    Ok(Run { schedule, method, init_noise_sigma: 1.0 })
}

/// DDIM or LCM through levels that k-diffusion chose.
fn discrete_through_levels(sampler: Sampler, config: &SchedulerConfig, levels: StepLevels) -> Run {
    let schedule = Schedule::of_steps(levels, Space::Preserving);
    let method = match sampler {
        Sampler::Lcm => Method::Lcm(lcm::Lcm::new(config)),
        _ => Method::Ddim(ddim::Ddim::through_levels(config, &schedule)),
    };
    let init_noise_sigma = schedule.levels[0].sigma;
    Run { schedule, method, init_noise_sigma }
}
