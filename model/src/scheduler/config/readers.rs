//! Which samplers read a field: the arguments of diffusers' classes.

use std::fmt;

use easel_settings::Sampler;

/// A value of a field of the file that is not offered. It matters only to samplers that read the field.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    field: &'static str,
    message: String,
}

impl Refused {
    pub(super) fn new(field: &'static str, message: String) -> Self {
        Self { field, message }
    }

    /// Whether `sampler` reads the field.
    pub(super) fn matters_to(&self, sampler: Sampler) -> bool {
        reads(sampler, self.field)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

/// Whether diffusers' class of `sampler` has `field` among its arguments. Where two classes share a sampler (Euler's method
/// and its EDM form), those of the usual one count.
fn reads(sampler: Sampler, field: &str) -> bool {
    let is_multistep = matches!(
        sampler,
        Sampler::DpmSolver2M | Sampler::DpmSolver2MSde | Sampler::DpmSolver3M | Sampler::DpmSolver3MSde
    );
    let is_dpm_solver = is_multistep || sampler == Sampler::DpmSolver2S;
    let is_solver = is_dpm_solver || matches!(sampler, Sampler::Deis | Sampler::UniPc);
    let is_consistency = matches!(sampler, Sampler::Lcm | Sampler::Tcd | Sampler::TcdDeterministic);
    let is_discrete = matches!(sampler, Sampler::Ddim | Sampler::Pndm) || is_consistency;
    match field {
        "use_karras_sigmas" | "use_exponential_sigmas" | "use_beta_sigmas" | "sigma_min" | "sigma_max" => {
            !is_discrete && sampler != Sampler::EulerAncestral
        }
        "use_lu_lambdas" => is_multistep,
        "final_sigmas_type" => is_dpm_solver || matches!(sampler, Sampler::Euler | Sampler::UniPc),
        "clip_sample" | "clip_sample_range" => matches!(sampler, Sampler::Heun | Sampler::Ddim | Sampler::Lcm),
        "set_alpha_to_one" => matches!(sampler, Sampler::Ddim | Sampler::Pndm),
        "original_inference_steps" => is_consistency,
        "timestep_scaling" => sampler == Sampler::Lcm,
        "algorithm_type" => is_dpm_solver,
        "solver_order" => is_solver,
        "solver_type" => is_dpm_solver || sampler == Sampler::UniPc,
        "lower_order_final" => is_solver,
        "euler_at_final" | "lambda_min_clipped" => is_dpm_solver,
        "use_flow_sigmas" | "use_dynamic_shifting" => is_solver,
        "thresholding" => is_solver || is_consistency || sampler == Sampler::Ddim,
        "predict_x0" | "solver_p" | "disable_corrector" | "shift_terminal" => sampler == Sampler::UniPc,
        "variance_type" => is_dpm_solver,
        "interpolation_type" | "timestep_type" => sampler == Sampler::Euler,
        "skip_prk_steps" => sampler == Sampler::Pndm,
        _ => true,
    }
}
