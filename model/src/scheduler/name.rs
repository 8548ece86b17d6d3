//! The names by which schedulers are chosen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::config::{AlgorithmType, SchedulerConfig, TimestepSpacing};
use crate::error::{Error, Result};

/// A scheduler by its usual name. Serialized, parsed and shown as [`as_str`](Self::as_str) gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SchedulerName {
    /// `euler`: Euler's method.
    Euler,
    /// `euler_a`: Euler's method with fresh noise after every step.
    EulerAncestral,
    /// `euler_karras`: Euler's method on the noise levels of Karras et al.
    EulerKarras,
    /// `heun`: Heun's second-order method, two model evaluations a step.
    Heun,
    /// `ddim`: denoising diffusion implicit models, without added noise.
    Ddim,
    /// `dpmpp_2m`: DPM-Solver++, second order, multistep.
    DpmSolver,
    /// `dpmpp_2m_karras`: the same on the noise levels of Karras et al.
    DpmSolverKarras,
    /// `dpmpp_2m_sde_karras`: the same with fresh noise after every step.
    DpmSolverSdeKarras,
    /// `unipc`: unified predictor-corrector, second order.
    UniPc,
    /// `lcm`: latent consistency models (distilled, few steps).
    Lcm,
    /// `euler_trailing`: Euler's method starting at the very last training timestep, for distilled models.
    EulerTrailing,
    /// `ddim_trailing`: DDIM starting at the very last training timestep, for distilled models.
    DdimTrailing,
}

impl SchedulerName {
    /// Every name.
    pub const ALL: [Self; 12] = [
        Self::Euler,
        Self::EulerAncestral,
        Self::EulerKarras,
        Self::Heun,
        Self::Ddim,
        Self::DpmSolver,
        Self::DpmSolverKarras,
        Self::DpmSolverSdeKarras,
        Self::UniPc,
        Self::Lcm,
        Self::EulerTrailing,
        Self::DdimTrailing,
    ];

    /// The name as written on the command line and in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Euler => "euler",
            Self::EulerAncestral => "euler_a",
            Self::EulerKarras => "euler_karras",
            Self::Heun => "heun",
            Self::Ddim => "ddim",
            Self::DpmSolver => "dpmpp_2m",
            Self::DpmSolverKarras => "dpmpp_2m_karras",
            Self::DpmSolverSdeKarras => "dpmpp_2m_sde_karras",
            Self::UniPc => "unipc",
            Self::Lcm => "lcm",
            Self::EulerTrailing => "euler_trailing",
            Self::DdimTrailing => "ddim_trailing",
        }
    }

    /// The model's configuration with what this name asks for on top, like diffusers' `from_config(config, **changes)`.
    /// What the name does not mention stays as the model has it.
    pub(super) fn apply(self, config: &SchedulerConfig) -> SchedulerConfig {
        let mut config = config.clone();
        if matches!(self, Self::EulerKarras | Self::DpmSolverKarras | Self::DpmSolverSdeKarras) {
            config.use_karras_sigmas = true;
        }
        if matches!(self, Self::EulerTrailing | Self::DdimTrailing) {
            config.timestep_spacing = TimestepSpacing::Trailing;
        }
        if self == Self::DpmSolverSdeKarras {
            config.algorithm_type = AlgorithmType::SdeDpmSolverPlusPlus;
        }
        config
    }
}

impl fmt::Display for SchedulerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for SchedulerName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("scheduler", format!("`{text}` is not a scheduler; choose one of {names}"))
        })
    }
}

impl TryFrom<String> for SchedulerName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SchedulerName> for String {
    fn from(name: SchedulerName) -> Self {
        name.as_str().into()
    }
}
