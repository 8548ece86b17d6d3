//! What the names of schedulers ask for.

use easel_settings::SchedulerName;

use super::config::{AlgorithmType, SchedulerConfig, TimestepSpacing};
use crate::error::{Error, Result};

/// The model's configuration with what this name asks for on top, like diffusers' `from_config(config, **changes)`.
/// What the name does not mention stays as the model has it.
pub(super) fn configured(name: SchedulerName, config: &SchedulerConfig) -> SchedulerConfig {
    let mut config = config.clone();
    if matches!(name, SchedulerName::EulerKarras | SchedulerName::DpmSolverKarras | SchedulerName::DpmSolverSdeKarras) {
        config.use_karras_sigmas = true;
    }
    if matches!(name, SchedulerName::EulerTrailing | SchedulerName::DdimTrailing) {
        config.timestep_spacing = TimestepSpacing::Trailing;
    }
    if name == SchedulerName::DpmSolverSdeKarras {
        config.algorithm_type = AlgorithmType::SdeDpmSolverPlusPlus;
    }
    config
}

impl SchedulerConfig {
    /// The scheduler that the model itself asks for.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it is one that is not offered, so that the request must name another.
    pub fn default_name(&self) -> Result<SchedulerName> {
        let karras = self.use_karras_sigmas;
        let trailing = self.timestep_spacing == TimestepSpacing::Trailing;
        let stochastic = self.algorithm_type == AlgorithmType::SdeDpmSolverPlusPlus;
        Ok(match self.class_name.as_str() {
            "EulerDiscreteScheduler" if karras => SchedulerName::EulerKarras,
            "EulerDiscreteScheduler" if trailing => SchedulerName::EulerTrailing,
            "EulerDiscreteScheduler" => SchedulerName::Euler,
            "EulerAncestralDiscreteScheduler" => SchedulerName::EulerAncestral,
            "HeunDiscreteScheduler" => SchedulerName::Heun,
            "DDIMScheduler" if trailing => SchedulerName::DdimTrailing,
            "DDIMScheduler" => SchedulerName::Ddim,
            "DPMSolverMultistepScheduler" if karras && stochastic => SchedulerName::DpmSolverSdeKarras,
            "DPMSolverMultistepScheduler" if karras => SchedulerName::DpmSolverKarras,
            "DPMSolverMultistepScheduler" => SchedulerName::DpmSolver,
            "UniPCMultistepScheduler" => SchedulerName::UniPc,
            "LCMScheduler" => SchedulerName::Lcm,
            other => {
                let names = SchedulerName::NAMES.join(", ");
                let message = format!("the model asks for `{other}`, which is not offered; choose one of {names}");
                return Err(Error::invalid("scheduler", message));
            }
        })
    }
}
