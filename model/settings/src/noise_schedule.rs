//! Which noise levels a run goes through.

use crate::sampler::Sampler;

macro_rules! noise_schedules {
    ($( $( #[doc = $help:literal] )+ $variant:ident = $name:literal, $label:expr, [$( $alias:literal ),*]; )+) => {
        /// A noise schedule. The table has its name here, its label in AUTOMATIC1111's interface if it is there, and its
        /// further names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum NoiseSchedule {
            $( #[doc = concat!("`", $name, "`:", $( $help ),+)] $variant, )+
        }

        impl NoiseSchedule {
            /// Every schedule.
            pub const ALL: &[Self] = &[$( Self::$variant, )+];

            /// The name as written on the command line and in requests.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )+
                }
            }

            /// What the schedule is called in AUTOMATIC1111's interface.
            #[must_use]
            pub const fn label(self) -> Option<&'static str> {
                match self {
                    $( Self::$variant => $label, )+
                }
            }

            /// The further names.
            #[must_use]
            pub const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $( Self::$variant => &[$( $alias ),*], )+
                }
            }
        }
    };
}

noise_schedules! {
    /// Whole strides of training timesteps up from the first (diffusers' `timestep_spacing`).
    Leading = "leading", None, [];
    /// Strides of training timesteps down from the very last, for distilled models (diffusers' `timestep_spacing`).
    Trailing = "trailing", Some("SGM Uniform"), [];
    /// Training timesteps evenly from the first to the last (diffusers' `timestep_spacing`).
    Linspace = "linspace", None, [];
    /// Evenly in the seventh root of the level (Karras et al. 2022), between the levels that diffusers' class takes.
    Karras = "karras", Some("Karras"), [];
    /// Evenly in the logarithm of the level, between the levels that diffusers' class takes.
    Exponential = "exponential", Some("Exponential"), [];
    /// By the quantiles of a beta distribution, between the levels that diffusers' class takes.
    Beta = "beta", Some("Beta"), [];
    /// Evenly in the logarithm of the signal-to-noise ratio (Lu et al. 2022).
    Lu = "lu", None, ["lu_lambdas"];
    /// "Align your steps" in diffusers: ten given timesteps.
    AysTimesteps = "ays_timesteps", Some("Align Your Steps"), ["ays"];
    /// "Align your steps" in diffusers: ten given levels.
    AysSigmas = "ays_sigmas", Some("Align Your Steps"), [];
    /// Evenly over all training timesteps: AUTOMATIC1111's "Uniform" and "Normal", ComfyUI's `normal`.
    Uniform = "uniform", Some("Uniform"), ["normal"];
    /// Evenly over all training timesteps with one more than steps, the last left out.
    SgmUniform = "sgm_uniform", Some("SGM Uniform"), ["sgmuniform"];
    /// Training levels at even strides down from the highest.
    Simple = "simple", Some("Simple"), [];
    /// Training levels at whole strides from the lowest but one.
    DdimUniform = "ddim_uniform", Some("DDIM"), ["ddim"];
    /// As AUTOMATIC1111 and ComfyUI have Karras: between the highest and lowest of all levels.
    KarrasFull = "karras_full", Some("Karras"), [];
    /// Evenly in the logarithm, between the highest and lowest of all levels: also AUTOMATIC1111's "Exponential".
    Polyexponential = "polyexponential", Some("Polyexponential"), ["exponential_full"];
    /// As AUTOMATIC1111 and ComfyUI have Beta: between the highest and lowest of all levels.
    BetaFull = "beta_full", Some("Beta"), [];
    /// "Align your steps" (Sabour et al. 2024) for any number of steps: its levels, interpolated in the logarithm.
    AlignYourSteps = "align_your_steps", Some("Align Your Steps"), [];
    /// Evenly in the arc tangent of the level; ends at the lowest level, not at none.
    KlOptimal = "kl_optimal", Some("KL Optimal"), [];
    /// Strides of training timesteps down from the very last, as Forge has it for Turbo models.
    Turbo = "turbo", Some("Turbo"), [];
}

impl NoiseSchedule {
    /// Whether it is one of k-diffusion's, as AUTOMATIC1111 and ComfyUI have them: chosen from all of the model's levels,
    /// whatever the model's configuration says of spacing.
    #[must_use]
    pub const fn is_k_diffusion(self) -> bool {
        matches!(
            self,
            Self::Uniform
                | Self::SgmUniform
                | Self::Simple
                | Self::DdimUniform
                | Self::KarrasFull
                | Self::Polyexponential
                | Self::BetaFull
                | Self::AlignYourSteps
                | Self::KlOptimal
                | Self::Turbo
        )
    }

    /// What the schedule is where a name is spelt as in AUTOMATIC1111's interface, whose Karras, Exponential and Beta span
    /// all levels.
    #[must_use]
    pub(crate) const fn in_automatic1111(self) -> Self {
        match self {
            Self::Karras => Self::KarrasFull,
            Self::Exponential => Self::Polyexponential,
            Self::Beta => Self::BetaFull,
            other => other,
        }
    }

    /// Whether `sampler` can go through these levels: some know only training timesteps.
    #[must_use]
    pub const fn goes_with(self, sampler: Sampler) -> bool {
        match sampler {
            Sampler::Ddim => matches!(self, Self::Leading | Self::Trailing | Self::Linspace) || self.is_k_diffusion(),
            Sampler::Pndm => matches!(self, Self::Leading | Self::Trailing | Self::Linspace),
            Sampler::Lcm => matches!(self, Self::Trailing) || self.is_k_diffusion(),
            Sampler::Tcd | Sampler::TcdDeterministic => matches!(self, Self::Trailing),
            Sampler::DpmSolver2M | Sampler::DpmSolver2MSde | Sampler::DpmSolver3M | Sampler::DpmSolver3MSde => true,
            _ => !matches!(self, Self::Lu),
        }
    }
}
