//! Saying what a file is when it is not what was hoped for.

use std::path::Path;

const PICKLE_ADVICE: &str = "a PyTorch pickle, which can run any code when it is opened, so it is never read; \
    get the .safetensors version of the model, or convert this one where you trust it: load it with \
    `torch.load(path, weights_only=True)` in Python and write it with `safetensors.torch.save_file`";

/// Why a file with this name is refused without looking inside.
pub(super) fn refused_name(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    matches!(extension.as_str(), "bin" | "ckpt" | "pt" | "pth" | "pkl").then(|| format!("is {PICKLE_ADVICE}"))
}

/// What a file that is no safetensors file is, by its first bytes.
pub(super) fn other_format(start: &[u8]) -> Option<String> {
    match start {
        // A zip archive (torch.save since 1.6), or a bare pickle of protocol 2 to 5.
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] => Some(format!("is {PICKLE_ADVICE}")),
        [b'G', b'G', b'U', b'F', ..] => {
            Some("is a GGUF file; get the .safetensors version of the model instead".to_owned())
        }
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', b'h', b't', b't', b'p', ..] => Some(
            "is a Git LFS pointer, not the weights it stands for; run `git lfs pull` in the model's folder".to_owned(),
        ),
        [b'<', b'!', ..] | [b'<', b'h', ..] => {
            Some("is a web page, not weights; the download failed, repeat it".to_owned())
        }
        _ => None,
    }
}

/// What a checkpoint looks like that is not a whole SDXL model, from the names of its tensors.
pub(super) fn other_model<'n>(names: impl Iterator<Item = &'n str> + Clone) -> &'static str {
    let has = |part: &str| names.clone().any(|name| name.contains(part));
    let begins = |part: &str| names.clone().any(|name| name.starts_with(part));
    if has("lora_") || has(".lora.") || has(".hada_") || has(".lokr_") {
        "a LoRA (a small change to a model, not a model)"
    } else if begins("control_model.") || begins("controlnet_") {
        "a ControlNet"
    } else if has("double_blocks.") {
        "a Flux model"
    } else if has("joint_blocks.") {
        "a Stable Diffusion 3 model"
    } else if begins("cond_stage_model.transformer.") {
        "a Stable Diffusion 1 model"
    } else if begins("cond_stage_model.model.") {
        "a Stable Diffusion 2 model"
    } else if begins("model.diffusion_model.") || begins("input_blocks.") {
        "a UNet on its own, without its text encoders"
    } else if begins("down_blocks.") && begins("conv_in.") {
        "a UNet on its own, as it belongs into the folder `unet` of a diffusers model"
    } else if begins("encoder.down") || begins("decoder.up") || begins("first_stage_model.") {
        "a VAE on its own"
    } else if has("text_model.") || begins("encoder.layers.") || has("resblocks.") {
        "a text encoder on its own"
    } else {
        "none of the kinds that Easel knows"
    }
}

/// The model that a LoRA is for, by the names and shapes of its tensors, if it is not SDXL.
pub(super) fn other_lora<'n>(tensors: impl Iterator<Item = (&'n str, &'n [usize])> + Clone) -> Option<&'static str> {
    let has = |part: &str| tensors.clone().any(|(name, _)| name.contains(part));
    let begins = |part: &str| tensors.clone().any(|(name, _)| name.starts_with(part));
    // What the UNet's cross-attention reads is as wide as the text encoders together.
    let context = |width: usize| {
        let is_key = |name: &str| name.contains("attn2.to_k") || name.contains("attn2_to_k");
        let is_down = |name: &str| name.contains("down.weight") || name.contains("lora_A");
        tensors.clone().any(|(name, shape)| is_key(name) && is_down(name) && shape.get(1) == Some(&width))
    };
    if has("single_blocks") || has("single_transformer_blocks") || has("double_blocks") {
        Some("Flux")
    } else if has("joint_blocks") || begins("lora_te3_") || begins("transformer.transformer_blocks") {
        Some("Stable Diffusion 3")
    } else if context(1024) {
        Some("Stable Diffusion 2")
    } else if context(768) || begins("lora_te_") {
        Some("Stable Diffusion 1")
    } else {
        None
    }
}
