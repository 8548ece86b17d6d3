//! Reading the files of a tokenizer folder, which anybody may have written.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The largest real file, `tokenizer.json`, has less than 4 MiB.
const LARGEST_FILE: u64 = 8 << 20;

/// Every file that a tokenizer is read from.
const FILES: [&str; 6] = [
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];

/// Whether the tokenizers in two folders are the same, byte by byte; not if one cannot be read.
pub(crate) fn have_same_files(one: &Path, other: &Path) -> bool {
    one == other
        || FILES.into_iter().all(|name| {
            matches!((read_text(&one.join(name)), read_text(&other.join(name))), (Ok(one), Ok(other)) if one == other)
        })
}

/// The file's text, or nothing if there is no such file.
pub(super) fn read_text(path: &Path) -> Result<Option<String>> {
    let failed = |source| Error::Io { action: "reading", path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    let length = file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > LARGEST_FILE {
        let message = format!("is larger than {} MiB, which no CLIP tokenizer's file is", LARGEST_FILE >> 20);
        return Err(Error::Config { file: path.to_owned(), message });
    }
    // Editors on Windows mark UTF-8 with these bytes.
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// The file's JSON, or nothing if there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let Some(text) = read_text(path)? else { return Ok(None) };
    let json = serde_json::from_str(&text).map_err(|error| Error::Config {
        file: path.to_owned(),
        message: format!(
            "is not a CLIP tokenizer's file: {}; copy it again from the model's source",
            shown(&error.to_string())
        ),
    })?;
    Ok(Some(json))
}

/// Text from a file, fit for a message of one line.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}
