//! Saying what a file is that is none of the networks that are computed, by the names of its tensors.

/// What is said of what nobody knows.
pub(super) const UNKNOWN: &str =
    "none of the upscalers that are computed, RRDBNet (`ESRGAN`) and SRVGGNetCompact (`compact`)";

/// What a name contains, and the network that it belongs to. The first that fits counts.
const NETWORKS: [(&str, &str); 24] = [
    ("overlap_attn.", "HAT"),
    ("relative_position_index_SA", "ATD"),
    ("attn.attns.", "DAT"),
    ("aligned_relative_position_index", "SRFormer"),
    ("attn.logit_scale", "Swin2SR"),
    ("residual_group.blocks.", "SwinIR"),
    ("residual_layer.0.residual_layer.", "OmniSR"),
    ("swin1.", "DRCT"),
    ("block_1.c1_r.", "SPAN"),
    ("feats.0.", "PLKSR"),
    ("unet1.conv1.conv.", "RealCUGAN"),
    ("stylegan_decoder.", "GFPGAN, which restores faces"),
    ("quantize.embedding.", "CodeFormer or RestoreFormer, which restore faces"),
    ("generator.mapping", "GPEN, which restores faces"),
    ("snconv", "a discriminator, which only training needs"),
    ("conv0_1.", "a discriminator, which only training needs"),
    ("features.0.", "a classifier such as VGG"),
    ("cond_stage_model", "a Stable Diffusion model"),
    ("model.diffusion_model.", "a Stable Diffusion model"),
    ("conditioner.embedders.", "an SDXL model"),
    ("lora_", "a LoRA, which changes a model and is given with --lora"),
    ("decoder.up", "a VAE, which is given with --vae"),
    ("control_model.", "a ControlNet"),
    ("body.0.body.0.", "EDSR"),
];

/// What the file with tensors of these names is, and what to do.
pub(super) fn described(names: &[&str]) -> String {
    let known = NETWORKS.iter().find(|(part, _)| names.iter().any(|name| name.contains(part)));
    let advice = "get an upscaler of the kind `ESRGAN` or `compact`, as .safetensors or .pth";
    match known {
        Some((_, network)) => format!("is of {network}, which is {UNKNOWN}; {advice}"),
        None if names.is_empty() => format!("has no tensors, so it is no upscaler; {advice}"),
        None => format!("is {UNKNOWN}; {advice}"),
    }
}
