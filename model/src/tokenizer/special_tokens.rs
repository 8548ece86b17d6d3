//! The tokens that stand outside the words: start, end, padding, unknown, and any that a model's maker added.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use tokenizers::AddedToken;

use super::added_token::{AddedTokenConfig, TokenConfig};
use super::files::{read_json, shown};
use super::padding::{CONTEXT_LENGTH, Padding};
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// The matcher for added tokens grows with their text; real tokenizers have 30 bytes of it.
const MOST_ADDED_TEXT: usize = 1 << 16;

/// Which tokens are special, and how they are found in a prompt.
pub(super) struct SpecialTokens {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) padding: String,
    /// What stands for a byte that is not in the table.
    pub(super) unknown: String,
    /// All of them, each once, those outside the table in the order of their ids.
    pub(super) all: Vec<AddedToken>,
}

impl SpecialTokens {
    /// Those of CLIP's own tokenizer.
    pub(super) fn clip(padding: Padding) -> Self {
        let mut all = vec![AddedToken::from(START, true), AddedToken::from(END, true)];
        let padding = match padding {
            Padding::EndOfText => END,
            Padding::Exclamation => {
                all.push(AddedToken::from("!", true));
                "!"
            }
        };
        Self { start: START.into(), end: END.into(), padding: padding.into(), unknown: END.into(), all }
    }

    /// Those that `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` name, else CLIP's own, with the precedence of
    /// `PreTrainedTokenizerBase.from_pretrained` in transformers 5.
    pub(super) fn from_folder(folder: &Path, vocabulary: &Vocabulary) -> Result<Self> {
        let config_file = folder.join("tokenizer_config.json");
        let map_file = folder.join("special_tokens_map.json");
        let older_file = folder.join("added_tokens.json");
        let config: TokenizerConfig = read_json(&config_file)?.unwrap_or_default();
        if let Some(length) = config.model_max_length.filter(|&length| length < CONTEXT_LENGTH as f64) {
            let message =
                format!("model_max_length is {length}, but SDXL's text encoders read {CONTEXT_LENGTH} tokens");
            return Err(Error::Config { file: config_file, message });
        }
        let mut named = config.named;
        let (added_file, added) = match config.added_tokens_decoder {
            Some(decoder) => {
                let added = decoder.into_iter().map(|(id, token)| AddedTokenConfig { id, token }).collect();
                (&config_file, added)
            }
            None => {
                let map: NamedTokens = read_json(&map_file)?.unwrap_or_default();
                named = NamedTokens {
                    bos_token: map.bos_token.or(named.bos_token),
                    eos_token: map.eos_token.or(named.eos_token),
                    pad_token: map.pad_token.or(named.pad_token),
                    unk_token: map.unk_token.or(named.unk_token),
                };
                // Before `added_tokens_decoder`, a file of its own had the text and id of each.
                let older: BTreeMap<String, u32> = read_json(&older_file)?.unwrap_or_default();
                let file = if older.is_empty() { &vocabulary.words_file } else { &older_file };
                let mut added = vocabulary.added.clone();
                for (content, id) in older {
                    if added.iter().all(|known| known.token.content != content) {
                        let special = named.names(&content);
                        added.push(AddedTokenConfig { id, token: TokenConfig::plain(content, special) });
                    }
                }
                (file, added)
            }
        };
        let mut all = checked_added_tokens(added_file, added, vocabulary)?;
        let mut name = |field: &str, token: Option<NamedToken>, default: &str| {
            let token = token.unwrap_or_else(|| NamedToken::Content(default.to_owned())).into_added_token();
            let content = token.content.clone();
            if all.iter().all(|known| known.content != content) {
                if !vocabulary.words.contains_key(&content) {
                    let message = format!(
                        "does not have `{}`, which is the {field} (named by {} or {}, else CLIP's own)",
                        shown(&content),
                        config_file.display(),
                        map_file.display()
                    );
                    return Err(Error::Config { file: vocabulary.words_file.clone(), message });
                }
                all.push(token);
            }
            Ok(content)
        };
        let start = name("bos_token", named.bos_token, START)?;
        let end = name("eos_token", named.eos_token, END)?;
        let padding = name("pad_token", named.pad_token, END)?;
        let unknown = name("unk_token", named.unk_token, END)?;
        Ok(Self { start, end, padding, unknown, all })
    }
}

/// The added tokens in the order of their ids, which must be those in the table or continue from its end.
fn checked_added_tokens(
    file: &Path,
    mut added: Vec<AddedTokenConfig>,
    vocabulary: &Vocabulary,
) -> Result<Vec<AddedToken>> {
    let wrong = |message| Err(Error::Config { file: file.to_owned(), message });
    if added.iter().map(|added| added.token.content.len()).sum::<usize>() > MOST_ADDED_TEXT {
        return wrong("has more text in added tokens than any CLIP tokenizer has".to_owned());
    }
    added.sort_by_key(|added| added.id);
    let mut after_table = vocabulary.words.len()..;
    let mut contents = HashSet::new();
    for AddedTokenConfig { id, token: TokenConfig { content, .. } } in &added {
        let shown = shown(content);
        if content.is_empty() || !contents.insert(content) {
            return wrong(format!("added token `{shown}` with the id {id} is empty or there twice"));
        }
        let in_table = vocabulary.words.get(content).map(|&id| id as usize);
        let expected = in_table.or_else(|| after_table.next());
        if expected != Some(*id as usize) {
            let expected = expected.unwrap_or_default();
            return wrong(format!("added token `{shown}` has the id {id}, but its place in the table is {expected}"));
        }
    }
    let token = |AddedTokenConfig { token, .. }| {
        let special = token.special;
        token.into_added_token(special)
    };
    Ok(added.into_iter().map(token).collect())
}

#[derive(Default, Deserialize)]
struct TokenizerConfig {
    #[serde(flatten)]
    named: NamedTokens,
    added_tokens_decoder: Option<BTreeMap<u32, TokenConfig>>,
    /// A number far beyond any integer type where the model's maker set none.
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
struct NamedTokens {
    bos_token: Option<NamedToken>,
    eos_token: Option<NamedToken>,
    pad_token: Option<NamedToken>,
    unk_token: Option<NamedToken>,
}

impl NamedTokens {
    /// Whether `content` is one of them.
    fn names(&self, content: &str) -> bool {
        let all = [&self.bos_token, &self.eos_token, &self.pad_token, &self.unk_token];
        all.into_iter().flatten().any(|token| match token {
            NamedToken::Content(named) => named == content,
            NamedToken::Config(config) => config.content == content,
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NamedToken {
    Content(String),
    Config(TokenConfig),
}

impl NamedToken {
    fn into_added_token(self) -> AddedToken {
        match self {
            Self::Content(content) => AddedToken::from(content, true),
            Self::Config(config) => config.into_added_token(true),
        }
    }
}
