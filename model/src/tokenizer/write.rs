//! Writes CLIP's own table as a model folder has it.

use std::path::Path;

use serde_json::json;

use super::padding::{CONTEXT_LENGTH, Padding};
use super::vocabulary::Vocabulary;
use crate::error::{Error, Result};

/// Writes the built-in table, cut to `vocabulary_size` words, as a new `tokenizer` folder.
///
/// # Errors
/// [`Error::Config`] if the table cannot be cut to that size, [`Error::Io`] if the folder cannot be written.
pub fn write_built_in(folder: &Path, vocabulary_size: usize, padding: Padding) -> Result<()> {
    let Vocabulary { words, merges, .. } = Vocabulary::built_in(vocabulary_size)?;
    let merges: String = merges.iter().map(|(first, second)| format!("{first} {second}\n")).collect();
    let padding = match padding {
        Padding::EndOfText => "<|endoftext|>",
        Padding::Exclamation => "!",
    };
    let special = json!({
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": padding, "unk_token": "<|endoftext|>",
    });
    let mut config = special.clone();
    config["model_max_length"] = json!(CONTEXT_LENGTH);
    config["tokenizer_class"] = json!("CLIPTokenizer");
    config["do_lower_case"] = json!(true);
    config["add_prefix_space"] = json!(false);
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| Error::Io { action: "writing", path, source })
    };
    std::fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "creating",
        path: folder.to_owned(),
        source,
    })?;
    write("vocab.json", json!(words.iter().collect::<std::collections::BTreeMap<_, _>>()).to_string())?;
    write("merges.txt", format!("#version: 0.2\n{merges}"))?;
    write("special_tokens_map.json", special.to_string())?;
    write("tokenizer_config.json", config.to_string())
}
