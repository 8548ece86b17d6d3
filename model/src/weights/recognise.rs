//! Saying what a file is when it is not what was hoped for.

use std::collections::BTreeMap;
use std::path::Path;

use super::TensorEntry;
use super::safetensors::shorten;

const PICKLE_ADVICE: &str = "a PyTorch pickle, which can run any code when it is opened, so it is never read; \
    get the .safetensors version of the model, or convert this one where you trust it: load it with \
    `torch.load(path, weights_only=True)` in Python and write it with `safetensors.torch.save_file`";

/// Why a file with this name is refused without looking inside.
pub(super) fn refused_name(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "bin" | "ckpt" | "pt" | "pth" | "pkl" => Some(format!("is {PICKLE_ADVICE}")),
        "gguf" => Some(GGUF.to_owned()),
        "part" | "crdownload" | "aria2" | "incomplete" | "download" => {
            Some("is an unfinished download; finish it, or download the file again".to_owned())
        }
        _ => None,
    }
}

const GGUF: &str = "is a GGUF file, whose weights are quantized for other programs; get the .safetensors version of the \
    model instead, and let `easel convert --precision int8` make it small";

/// What a file that is no safetensors file is, by its first bytes.
pub(super) fn other_format(start: &[u8]) -> Option<String> {
    match start {
        // A zip archive (torch.save since 1.6), or a bare pickle of protocol 2 to 5.
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] => Some(format!("is {PICKLE_ADVICE}")),
        [b'G', b'G', b'U', b'F', ..] => Some(GGUF.to_owned()),
        [0x1f, 0x8b, ..]
        | [b'7', b'z', 0xbc, 0xaf, ..]
        | [b'R', b'a', b'r', b'!', ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Some("is an archive; unpack it and name the .safetensors file in it".to_owned())
        }
        _ if start.len() >= 64 && start[..64].iter().all(|byte| *byte == 0) => {
            Some("begins with zeros, as a download does that was interrupted; download it again".to_owned())
        }
        _ => other_text(start),
    }
}

/// What a file is that is the text of something else than was asked for.
pub(super) fn other_text(start: &[u8]) -> Option<String> {
    let start = &start[..start.len().min(512)];
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|text| text.eq_ignore_ascii_case(with.as_bytes()));
    if begins("version https://git-lfs") || begins("version http://git-lfs") {
        let advice = "is a Git LFS pointer, not the file that it stands for; run `git lfs pull` in the model's folder, or \
                      download the file itself";
        return Some(advice.to_owned());
    }
    if ["<!", "<html", "<head", "<body", "<script"].iter().any(|tag| begins(tag)) {
        return Some(
            "is a web page, not the file that it should be; the download failed (it may want you to sign in), repeat it".to_owned(),
        );
    }
    if begins("<?xml") || begins("<Error") {
        return Some("is an error message in XML; the download failed, repeat it".to_owned());
    }
    (begins("{\"error") || begins("Invalid username") || begins("Access to model") || begins("Entry not found"))
        .then(|| "is an error message; the download failed, repeat it".to_owned())
}

/// What a checkpoint is that is not a whole SDXL model, from its tensors, and what to do.
pub(super) fn other_model(tensors: &BTreeMap<String, TensorEntry>) -> String {
    let has = |part: &str| tensors.keys().any(|name| name.contains(part));
    let begins = |part: &str| tensors.keys().any(|name| name.starts_with(part));
    // Width of the text that the UNet's cross-attention looks at.
    let context =
        tensors.iter().find(|(name, _)| name.contains("attn2.to_k.weight")).and_then(|(_, entry)| entry.shape.get(1));
    let whole = "name a whole SDXL base or refiner checkpoint";
    let (kind, advice) =
        if has("lora_") || has(".lora.") || has(".hada_") || has(".lokr_") || has("dora_scale") || has(".oft_") {
            (
                "a LoRA (a small change to a model, not a model)",
                "name the SDXL model that it changes, and this file as its LoRA",
            )
        } else if begins("control_model.") || begins("controlnet_") || begins("input_hint_block.") || has("zero_convs.")
        {
            ("a ControlNet (it steers a model, and is none)", whole)
        } else if begins("image_proj.") || begins("ip_adapter.") {
            ("an IP-Adapter (it steers a model, and is none)", whole)
        } else if begins("adapter.") || begins("body.0.") {
            ("a T2I-Adapter (it steers a model, and is none)", whole)
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
            ("a tiny VAE on its own", "name the SDXL model that it is for, and this file's folder as --tiny-vae")
        } else if has("text_model.") || begins("encoder.layers.") || has("resblocks.") || begins("encoder.block.") {
            ("a text encoder on its own", "name the folder or checkpoint of the whole SDXL model")
        } else if has("transformer_blocks.") || has("blocks.0.") || has("layers.0.") {
            ("a transformer of another family of models", "Easel draws with SDXL alone: name an SDXL checkpoint")
        } else {
            let first =
                tensors.keys().next().map_or_else(|| "no tensors".to_owned(), |name| format!("`{}`", shorten(name)));
            return format!(
                "looks like none of the kinds that Easel knows (it begins with {first}), not like a whole SDXL base or \
            refiner checkpoint; {whole}"
            );
        };
    format!("looks like {kind}, not like a whole SDXL base or refiner checkpoint; {advice}")
}
