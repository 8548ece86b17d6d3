//! Classes of characters as Python's regular expressions define them, which define A1111's syntax.

/// `\s`.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// `\w`.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// `text` without the white space at its end.
pub(super) fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `text` without the white space at its beginning.
pub(super) fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// The places of `word` in `text` where it is neither part of a longer word before nor after: `\bword\b`.
pub(super) fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(place, _)| place).filter(move |&place| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether `text` is a number without an exponent: digits with a point in them, before them or after them.
pub(super) fn is_unsigned_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let points = text.chars().filter(|&character| character == '.').count();
    digits > 0 && points < 2 && digits + points == text.chars().count()
}

/// A text in a message, whole if it is short.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
