//! Marks of another syntax than the prompt's, which are text under its own.

use easel_settings::PromptSyntax;

use super::characters::{is_unsigned_number, shown, whole_words};
use super::extra_networks::networks;

/// A warning for the marks in `text` that another syntax than `syntax` would understand.
pub(super) fn warnings(text: &str, syntax: PromptSyntax) -> Vec<String> {
    let mut found = Vec::new();
    if syntax != PromptSyntax::A1111 {
        found.extend(a1111(text).map(|mark| (mark, PromptSyntax::A1111)));
    }
    if syntax != PromptSyntax::Compel {
        found.extend(compel(text).map(|mark| (mark, PromptSyntax::Compel)));
    }
    let warning = |(mark, other): (String, PromptSyntax)| {
        let (other, syntax) = (other.as_str(), syntax.as_str());
        format!("`{}` is taken as text: it is a mark of the prompt syntax {other}, this is {syntax}", shown(&mark))
    };
    found.into_iter().map(warning).collect()
}

/// The first mark that only A1111's syntax understands: an extra network, a weight in brackets, `AND`, `BREAK`.
fn a1111(text: &str) -> Option<String> {
    if let Some(network) = networks(text).1.first() {
        return Some(network.written());
    }
    let weight = text.match_indices(':').find_map(|(colon, _)| {
        let close = colon + text[colon..].find(')')?;
        let number = text[colon + 1..close].trim();
        let number = number.strip_prefix(['+', '-']).unwrap_or(number);
        let open = text[..colon].rfind('(')?;
        is_unsigned_number(number).then(|| text[open..=close].to_owned())
    });
    weight.or_else(|| {
        let word = |word: &'static str| whole_words(text, word).next().map(|_| word.to_owned());
        word("AND").or_else(|| word("BREAK"))
    })
}

/// The first mark that only compel's syntax understands: `++` or `--` after a word or bracket, a number after a bracket,
/// `.and()` and the like.
fn compel(text: &str) -> Option<String> {
    let calls = [").and(", ").blend(", ").swap(", ").attend("];
    if let Some(call) = calls.into_iter().find(|call| text.contains(call)) {
        return Some(call.trim_start_matches(')').to_owned() + ")");
    }
    text.split_whitespace().map(|word| word.trim_end_matches([',', '.', ';'])).find_map(|word| {
        let bare = word.trim_end_matches(['+', '-']);
        let is_marked =
            word.len() - bare.len() >= 2 && bare.ends_with(|last: char| last.is_alphanumeric() || last == ')');
        let number =
            word.rsplit_once(')').is_some_and(|(_, number)| is_unsigned_number(number) && number.contains('.'));
        (is_marked || number).then(|| word.to_owned())
    })
}
