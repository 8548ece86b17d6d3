//! Saying what a file is that is no safetensors file, from its name or its first bytes.

use std::path::Path;

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
