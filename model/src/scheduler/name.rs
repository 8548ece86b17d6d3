//! What the names of schedulers ask for.

use easel_settings::{NoiseSchedule, Sampler, SchedulerName};

use super::config::{AlgorithmType, SchedulerConfig, TimestepSpacing};

/// The model's configuration with what this name asks for on top, like diffusers' `from_config(config, **changes)`.
/// What the name does not mention stays as the model has it.
pub(super) fn configured(name: SchedulerName, config: &SchedulerConfig) -> SchedulerConfig {
    let mut config = config.clone();
    match name.schedule() {
        // What a class does not read.
        None if !reads_sigma_flags(name.sampler()) => without_sigma_flags(&mut config),
        None => {}
        Some(schedule) => {
            without_sigma_flags(&mut config);
            match schedule {
                NoiseSchedule::Leading => config.timestep_spacing = TimestepSpacing::Leading,
                NoiseSchedule::Trailing => config.timestep_spacing = TimestepSpacing::Trailing,
                NoiseSchedule::Linspace => config.timestep_spacing = TimestepSpacing::Linspace,
                NoiseSchedule::Karras => config.use_karras_sigmas = true,
                NoiseSchedule::Exponential => config.use_exponential_sigmas = true,
                NoiseSchedule::Beta => config.use_beta_sigmas = true,
                NoiseSchedule::Lu => config.use_lu_lambdas = true,
                _ => {}
            }
        }
    }
    match name.sampler() {
        Sampler::DpmSolver2M => config.solver_order = config.solver_order.min(2),
        Sampler::DpmSolver3M => config.solver_order = 3,
        Sampler::DpmSolver2MSde => {
            config.solver_order = config.solver_order.min(2);
            config.algorithm_type = AlgorithmType::SdeDpmSolverPlusPlus;
        }
        Sampler::DpmSolver3MSde => {
            config.solver_order = 3;
            config.algorithm_type = AlgorithmType::SdeDpmSolverPlusPlus;
        }
        // diffusers' class spaces its timesteps in one way only.
        Sampler::DpmSolver2S if name.schedule().is_none() => config.timestep_spacing = TimestepSpacing::Linspace,
        _ => {}
    }
    config
}

/// Whether the class reads `use_karras_sigmas` and its like.
fn reads_sigma_flags(sampler: Sampler) -> bool {
    !matches!(
        sampler,
        Sampler::EulerAncestral
            | Sampler::Ddim
            | Sampler::Pndm
            | Sampler::Lcm
            | Sampler::Tcd
            | Sampler::TcdDeterministic
            | Sampler::DpmSolver2SAncestral
    )
}

fn without_sigma_flags(config: &mut SchedulerConfig) {
    config.use_karras_sigmas = false;
    config.use_exponential_sigmas = false;
    config.use_beta_sigmas = false;
    config.use_lu_lambdas = false;
}

impl SchedulerConfig {
    /// The scheduler that the model itself asks for. Where that is not offered it is `euler`, and the second part says why.
    pub fn default_name(&self) -> (SchedulerName, Option<String>) {
        let instead = |why: String| (Sampler::Euler.into(), Some(format!("{why}, `euler` is used instead")));
        let Some(sampler) = self.default_sampler() else {
            return instead(format!("the model asks for the scheduler `{}`, which is not offered", self.class_name));
        };
        match self.refusal(sampler) {
            Some(refusal) => instead(format!("the model's scheduler `{}` cannot be used ({refusal})", self.class_name)),
            None => (SchedulerName::new(sampler, self.default_schedule(sampler)).unwrap_or(sampler.into()), None),
        }
    }

    fn default_sampler(&self) -> Option<Sampler> {
        let stochastic = self.algorithm_type == AlgorithmType::SdeDpmSolverPlusPlus;
        Some(match self.class_name.as_str() {
            "DPMSolverMultistepScheduler" => match (self.solver_order, stochastic) {
                (3, false) => Sampler::DpmSolver3M,
                (3, true) => Sampler::DpmSolver3MSde,
                (_, false) => Sampler::DpmSolver2M,
                (_, true) => Sampler::DpmSolver2MSde,
            },
            class => Sampler::ALL.iter().copied().find(|sampler| sampler.aliases().contains(&class))?,
        })
    }

    /// The schedule that the configuration's own fields stand for, so that it shows in the name. Other spacings than
    /// `trailing` are left to the configuration.
    fn default_schedule(&self, sampler: Sampler) -> Option<NoiseSchedule> {
        let flags = [
            (self.use_karras_sigmas, NoiseSchedule::Karras),
            (self.use_lu_lambdas, NoiseSchedule::Lu),
            (self.use_exponential_sigmas, NoiseSchedule::Exponential),
            (self.use_beta_sigmas, NoiseSchedule::Beta),
        ];
        let chosen = flags.into_iter().find(|(is_set, schedule)| *is_set && schedule.goes_with(sampler));
        let chosen = chosen.map(|(_, schedule)| schedule).filter(|_| reads_sigma_flags(sampler) && self.edm.is_none());
        let is_trailing = self.timestep_spacing == TimestepSpacing::Trailing && self.edm.is_none();
        let says_trailing = matches!(sampler, Sampler::Euler | Sampler::Ddim);
        chosen.or((is_trailing && says_trailing).then_some(NoiseSchedule::Trailing))
    }
}
