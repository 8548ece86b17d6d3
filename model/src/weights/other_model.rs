//! Saying what a checkpoint is that is not a whole SDXL model, from its tensors.

use std::collections::BTreeMap;

use super::TensorEntry;
use super::safetensors::shorten;

const WHOLE: &str = "name a whole SDXL base or refiner checkpoint";

/// What a checkpoint is that is not a whole SDXL model, from its tensors, and what to do.
pub(super) fn other_model(tensors: &BTreeMap<String, TensorEntry>) -> String {
    match kind_and_advice(tensors) {
        Some((kind, advice)) => {
            format!("looks like {kind}, not like a whole SDXL base or refiner checkpoint; {advice}")
        }
        None => {
            let first =
                tensors.keys().next().map_or_else(|| "no tensors".to_owned(), |name| format!("`{}`", shorten(name)));
            format!(
                "looks like none of the kinds that Easel knows (it begins with {first}), not like a whole SDXL base or \
                 refiner checkpoint; {WHOLE}"
            )
        }
    }
}

/// What a file holds that is not a whole SDXL model, from its tensors, if Easel knows the kind.
pub(super) fn kind(tensors: &BTreeMap<String, TensorEntry>) -> Option<&'static str> {
    kind_and_advice(tensors).map(|(kind, _)| kind)
}

fn kind_and_advice(tensors: &BTreeMap<String, TensorEntry>) -> Option<(&'static str, &'static str)> {
    let has = |part: &str| tensors.keys().any(|name| name.contains(part));
    let begins = |part: &str| tensors.keys().any(|name| name.starts_with(part));
    // Width of the text that the UNet's cross-attention looks at.
    let context =
        tensors.iter().find(|(name, _)| name.contains("attn2.to_k.weight")).and_then(|(_, entry)| entry.shape.get(1));
    Some(if has("lora_") || has(".lora.") || has(".hada_") || has(".lokr_") || has("dora_scale") || has(".oft_") {
        (
            "a LoRA (a small change to a model, not a model)",
            "name the SDXL model that it changes, and this file as its LoRA",
        )
    } else if begins("control_model.") || begins("controlnet_") || begins("input_hint_block.") || has("zero_convs.") {
        ("a ControlNet (it steers a model, and is none)", WHOLE)
    } else if begins("image_proj.") || begins("ip_adapter.") {
        ("an IP-Adapter (it steers a model, and is none)", WHOLE)
    } else if begins("adapter.") || begins("body.0.") {
        ("a T2I-Adapter (it steers a model, and is none)", WHOLE)
    } else if begins("emb_params") || begins("clip_l") || begins("clip_g") || begins("string_to_param") {
        ("an embedding (a trained word, not a model)", "name an SDXL model, and this file as an embedding")
    } else if has("double_blocks.") || has("single_transformer_blocks.") {
        ("a Flux model", "Easel draws with SDXL alone: name an SDXL checkpoint")
    } else if has("joint_blocks.") {
        ("a Stable Diffusion 3 model", "Easel draws with SDXL alone: name an SDXL checkpoint")
    } else if begins("cond_stage_model.model.") || context == Some(&1024) {
        ("a Stable Diffusion 2 model", "Easel draws with SDXL alone: name an SDXL checkpoint")
    } else if begins("cond_stage_model.") || context == Some(&768) {
        ("a Stable Diffusion 1 model", "Easel draws with SDXL alone: name an SDXL checkpoint")
    } else if begins("model.diffusion_model.") || begins("input_blocks.") || begins("diffusion_model.") {
        ("a UNet on its own, without its text encoders", "get the checkpoint that has the whole SDXL model")
    } else if begins("down_blocks.") && begins("conv_in.") {
        (
            "a UNet on its own, as it belongs into the folder `unet` of a diffusers model",
            "name that model's folder, the one that holds model_index.json",
        )
    } else if begins("encoder.down") || begins("decoder.up") || begins("first_stage_model.") {
        ("a VAE on its own", "name the SDXL model that it is for, and this file as --vae")
    } else if begins("decoder.layers.") || begins("decoder.1.") || begins("taesd_decoder.") {
        ("a tiny VAE on its own", "name the SDXL model that it is for, and this file as --vae")
    } else if has("text_model.") || begins("encoder.layers.") || has("resblocks.") || begins("encoder.block.") {
        ("a text encoder on its own", "name the folder or checkpoint of the whole SDXL model")
    } else if has("transformer_blocks.") || has("blocks.0.") || has("layers.0.") {
        ("a transformer of another family of models", "Easel draws with SDXL alone: name an SDXL checkpoint")
    } else {
        return None;
    })
}
