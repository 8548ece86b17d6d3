//! Tensors that files carry beside a model's own, and that nothing is computed with: what training programs, converters
//! and merging tools leave behind. Every other name without a place is an error, because a tensor that was meant to be
//! computed with would be missing from the image.

use super::Component;

/// Whole names in single-file checkpoints: markers, and tables of the noise schedule that the configuration describes.
const NAMES: [&str; 24] = [
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "betas",
    "conditioner.embedders.0.logit_scale",
    "conditioner.embedders.1.logit_scale",
    "denoiser.sigmas",
    "global_step",
    "log_one_minus_alphas_cumprod",
    "logvar",
    "lvlb_weights",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "posterior_variance",
    "scale_factor",
    "scaled_fp8",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "v_pred",
    "ztsnr",
    "zsnr",
    "denoiser.discretization.sigmas",
];

/// Beginnings of names: the average of the weights over training, the text encoder of an SD 1 or 2 model that was merged in,
/// and training's own networks.
const BEGINNINGS: [&str; 5] = ["model_ema.", "cond_stage_model.", "embedding_manager.", "loss.", "loss_fn."];

/// Whether `name` in a single-file checkpoint, of no component's tensors, is known to be left over.
pub(super) fn is_left_over(name: &str) -> bool {
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether `name`, without what the names of `component`'s tensors begin with, is known to be left over.
pub(super) fn is_left_over_in(component: Component, name: &str) -> bool {
    // The marker of files with scaled numbers of 8 bits.
    if name == "scaled_fp8" {
        return true;
    }
    match component {
        Component::UNet => name.starts_with("model_ema."),
        Component::Vae => ["loss.", "model_ema."].iter().any(|beginning| name.starts_with(beginning)),
        Component::TextEncoder | Component::TextEncoder2 => {
            let bare = name.trim_start_matches("transformer.").trim_start_matches("text_model.");
            // Whole CLIP models have an image side; the first encoder's projection is not used.
            ["embeddings.position_ids", "logit_scale", "attn_mask", "text_projection", "text_projection.weight"]
                .contains(&bare)
                || ["visual.", "vision_model.", "visual_projection."].iter().any(|part| bare.starts_with(part))
        }
    }
}
