//! Texts as the encoders of a stage read them.

mod compel;
mod encoder;
mod plain;
mod weighted;

pub(super) use encoder::{EncodedPart, EncodedText, Encoding};

use crate::error::{Error, Result};
use crate::prompt::{Meaning, Part};

/// The texts of `part`. What does not fit is reported in `warnings`, where `what` names the prompt.
pub(super) fn encode(
    encoding: &Encoding<'_>,
    part: &Part,
    what: &str,
    warnings: &mut Vec<String>,
) -> Result<EncodedPart> {
    let fragments: Vec<_> = part
        .entries
        .iter()
        .filter_map(|entry| match &entry.text {
            Meaning::Weighted(fragments) => Some(fragments.as_slice()),
            _ => None,
        })
        .collect();
    if !fragments.is_empty() {
        return weighted::encode(encoding, &fragments);
    }
    match &part.entries[0].text {
        Meaning::Compel { conjunction, written } => compel::encode(encoding, conjunction, written),
        Meaning::Plain(text) if encoding.syntax.is_none() => plain::encode_cut(encoding, text, what, warnings),
        Meaning::Plain(text) => plain::encode_all(encoding, text),
        Meaning::Weighted(_) => Err(Error::invalid("prompt", "has no text")),
    }
}
