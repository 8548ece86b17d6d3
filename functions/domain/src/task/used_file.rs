//! The files that an attempt is drawn with, beside what every service has.
//!
//! They are written down with the first claim of an attempt, by the worker that found them by their names, and not when the
//! task is made: whoever takes a request has no files, and what it knows of them is as old as the last report of a worker, so
//! that a file which was replaced a moment ago would make new tasks fail. From the first claim on an attempt belongs to its
//! files: whoever continues it, or makes it once more, uses the same or says that they are gone. A retry takes over those
//! that its settings still name.

use easel_settings::Settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most files of an attempt: a model, and as many others as settings and prompts name.
pub const MAX_USED_FILES: usize = 64;
/// Most characters of a digest: that of a model has those of its refiner, too.
pub(super) const MAX_DIGEST: usize = 80;

/// A file that an attempt is drawn with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedFile {
    /// What it is.
    pub kind: UsedKind,
    /// The name that the service offers it by.
    pub name: String,
    /// The SHA-256 of the file in hexadecimal; of a model, the fingerprint of its weights.
    pub digest: String,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsedKind {
    /// The model.
    Model,
    /// A LoRA.
    Lora,
    /// A textual inversion.
    Embedding,
    /// What looks at a control image.
    Control,
    /// What image prompts are read through.
    ImageAdapter,
    /// What reads image prompts for it.
    ImageEncoder,
    /// What enlarges the images.
    Upscaler,
}

impl UsedKind {
    /// What people call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Lora => "LoRA",
            Self::Embedding => "embedding",
            Self::Control => "control model",
            Self::ImageAdapter => "image adapter",
            Self::ImageEncoder => "image encoder",
            Self::Upscaler => "upscaler",
        }
    }
}

impl UsedFile {
    /// Whether settings name the file. A model that nobody named is whichever the service draws with.
    #[must_use]
    pub fn is_named_by(&self, settings: &Settings) -> bool {
        match self.kind {
            UsedKind::Model => settings.model.as_ref() == Some(&self.name),
            UsedKind::Lora => {
                let listed = settings.loras.iter().flatten().any(|lora| lora.name == self.name);
                // However the prompt's syntax writes it; a name that only begins like this one pins it as well, which harms
                // nobody.
                let written = ["<lora:", "<lyco:", "withLora("];
                listed || written.iter().any(|before| settings.prompt.contains(&format!("{before}{}", self.name)))
            }
            UsedKind::Embedding => settings.embeddings.iter().flatten().any(|name| *name == self.name),
            UsedKind::Control => settings.controls.iter().flatten().any(|control| control.model == self.name),
            UsedKind::ImageAdapter => settings.image_adapter.as_ref() == Some(&self.name),
            // Nobody names it: it goes with the adapter.
            UsedKind::ImageEncoder => settings.image_adapter.is_some(),
            UsedKind::Upscaler => [&settings.upscaler, &settings.hires_upscaler].contains(&&Some(self.name.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use easel_settings::LoraReference;

    use super::*;

    #[test]
    fn settings_name_files_in_their_lists_and_in_the_prompt() {
        let file = |kind, name: &str| UsedFile { kind, name: name.to_owned(), digest: "ab".to_owned() };
        let settings = Settings {
            model: Some("turbo".to_owned()),
            loras: Some(vec![LoraReference { name: "ink".to_owned(), weight: 0.5 }]),
            embeddings: Some(vec!["hands".to_owned()]),
            controls: Some(vec!["depth#2=room.png".parse().expect("a control image")]),
            image_adapter: Some("plus".to_owned()),
            upscaler: Some("esrgan".to_owned()),
            ..Settings::new("a heart <lora:paper:0.8> withLora(chalk, 0.5)")
        };
        for (kind, name, named) in [
            (UsedKind::Model, "turbo", true),
            (UsedKind::Model, "base", false),
            (UsedKind::Lora, "ink", true),
            (UsedKind::Lora, "paper", true),
            (UsedKind::Lora, "chalk", true),
            (UsedKind::Lora, "hands", false),
            (UsedKind::Embedding, "hands", true),
            (UsedKind::Embedding, "ink", false),
            (UsedKind::Control, "depth", true),
            (UsedKind::Control, "depth#2", false),
            (UsedKind::ImageAdapter, "plus", true),
            (UsedKind::ImageEncoder, "vit-h", true),
            (UsedKind::Upscaler, "esrgan", true),
            (UsedKind::Upscaler, "lanczos", false),
        ] {
            assert_eq!(file(kind, name).is_named_by(&settings), named, "{name}");
        }
        for kind in [UsedKind::Model, UsedKind::Control, UsedKind::ImageEncoder, UsedKind::Upscaler] {
            assert!(!file(kind, "turbo").is_named_by(&Settings::new("a heart")));
        }
    }
}
