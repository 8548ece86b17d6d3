//! The names by which schedulers are chosen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! scheduler_names {
    ($( #[doc = $help:literal] $variant:ident = $name:literal, )+) => {
        /// A scheduler by its usual name. Serialized, parsed and shown as [`as_str`](Self::as_str) gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum SchedulerName {
            $( #[doc = concat!("`", $name, "`:", $help)] $variant, )+
        }

        impl SchedulerName {
            /// Every scheduler.
            pub const ALL: &[Self] = &[$( Self::$variant, )+];
            /// Every name, in the order of [`ALL`](Self::ALL).
            pub const NAMES: &[&str] = &[$( $name, )+];

            /// The name as written on the command line and in requests.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )+
                }
            }
        }
    };
}

scheduler_names! {
    /// Euler's method.
    Euler = "euler",
    /// Euler's method with fresh noise after every step.
    EulerAncestral = "euler_a",
    /// Euler's method on the noise levels of Karras et al.
    EulerKarras = "euler_karras",
    /// Heun's second-order method, two model evaluations a step.
    Heun = "heun",
    /// Denoising diffusion implicit models, without added noise.
    Ddim = "ddim",
    /// DPM-Solver++, second order, multistep.
    DpmSolver = "dpmpp_2m",
    /// DPM-Solver++ on the noise levels of Karras et al.
    DpmSolverKarras = "dpmpp_2m_karras",
    /// DPM-Solver++ on the noise levels of Karras et al., with fresh noise after every step.
    DpmSolverSdeKarras = "dpmpp_2m_sde_karras",
    /// Unified predictor-corrector, second order.
    UniPc = "unipc",
    /// Latent consistency models (distilled, few steps).
    Lcm = "lcm",
    /// Euler's method starting at the very last training timestep, for distilled models.
    EulerTrailing = "euler_trailing",
    /// DDIM starting at the very last training timestep, for distilled models.
    DdimTrailing = "ddim_trailing",
}

/// A name that no scheduler has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScheduler(String);

impl fmt::Display for UnknownScheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a scheduler; choose one of {}", self.0, SchedulerName::NAMES.join(", "))
    }
}

impl std::error::Error for UnknownScheduler {}

impl fmt::Display for SchedulerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for SchedulerName {
    type Err = UnknownScheduler;

    fn from_str(text: &str) -> Result<Self, UnknownScheduler> {
        let found = Self::ALL.iter().find(|name| name.as_str() == text);
        found.copied().ok_or_else(|| UnknownScheduler(text.to_owned()))
    }
}

impl TryFrom<String> for SchedulerName {
    type Error = UnknownScheduler;

    fn try_from(text: String) -> Result<Self, UnknownScheduler> {
        text.parse()
    }
}

impl From<SchedulerName> for String {
    fn from(name: SchedulerName) -> Self {
        name.as_str().into()
    }
}
