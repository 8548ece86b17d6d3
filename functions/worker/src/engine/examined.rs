//! What the files that are offered turn out to be, so that the API can refuse at once what no worker could draw.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use easel_model::{ControlModel, IpAdapter, Result, UpscalerFile};
use easel_models::offers::OfferKind;
use easel_settings::shortened;
use parking_lot::Mutex;

/// Most characters of why a file is of no use.
const MAX_REASON: usize = 300;

/// What a file turned out to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    /// The kinds of control images that a control model tells apart; none where it is for one kind.
    pub(super) kinds: Option<Vec<String>>,
    /// Why it is of no use.
    pub(super) unusable: Option<String>,
}

/// What files turned out to be, looked at once for each state of a file.
#[derive(Default)]
pub(super) struct Examined(Mutex<BTreeMap<PathBuf, (String, Facts)>>);

impl Examined {
    /// What the file or folder at `path` is, which is offered as one of `kind`.
    pub(super) fn facts(&self, kind: OfferKind, path: &Path) -> Facts {
        let state = state(path);
        let known = self.0.lock().get(path).filter(|(of, _)| *of == state).map(|(_, facts)| facts.clone());
        known.unwrap_or_else(|| {
            let facts = examine(kind, path);
            self.0.lock().insert(path.to_owned(), (state, facts.clone()));
            facts
        })
    }
}

fn examine(kind: OfferKind, path: &Path) -> Facts {
    let usable = |opened: Result<Option<Vec<String>>>| match opened {
        Ok(kinds) => Facts { kinds, unusable: None },
        Err(error) => {
            let reason = error.to_string().replace(&path.display().to_string(), "its file");
            Facts { kinds: None, unusable: Some(shortened(&reason, MAX_REASON).into_owned()) }
        }
    };
    match kind {
        OfferKind::Control => usable(ControlModel::open(path).map(|model| Some(model.kinds()))),
        OfferKind::ImageAdapter => usable(IpAdapter::open(path).map(|_| None)),
        OfferKind::Upscaler => usable(UpscalerFile::open(path).map(|_| None)),
        OfferKind::Lora | OfferKind::Embedding | OfferKind::ImageEncoder => Facts::default(),
    }
}

/// What changes when a file, or one in a folder, is written.
fn state(path: &Path) -> String {
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> = inside.collect();
    all.push(path.to_owned());
    all.sort();
    let mut state = String::new();
    for metadata in all.iter().filter_map(|path| path.metadata().ok()) {
        let (modified, changed) =
            ((metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()));
        // Writing to a text cannot fail.
        let _ = write!(state, "{} {modified:?} {changed:?} {};", metadata.len(), metadata.ino());
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/tests/data/adapters/files").join(name)
    }

    #[test]
    fn files_are_what_they_turn_out_to_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let examined = Examined::default();
        assert_eq!(
            examined.facts(OfferKind::Control, &data("t2i_adapter")),
            Facts { kinds: Some(Vec::new()), unusable: None }
        );
        assert_eq!(examined.facts(OfferKind::ImageAdapter, &data("ip/ip-adapter.safetensors")), Facts::default());
        let lora = examined.facts(OfferKind::Control, &data("lora/kohya.safetensors")).unusable.expect("a reason");
        assert!(lora.contains("its file") && lora.contains("a LoRA") && !lora.contains("model/tests"), "{lora}");

        // One of Stable Diffusion 1, until another is put in its place.
        let net = folder.path().join("depth");
        std::fs::create_dir(&net).expect("made");
        let config = net.join("config.json");
        let old = r#"{"_class_name": "ControlNetModel", "cross_attention_dim": 768, "block_out_channels": [320, 640]}"#;
        std::fs::write(&config, old).expect("written");
        let reason = examined.facts(OfferKind::Control, &net).unusable.expect("a reason");
        assert!(reason.contains("Stable Diffusion 1: get the one for SDXL"), "{reason}");
        for file in ["config.json", "diffusion_pytorch_model.safetensors"] {
            std::fs::copy(data("t2i_adapter").join(file), net.join(file)).expect("copied");
        }
        assert_eq!(examined.facts(OfferKind::Control, &net).unusable, None);
    }
}
