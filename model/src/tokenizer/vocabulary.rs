//! The table of words and merges: from a model folder, or CLIP's own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use serde::Deserialize;
use tokenizers::models::bpe::{Merges, Vocab};

use super::added_token::AddedTokenConfig;
use super::files::{read_json, read_text, shown};
use crate::error::{Error, Result};

/// CLIP's merges, most frequent first; the parent module says where they come from.
const CLIP_MERGES: &[u8] = include_bytes!("bpe_simple_vocab_16e6.txt.gz");
/// CLIP uses only the first merges of that file.
const CLIP_MERGES_USED: usize = 48_894;
/// CLIP's words that are not merges: 256 bytes within a word, 256 at its end, start of text and end of text.
const CLIP_WORDS_WITHOUT_MERGES: usize = 2 * 256 + 2;
/// CLIP has 49,408 words; a table beyond this is refused rather than left to fill the memory.
const MOST_WORDS: usize = 1 << 17;

/// The words of a tokenizer and how symbols merge into them.
pub(super) struct Vocabulary {
    /// The file that the words are from, for messages.
    pub(super) words_file: PathBuf,
    /// The file that the merges are from, for messages.
    pub(super) merges_file: PathBuf,
    /// Every word and its id; the ids run from 0 without a gap.
    pub(super) words: Vocab,
    /// The pairs that merge, first ones first.
    pub(super) merges: Merges,
    /// Tokens outside the table that `tokenizer.json` lists.
    pub(super) added: Vec<AddedTokenConfig>,
}

impl Vocabulary {
    /// `tokenizer.json`, else `vocab.json` and `merges.txt`.
    pub(super) fn from_folder(folder: &Path) -> Result<Self> {
        let single = folder.join("tokenizer.json");
        if let Some(TokenizerFile { model, added_tokens }) = read_json::<TokenizerFile>(&single)? {
            let merges = model.merges.into_iter().enumerate().map(|(index, merge)| {
                let broken =
                    |text: &str| malformed(&single, format!("merge {} is `{}`, not two words", index + 1, shown(text)));
                match merge {
                    Merge::Pair(first, second) => Ok((first, second)),
                    Merge::Text(text) => pair(&text).ok_or_else(|| broken(&text)),
                }
            });
            let merges = merges.collect::<Result<_>>()?;
            let words = checked_words(&single, model.vocab)?;
            let (words_file, merges_file) = (single.clone(), single);
            return Ok(Self { words_file, words, merges_file, merges, added: added_tokens });
        }
        let (words_file, merges_file) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let missing = |file: &Path| {
            malformed(file, "is missing; a tokenizer folder holds vocab.json and merges.txt, or tokenizer.json".into())
        };
        let words = read_json(&words_file)?.ok_or_else(|| missing(&words_file))?;
        let words = checked_words(&words_file, words)?;
        let text = read_text(&merges_file)?.ok_or_else(|| missing(&merges_file))?;
        let lines = text.trim_end().lines().enumerate().filter(|(_, line)| !line.starts_with("#version"));
        let merges = lines.map(|(index, line)| {
            let broken = || malformed(&merges_file, format!("line {} is `{}`, not two words", index + 1, shown(line)));
            pair(line).ok_or_else(broken)
        });
        let merges = merges.collect::<Result<_>>()?;
        Ok(Self { words_file, words, merges_file, merges, added: Vec::new() })
    }

    /// CLIP's own table, cut to `size` words.
    pub(super) fn built_in(size: usize) -> Result<Self> {
        let source = PathBuf::from("the built-in CLIP vocabulary");
        let merge_count = size.checked_sub(CLIP_WORDS_WITHOUT_MERGES).filter(|&count| count <= CLIP_MERGES_USED);
        let Some(merge_count) = merge_count else {
            let most = CLIP_WORDS_WITHOUT_MERGES + CLIP_MERGES_USED;
            let message = format!(
                "cannot be cut to {size} words, only to {CLIP_WORDS_WITHOUT_MERGES} to {most}; \
                 use a model folder that has its own tokenizer"
            );
            return Err(malformed(&source, message));
        };
        // The first line is a heading.
        let lines = BufReader::new(GzDecoder::new(CLIP_MERGES)).lines().skip(1).take(merge_count);
        let merges = lines.map(|line| {
            let line = line.map_err(|error| malformed(&source, error.to_string()))?;
            pair(&line).ok_or_else(|| malformed(&source, format!("`{line}` is not two words")))
        });
        let merges = merges.collect::<Result<Merges>>()?;
        let bytes = byte_symbols();
        let words = bytes
            .iter()
            .map(char::to_string)
            .chain(bytes.iter().map(|byte| format!("{byte}</w>")))
            .chain(merges.iter().map(|(first, second)| format!("{first}{second}")))
            .chain(["<|startoftext|>", "<|endoftext|>"].map(str::to_owned))
            .zip(0..)
            .collect();
        Ok(Self { words_file: source.clone(), words, merges_file: source, merges, added: Vec::new() })
    }
}

/// The parts of a `tokenizer.json` that differ from one CLIP tokenizer to the next.
#[derive(Deserialize)]
struct TokenizerFile {
    model: ModelSection,
    #[serde(default)]
    added_tokens: Vec<AddedTokenConfig>,
}

#[derive(Deserialize)]
struct ModelSection {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// A merge as newer and as older releases of the `tokenizers` library write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Text(String),
}

fn pair(line: &str) -> Option<(String, String)> {
    let (first, second) = line.split_once(' ')?;
    (!first.is_empty() && !second.is_empty() && !second.contains(' ')).then(|| (first.to_owned(), second.to_owned()))
}

/// The ids are rows of the text encoder's token embedding: one for each word, from 0 without a gap.
fn checked_words(file: &Path, words: HashMap<String, u32>) -> Result<Vocab> {
    let count = words.len();
    if count > MOST_WORDS {
        let message = format!("has {count} words; a CLIP tokenizer has 49,408, at most {MOST_WORDS} work");
        return Err(malformed(file, message));
    }
    let mut seen: Vec<Option<&String>> = vec![None; count];
    for (word, &id) in &words {
        let message = match seen.get_mut(id as usize) {
            Some(place @ None) => {
                *place = Some(word);
                continue;
            }
            Some(Some(other)) => {
                let (first, second) = (word.min(other), word.max(other));
                format!("`{}` and `{}` both have the id {id}", shown(first), shown(second))
            }
            None => {
                format!("`{}` has the id {id}, but {count} words have the ids 0 to {}", shown(word), count - 1)
            }
        };
        return Err(malformed(file, message));
    }
    Ok(words.into_iter().collect())
}

/// How CLIP (and GPT-2 before it) writes the 256 bytes as visible characters, in the order of their ids: the printable
/// ones of Latin-1 stand for themselves, the others for characters from U+0100 on.
fn byte_symbols() -> Vec<char> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let themselves = (0..=u8::MAX).filter(printable).map(char::from);
    let count_of_others = (0..=u8::MAX).filter(|byte| !printable(byte)).count();
    themselves.chain(('\u{100}'..).take(count_of_others)).collect()
}

fn malformed(file: &Path, message: String) -> Error {
    Error::Config { file: file.to_owned(), message }
}
