//! Which of the available files make up a model that Easel can open.

use std::collections::BTreeMap;

use easel_model::weights::{Component, PACKED_FILE, TOKENIZER_FILES};

use crate::error::{Error, Result};

/// The kind of model that a set of files is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A diffusers folder, original or packed by `easel convert`.
    Folder,
    /// A VAE by itself, a tiny one too.
    Vae,
    /// A single checkpoint, by its path in the folder.
    Checkpoint(String),
}

/// The paths and sizes of all available files.
pub(super) type Listing = BTreeMap<String, u64>;

const MODEL_INDEX: &str = "model_index.json";
const CONFIG: &str = "config.json";
const VARIANTS: [&str; 2] = ["fp16", "bf16"];
/// How many checkpoints a message lists.
const LISTED: usize = 20;

/// The files of `listing` to fetch, and the kind of model that they make up; the file without which the folder is not
/// taken for a model comes last. `wanted` is the checkpoint that was requested by name.
///
/// # Errors
/// Fails if the files make up no model that Easel can open, or several ones.
pub(super) fn select(
    listing: &Listing,
    variant: Option<&str>,
    wanted: Option<&str>,
) -> Result<(Layout, Vec<String>), String> {
    if let Some(file) = wanted {
        if !listing.contains_key(file) {
            return Err(format!("has no {file}; it has {}", listed(&checkpoints(listing))));
        }
        return Ok((Layout::Checkpoint(file.to_owned()), vec![file.to_owned()]));
    }
    let has = |path: &str| listing.contains_key(path);
    let mut paths = Vec::new();
    let layout = if has(MODEL_INDEX) {
        let mut add = |path: String| {
            if has(&path) {
                paths.push(path);
            }
        };
        add("scheduler/scheduler_config.json".to_owned());
        for component in Component::ALL {
            let tokenizer = component.tokenizer_folder().into_iter();
            tokenizer.flat_map(|folder| TOKENIZER_FILES.map(|name| format!("{folder}/{name}"))).for_each(&mut add);
        }
        for component in Component::ALL {
            let config = format!("{}/{CONFIG}", component.folder());
            if has(&config) {
                paths.push(config);
                paths.extend(weights(listing, component.folder(), variant)?);
            }
        }
        paths.push(MODEL_INDEX.to_owned());
        Layout::Folder
    } else if has(CONFIG) && weights(listing, "", variant).is_ok() {
        paths.extend(weights(listing, "", variant)?);
        paths.push(CONFIG.to_owned());
        Layout::Vae
    } else {
        match checkpoints(listing).as_slice() {
            [] => {
                let advice = "it has no model_index.json and no .safetensors file; pickles are never fetched, because opening \
                              one runs its code";
                return Err(format!("has nothing that Easel can open: {advice}"));
            }
            [only] => {
                paths.push((*only).to_owned());
                Layout::Checkpoint((*only).to_owned())
            }
            several => return Err(format!("has several checkpoints: append a slash and one of {}", listed(several))),
        }
    };
    let is_variant = |path: &String| variant.is_some_and(|variant| has_variant(path, variant));
    if variant.is_some() && !paths.iter().any(is_variant) {
        let others = VARIANTS.into_iter().filter(|other| listing.keys().any(|path| has_variant(path, other)));
        let others: Vec<_> = others.collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        return Err(format!("has no variant {}; its variants: {others}", variant.unwrap_or_default()));
    }
    Ok((layout, paths))
}

/// The weights in a component's folder, in one variant: the files that `Model::open` looks for, in its order.
fn weights(listing: &Listing, folder: &str, variant: Option<&str>) -> Result<Vec<String>, String> {
    let place = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let found = |name: &str| Some(place(name)).filter(|path| listing.contains_key(path));
    if let Some(packed) = found(PACKED_FILE) {
        return Ok(vec![packed]);
    }
    let variants: &[Option<&str>] = match variant {
        // Some repositories have the variant only for the large components.
        Some(_) => &[variant, None],
        None => &[None, Some("fp16"), Some("bf16")],
    };
    for variant in variants {
        let dotted = variant.map(|variant| format!(".{variant}")).unwrap_or_default();
        for stem in ["diffusion_pytorch_model", "model"] {
            if let Some(whole) = found(&format!("{stem}{dotted}.safetensors")) {
                return Ok(vec![whole]);
            }
            let index = found(&format!("{stem}.safetensors.index{dotted}.json"))
                .or_else(|| found(&format!("{stem}{dotted}.safetensors.index.json")));
            if let Some(index) = index {
                let beginning = place(stem);
                let shards = listing.keys().filter(|path| {
                    let name = path.strip_prefix(&beginning).unwrap_or_default();
                    let of_variant = match variant {
                        Some(variant) => has_variant(name, variant),
                        None => !VARIANTS.into_iter().any(|variant| has_variant(name, variant)),
                    };
                    name.contains("-of-") && !name.contains('/') && name.ends_with(".safetensors") && of_variant
                });
                return Ok(shards.cloned().chain([index.clone()]).collect());
            }
        }
    }
    let folder = if folder.is_empty() { "it" } else { folder };
    Err(format!("{folder} has no .safetensors weights; pickles are never fetched, because opening one runs its code"))
}

fn has_variant(path: &str, variant: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(['.', '-']).any(|part| part == variant)
}

fn checkpoints(listing: &Listing) -> Vec<&str> {
    listing.keys().map(String::as_str).filter(|path| path.ends_with(".safetensors")).collect()
}

fn listed(paths: &[&str]) -> String {
    let more = paths.len().saturating_sub(LISTED);
    let shown = paths[..paths.len() - more].join(", ");
    match (paths.len(), more) {
        (0, _) => "no .safetensors file".to_owned(),
        (_, 0) => shown,
        _ => format!("{shown} and {more} more"),
    }
}

/// Refuses a path that would lead out of the folder, or that is not valid on every system.
///
/// # Errors
/// Returns [`Error::Failed`], which names the path.
pub(super) fn check_path(path: &str) -> Result<()> {
    let is_plain = |part: &str| {
        let allowed = |character: char| !character.is_control() && !"\\:*?\"<>|".contains(character);
        !part.is_empty() && !part.starts_with('.') && part.len() <= 200 && part.chars().all(allowed)
    };
    if path.split('/').all(is_plain) {
        return Ok(());
    }
    Err(Error::Failed(format!(
        "the server lists a file `{path}`, which is not a plain path inside the folder: not fetched"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &[&str]) -> Listing {
        paths.iter().map(|path| ((*path).to_owned(), 1)).collect()
    }

    fn selected(paths: &[&str], variant: Option<&str>) -> (Layout, Vec<String>) {
        select(&listing(paths), variant, None).expect("a model")
    }

    const BASE: [&str; 24] = [
        ".gitattributes",
        "README.md",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "sd_xl_base_1.0.safetensors",
        "text_encoder/config.json",
        "text_encoder/flax_model.msgpack",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.onnx",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "tokenizer/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
        "unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
        "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
        "unet/diffusion_pytorch_model.safetensors.index.json",
        "unet/openvino_model.bin",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "vae_1_0/diffusion_pytorch_model.fp16.safetensors",
        "vae_decoder/model.onnx",
    ];

    #[test]
    fn a_folder_is_what_easel_opens_of_it_in_one_variant() {
        let (layout, plain) = selected(&BASE, None);
        assert_eq!(layout, Layout::Folder);
        assert_eq!(
            plain,
            [
                "scheduler/scheduler_config.json",
                "tokenizer/vocab.json",
                "tokenizer/merges.txt",
                "text_encoder/config.json",
                "text_encoder/model.safetensors",
                "unet/config.json",
                "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.json",
                "vae/config.json",
                "vae/diffusion_pytorch_model.safetensors",
                "model_index.json",
            ]
        );
        let (_, half) = selected(&BASE, Some("fp16"));
        assert_eq!(
            half[4..10],
            [
                "text_encoder/model.fp16.safetensors",
                "unet/config.json",
                "unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.fp16.json",
                "vae/config.json",
                "vae/diffusion_pytorch_model.safetensors",
            ]
        );
        let refused = select(&listing(&BASE), Some("bf16"), None).expect_err("no such variant");
        assert!(refused.contains("bf16") && refused.ends_with("fp16"), "{refused}");
    }

    #[test]
    fn packed_folders_tiny_vaes_and_checkpoints_are_known() {
        let packed = ["model_index.json", "unet/config.json", "unet/packed.safetensors"];
        assert_eq!(selected(&packed, None).1, ["unet/config.json", "unet/packed.safetensors", "model_index.json"]);
        let tiny = [
            "config.json",
            "diffusion_pytorch_model.bin",
            "diffusion_pytorch_model.safetensors",
            "taesdxl_decoder.pth",
        ];
        let (layout, paths) = selected(&tiny, None);
        assert_eq!((layout, paths), (Layout::Vae, vec![tiny[2].to_owned(), tiny[0].to_owned()]));
        let (layout, paths) = selected(&["README.md", "a.ckpt", "b.safetensors"], None);
        assert_eq!((layout, paths), (Layout::Checkpoint("b.safetensors".to_owned()), vec!["b.safetensors".to_owned()]));
    }

    #[test]
    fn what_is_nothing_or_several_things_is_refused() {
        let refusal = |paths: &[&str], wanted| select(&listing(paths), None, wanted).expect_err("refused");
        assert!(refusal(&["model.ckpt"], None).contains("pickles"));
        assert!(refusal(&["model_index.json", "unet/config.json", "unet/model.bin"], None).contains("unet"));
        let several = refusal(&["a.safetensors", "b/c.safetensors"], None);
        assert!(several.contains("a.safetensors") && several.contains("b/c.safetensors"), "{several}");
        assert!(refusal(&["a.safetensors"], Some("d.safetensors")).contains("a.safetensors"));
        let named = select(&listing(&BASE), None, Some("sd_xl_base_1.0.safetensors")).expect("named");
        assert_eq!(named.1, ["sd_xl_base_1.0.safetensors"]);
    }

    #[test]
    fn paths_stay_in_their_folder() {
        for path in ["a.safetensors", "unet/a-00001-of-00002.safetensors", "a/b c/d"] {
            check_path(path).expect(path);
        }
        for path in ["/etc/passwd", "../a", "a/../b", "a//b", "a/", "", ".", "a\\b", "c:a", "a/.easel-pull.json", "a\n"]
        {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}
