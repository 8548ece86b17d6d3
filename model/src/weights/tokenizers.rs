//! The tokenizers of a stage.

use super::{Component, ModelFiles};
use crate::config::{ModelConfigs, TextEncoderConfig};
use crate::error::{Error, Result};
use crate::tokenizer::{Padding, Tokenizer};

/// The tokenizers of a stage.
pub(crate) struct Tokenizers {
    /// Of the first text encoder, which only base models have.
    pub(crate) first: Option<Tokenizer>,
    /// Of the second.
    pub(crate) second: Tokenizer,
}

impl Tokenizers {
    /// The tables in the model's own `files`, else those of its base, else CLIP's.
    ///
    /// # Errors
    /// A table that cannot be read, or that has more words than its text encoder.
    pub(super) fn new(configs: &ModelConfigs, files: Option<&ModelFiles>, base: Option<&ModelFiles>) -> Result<Self> {
        let open = |component, config: &TextEncoderConfig, padding| {
            let folder = |files: &ModelFiles| files.tokenizer_folder(component);
            let folder = files.and_then(folder).or_else(|| base.and_then(folder));
            let tokenizer = match &folder {
                Some(folder) => Tokenizer::from_folder(folder)?,
                None => Tokenizer::built_in(config.vocab_size, padding)?,
            };
            if tokenizer.vocabulary_size() > config.vocab_size {
                let file = folder.unwrap_or_default();
                let message = format!(
                    "has {} words but the text encoder knows {}: they are not of the same model",
                    tokenizer.vocabulary_size(),
                    config.vocab_size
                );
                return Err(Error::Config { file, message });
            }
            Ok(tokenizer)
        };
        let first = configs.text_encoder.as_ref();
        let first = first.map(|config| open(Component::TextEncoder, config, Padding::EndOfText)).transpose()?;
        let second = configs.text_encoder_2.as_ref().expect("checked before the tokenizers are opened");
        Ok(Self { first, second: open(Component::TextEncoder2, second, Padding::Exclamation)? })
    }
}
