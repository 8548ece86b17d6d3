//! How a run goes from one noise level to the next.

macro_rules! samplers {
    ($( #[doc = $help:literal] $variant:ident = $name:literal, $label:literal, [$( $alias:literal ),*]; )+) => {
        /// A sampler. The table has its name here, its label in AUTOMATIC1111's interface, and its further names:
        /// ComfyUI's, k-diffusion's, and the class in diffusers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Sampler {
            $( #[doc = concat!("`", $name, "`:", $help)] $variant, )+
        }

        impl Sampler {
            /// Every sampler.
            pub const ALL: &[Self] = &[$( Self::$variant, )+];

            /// The name as written on the command line and in requests.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )+
                }
            }

            /// What the sampler is called in AUTOMATIC1111's interface, or would be.
            #[must_use]
            pub const fn label(self) -> &'static str {
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

samplers! {
    /// Euler's method.
    Euler = "euler", "Euler", ["k_euler", "EulerDiscreteScheduler", "edm_euler", "EDMEulerScheduler"];
    /// Euler's method with fresh noise after every step.
    EulerAncestral = "euler_a", "Euler a", ["euler_ancestral", "k_euler_a", "EulerAncestralDiscreteScheduler"];
    /// Heun's second-order method, two model evaluations a step.
    Heun = "heun", "Heun", ["k_heun", "HeunDiscreteScheduler"];
    /// Linear multistep (Adams and Bashforth), up to fourth order.
    Lms = "lms", "LMS", ["k_lms", "LMSDiscreteScheduler"];
    /// The midpoint method, two model evaluations a step.
    Dpm2 = "dpm2", "DPM2", ["dpm_2", "k_dpm_2", "kdpm2", "KDPM2DiscreteScheduler"];
    /// The midpoint method with fresh noise after every step.
    Dpm2Ancestral = "dpm2_a", "DPM2 a", ["dpm2_ancestral", "dpm_2_ancestral", "k_dpm_2_a", "kdpm2_ancestral", "KDPM2AncestralDiscreteScheduler"];
    /// Denoising diffusion implicit models, without added noise.
    Ddim = "ddim", "DDIM", ["DDIMScheduler"];
    /// Pseudo linear multistep; one model evaluation more than steps.
    Pndm = "pndm", "PLMS", ["plms", "PNDMScheduler"];
    /// Diffusion exponential integrator, multistep.
    Deis = "deis", "DEIS", ["DEISMultistepScheduler"];
    /// DPM-Solver++, second order, multistep.
    DpmSolver2M = "dpmpp_2m", "DPM++ 2M", ["k_dpmpp_2m", "DPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler"];
    /// DPM-Solver++, second order, multistep, with fresh noise after every step.
    DpmSolver2MSde = "dpmpp_2m_sde", "DPM++ 2M SDE", ["k_dpmpp_2m_sde", "dpmpp_2m_sde_gpu"];
    /// DPM-Solver++, third order, multistep.
    DpmSolver3M = "dpmpp_3m", "DPM++ 3M", [];
    /// DPM-Solver++, third order, multistep, with fresh noise after every step.
    DpmSolver3MSde = "dpmpp_3m_sde", "DPM++ 3M SDE", ["k_dpmpp_3m_sde", "dpmpp_3m_sde_gpu"];
    /// DPM-Solver++, second order, single-step: pairs of steps.
    DpmSolver2S = "dpmpp_2s", "DPM++ 2S", ["DPMSolverSinglestepScheduler"];
    /// DPM-Solver++, second order, single-step, with fresh noise after every step; two model evaluations a step.
    DpmSolver2SAncestral = "dpmpp_2s_a", "DPM++ 2S a", ["dpmpp_2s_ancestral", "k_dpmpp_2s_a"];
    /// DPM-Solver++, stochastic, two model evaluations a step.
    DpmSolverSde = "dpmpp_sde", "DPM++ SDE", ["k_dpmpp_sde", "dpmpp_sde_gpu", "DPMSolverSDEScheduler"];
    /// Unified predictor-corrector, second order.
    UniPc = "unipc", "UniPC", ["uni_pc", "uni_pc_bh2", "UniPCMultistepScheduler"];
    /// Latent consistency models (distilled, few steps).
    Lcm = "lcm", "LCM", ["LCMScheduler"];
    /// Trajectory consistency distillation, with some fresh noise (`eta` 0.3).
    Tcd = "tcd", "TCD", ["TCDScheduler"];
    /// Trajectory consistency distillation, without fresh noise (`eta` 0).
    TcdDeterministic = "tcd_eta0", "TCD eta 0", [];
}

impl Sampler {
    /// Model evaluations in a step.
    #[must_use]
    pub const fn evaluations_per_step(self) -> usize {
        match self {
            Self::Heun | Self::Dpm2 | Self::Dpm2Ancestral | Self::DpmSolver2SAncestral | Self::DpmSolverSde => 2,
            _ => 1,
        }
    }
}
