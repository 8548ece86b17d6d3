//! Several prompts at once: `cat AND dog :0.5`.

use super::characters::{is_unsigned_number, trim_end, trim_start, whole_words};

/// The texts that `AND` separates, and their weights.
#[must_use]
pub fn parts(text: &str) -> Vec<(String, f64)> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for place in whole_words(text, "AND") {
        parts.push(weighted(&text[begin..place]));
        begin = place + "AND".len();
    }
    parts.push(weighted(&text[begin..]));
    parts
}

/// A part's text and the weight at its end, without the white space around the weight.
fn weighted(part: &str) -> (String, f64) {
    let part = trim_end(part);
    let weight = part.rsplit_once(':').and_then(|(text, number)| {
        let number = trim_start(number);
        let is_number = is_unsigned_number(number.strip_prefix(['+', '-']).unwrap_or(number));
        Some((trim_end(text).to_owned(), number.parse().ok().filter(|_| is_number)?))
    });
    weight.unwrap_or_else(|| (part.to_owned(), 1.0))
}
