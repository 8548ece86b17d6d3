//! Tokens outside of the table, as a model's files describe them.

use serde::Deserialize;
use tokenizers::AddedToken;

/// An added token as `tokenizer.json` lists it.
#[derive(Clone, Deserialize)]
pub(super) struct AddedTokenConfig {
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) token: TokenConfig,
}

/// How a special token is found in a prompt.
#[derive(Clone, Deserialize)]
pub(super) struct TokenConfig {
    pub(super) content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    /// Whether it is looked for in the lower-case text; by default, special tokens are not.
    normalized: Option<bool>,
    #[serde(default)]
    pub(super) special: bool,
}

impl TokenConfig {
    /// A token of which only the text is known.
    pub(super) fn plain(content: String, special: bool) -> Self {
        Self { content, single_word: false, lstrip: false, rstrip: false, normalized: None, special }
    }

    pub(super) fn into_added_token(self, special: bool) -> AddedToken {
        AddedToken {
            content: self.content,
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized.unwrap_or(!special),
            special,
        }
    }
}
