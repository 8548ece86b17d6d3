//! Texts within bounds.

use serde_json::Value;

use crate::described::described;

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
    Err(format!("`{text}` is none of {}", names.join(", ")))
}
