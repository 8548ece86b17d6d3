//! Texts within bounds.

use std::borrow::Cow;

use serde_json::Value;

use crate::described::described;

/// Most characters of a value that a message quotes.
const MAX_QUOTED: usize = 100;

/// A text as a message quotes it: its beginning, where it is long.
#[must_use]
pub fn quoted(text: &str) -> Cow<'_, str> {
    shortened(text, MAX_QUOTED)
}

/// At most `most` characters of a text on one line, with `…` in the place of what is cut and a replacement character in the
/// place of each control character.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let is_long = text.len() > most && text.chars().nth(most).is_some();
    if !is_long && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let kept = if is_long { most.saturating_sub(1) } else { most };
    let letters = text.chars().take(kept).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    Cow::Owned(letters.chain(is_long.then_some('…')).collect())
}

/// A text of at most `most` characters.
pub(crate) fn text(value: &Value, most: usize, blank: bool) -> Result<String, String> {
    let Value::String(text) = value else {
        return Err(format!("must be a text, not {}", described(value)));
    };
    let length = text.chars().count();
    if length > most {
        return Err(format!("has {length} characters, the limit is {most}: shorten it"));
    }
    if text.contains('\0') {
        return Err("contains a zero character: remove it".to_owned());
    }
    if !blank && text.trim().is_empty() {
        return Err("must not be blank".to_owned());
    }
    Ok(text.clone())
}

/// One of `names`.
pub(crate) fn named(value: &Value, names: &[&str]) -> Result<String, String> {
    let Value::String(text) = value else {
        return Err(format!("must be a text, not {}", described(value)));
    };
    if names.contains(&text.as_str()) {
        return Ok(text.clone());
    }
    Err(format!("`{}` is none of {}", quoted(text), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_end() {
        assert_eq!(shortened("heart", 5), "heart");
        assert_eq!(shortened("hearts", 5), "hear…");
        assert_eq!(shortened("äöüß", 4), "äöüß");
        assert_eq!(shortened("a\nb\u{1b}c", 9), "a\u{fffd}b\u{fffd}c");
        assert_eq!(quoted(&"x".repeat(1_000)).chars().count(), MAX_QUOTED);
    }
}
