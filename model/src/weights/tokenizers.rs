//! The tokenizers of a stage.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Component, ModelFiles};
use crate::config::{ModelConfigs, TextEncoderConfig};
use crate::error::{Error, Result};
use crate::ops::at_once;
use crate::tokenizer::{Padding, Tokenizer, have_same_files};

/// The tokenizers of a stage.
pub(crate) struct Tokenizers {
    /// Of the first text encoder, which only base models have.
    pub(crate) first: Option<Tokenizer>,
    /// Of the second; a refiner's may be its base's.
    pub(crate) second: Arc<Tokenizer>,
    /// Where that one was read, if it was in a folder.
    second_folder: Option<PathBuf>,
}

/// A base model, whose tokenizers a refiner may use.
pub(super) struct BaseTokenizers<'a> {
    pub(super) files: Option<&'a ModelFiles>,
    pub(super) tokenizers: &'a Tokenizers,
}

impl Tokenizers {
    /// The tables in the model's own `files`, else those of its base, else CLIP's.
    ///
    /// # Errors
    /// A table that cannot be read, or that has more words than its text encoder.
    pub(super) fn new(
        configs: &ModelConfigs,
        files: Option<&ModelFiles>,
        base: Option<&BaseTokenizers<'_>>,
    ) -> Result<Self> {
        let folder = |component| {
            let folder = |files: &ModelFiles| files.tokenizer_folder(component);
            files.and_then(folder).or_else(|| base.and_then(|base| base.files).and_then(folder))
        };
        let second = configs.text_encoder_2.as_ref().expect("checked before the tokenizers are opened");
        let second_folder = folder(Component::TextEncoder2);
        let of_base = base.filter(|base| match (&second_folder, &base.tokenizers.second_folder) {
            (Some(folder), Some(of_base)) => have_same_files(folder, of_base),
            _ => false,
        });
        let open_second = || match of_base {
            Some(base) => {
                let tokenizer = base.tokenizers.second.clone();
                check_size(&tokenizer, second, second_folder.clone())?;
                Ok(tokenizer)
            }
            None => open(second, Padding::Exclamation, second_folder.clone()).map(Arc::new),
        };
        let Some(first) = configs.text_encoder.as_ref() else {
            return Ok(Self { first: None, second: open_second()?, second_folder });
        };
        // Each takes a twentieth of a second, which is most of what opening a model takes.
        let (first, second) = at_once(|| open(first, Padding::EndOfText, folder(Component::TextEncoder)), open_second);
        Ok(Self { first: Some(first?), second: second?, second_folder })
    }
}

fn open(config: &TextEncoderConfig, padding: Padding, folder: Option<PathBuf>) -> Result<Tokenizer> {
    let tokenizer = match &folder {
        Some(folder) => Tokenizer::from_folder(folder)?,
        None => Tokenizer::built_in(config.vocab_size, padding)?,
    };
    check_size(&tokenizer, config, folder)?;
    Ok(tokenizer)
}

/// Refuses a tokenizer with more words than its text encoder.
fn check_size(tokenizer: &Tokenizer, config: &TextEncoderConfig, folder: Option<PathBuf>) -> Result<()> {
    if tokenizer.vocabulary_size() <= config.vocab_size {
        return Ok(());
    }
    let message = format!(
        "has {} words but the text encoder knows {}: they are not of the same model",
        tokenizer.vocabulary_size(),
        config.vocab_size
    );
    Err(Error::Config { file: folder.unwrap_or_default(), message })
}
