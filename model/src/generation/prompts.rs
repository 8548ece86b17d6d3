//! What the prompts of a generation mean, over its steps.

use easel_settings::{PromptPadding, PromptSyntax, ResolvedSettings};

use crate::error::{Error, Result};
use crate::prompt::{self, MOST_PARTS, Prompt, Side};
use crate::weights::RequestedLora;

/// Both prompts of a generation.
pub(super) struct Prompts {
    pub(super) positive: Prompt,
    /// Of what is to be avoided; it has one part.
    pub(super) negative: Prompt,
    /// Whether there is nothing to be avoided.
    pub(super) has_no_negative: bool,
    pub(super) syntax: Option<PromptSyntax>,
    /// Whether the shorter one of two prompts is filled up.
    pub(super) is_padded: bool,
}

impl Prompts {
    /// The prompts of `settings`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if one has more parts than the model can be asked for.
    pub(super) fn read(settings: &ResolvedSettings) -> Result<Self> {
        let (syntax, steps) = (settings.prompt_syntax, settings.steps as usize);
        let positive = prompt::read(&settings.prompt, syntax, Side::Positive, steps);
        if positive.parts.len() > MOST_PARTS {
            let message = format!("has {} parts that AND combines: use at most {MOST_PARTS}", positive.parts.len());
            return Err(Error::invalid("prompt", message));
        }
        let negative =
            prompt::read(settings.negative_prompt.as_deref().unwrap_or_default(), syntax, Side::Negative, steps);
        Ok(Self {
            has_no_negative: match syntax {
                // An empty text is none there.
                Some(PromptSyntax::A1111) => negative.parts.iter().all(|part| part.is_empty),
                _ => settings.negative_prompt.is_none(),
            },
            // compel always fills up.
            is_padded: settings.prompt_padding == PromptPadding::Empty || syntax == Some(PromptSyntax::Compel),
            positive,
            negative,
            syntax,
        })
    }

    /// Whether a prompt without text is no prompt.
    pub(super) fn empty_is_zeros(&self) -> bool {
        self.syntax == Some(PromptSyntax::A1111)
    }

    /// Whether the model reads other texts at step `second` than at step `first`.
    pub(super) fn change_between(&self, first: usize, second: usize) -> bool {
        let mut parts = self.positive.parts.iter().chain(&self.negative.parts);
        parts.any(|part| part.entry_at(first) != part.entry_at(second))
    }

    /// What was left out or taken as text, for guidance by `guidance_scale`.
    pub(super) fn warnings(&self, guidance_scale: f64, loras: &[RequestedLora]) -> Vec<String> {
        let mut warnings = self.positive.warnings.clone();
        warnings.extend(self.negative.warnings.iter().map(|warning| format!("negative prompt: {warning}")));
        // A service finds them in folders, by their path there.
        let is_missing = |name: &&String| {
            let last = name.rsplit('/').next().unwrap_or(name);
            loras.iter().all(|lora| lora.file.name() != last)
        };
        let missing = self.positive.loras.iter().chain(&self.negative.loras).filter(is_missing);
        warnings.extend(
            missing.map(|name| format!("the LoRA `{name}` that the prompt names is left out: nothing brings it")),
        );
        if guidance_scale <= 1.0 && self.positive.parts.len() > 1 {
            warnings.push("without guidance only the part before the first AND counts".to_owned());
        }
        warnings
    }
}
