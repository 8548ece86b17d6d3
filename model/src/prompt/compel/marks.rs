//! The marks of compel's syntax one by one: words, numbers, quotation marks.

use super::node::{Node, unescaped};

/// What one `+` multiplies a weight by.
const PLUS: f64 = 1.1;
/// What one `-` multiplies a weight by.
const MINUS: f64 = 0.9;

/// What means something unless a backslash stands before it.
const SYNTACTIC: &str = "()\",.+-=";

/// What was read, and the place after it.
pub(super) type Read<T> = Option<(T, usize)>;

/// A text and what stands at a place of it.
#[derive(Clone, Copy)]
pub(super) struct Marks<'a> {
    pub(super) text: &'a str,
}

impl<'a> Marks<'a> {
    /// The content of the quotation marks that open at `place`, on one line, and the place after them.
    pub(super) fn quotation(self, place: usize) -> Read<String> {
        let content = self.text[place..].strip_prefix('"')?;
        // The longest run of escaped marks and other characters that a mark follows.
        let (mut end, mut last_escape) = (0, None);
        let close = loop {
            let rest = &content[end..];
            if rest.starts_with("\\\"") {
                last_escape = Some(end + 1);
                end += 2;
            } else {
                match rest.chars().next() {
                    Some('"') => break Some(end),
                    Some('\n' | '\r') | None => break None,
                    Some(other) => end += other.len_utf8(),
                }
            }
        };
        // A mark after a backslash closes where no other does.
        let close = close.or(last_escape)?;
        Some((content[..close].replace("\\\"", "\""), place + 1 + close + 1))
    }

    /// A word without marks.
    pub(super) fn word(self, place: usize) -> Read<Node> {
        let begin = self.skip(place);
        let mut end = begin;
        while let Some(length) = self.word_part(end) {
            end += length;
        }
        (end > begin).then(|| (Node::Text(unescaped(&self.text[begin..end])), end))
    }

    /// How long the part of a word at `place` is.
    fn word_part(self, place: usize) -> Option<usize> {
        let rest = &self.text[place..];
        let mut characters = rest.chars();
        let first = characters.next()?;
        let second = characters.next();
        match first {
            '\\' if second.is_some_and(|second| SYNTACTIC.contains(second)) => Some(2),
            '+' | '-' => second.filter(|&second| !is_skipped(second) && !SYNTACTIC.contains(second)).map(|_| 1),
            _ if is_white(first) || SYNTACTIC.contains(first) => None,
            _ => Some(first.len_utf8()),
        }
    }

    /// `++`, `--` or a number, as a weight.
    pub(super) fn weight(self, place: usize) -> Read<f64> {
        self.signs(place).or_else(|| self.number(place))
    }

    pub(super) fn signs(self, place: usize) -> Read<f64> {
        let place = self.skip(place);
        let rest = &self.text[place..];
        [('+', PLUS), ('-', MINUS)].into_iter().find_map(|(sign, base)| {
            let count = rest.len() - rest.trim_start_matches(sign).len();
            (count > 0).then(|| (base.powf(count as f64), place + count))
        })
    }

    pub(super) fn number(self, place: usize) -> Read<f64> {
        let place = self.skip(place);
        let rest = &self.text[place..];
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let sign = usize::from(rest.starts_with(['+', '-']));
        let whole = digits(&rest[sign..]);
        let after = &rest[sign + whole..];
        let fraction = after.strip_prefix('.').map(digits).filter(|&fraction| whole + fraction > 0);
        let length = match fraction {
            Some(fraction) => sign + whole + 1 + fraction,
            None if whole > 0 && !rest.starts_with('+') => sign + whole,
            None => return None,
        };
        Some((rest[..length].parse().ok()?, place + length))
    }

    pub(super) fn keyword(self, place: usize) -> Read<&'a str> {
        let place = self.skip(place);
        let rest = &self.text[place..];
        let is_keyword = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        let length = rest.find(|character| !is_keyword(character)).unwrap_or(rest.len());
        (length > 0).then(|| (&rest[..length], place + length))
    }

    /// The place after `mark`, which white space may precede.
    pub(super) fn literal(self, place: usize, mark: &str) -> Option<usize> {
        let place = self.skip(place);
        self.text[place..].starts_with(mark).then(|| place + mark.len())
    }

    pub(super) fn skip(self, place: usize) -> usize {
        self.text.len() - self.text[place..].trim_start_matches(is_skipped).len()
    }

    pub(super) fn is_end(self, place: usize) -> bool {
        self.skip(place) == self.text.len()
    }
}

/// What pyparsing skips.
pub(super) fn is_skipped(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\t' | '\r')
}

/// What separates words.
pub(super) fn is_white(character: char) -> bool {
    is_skipped(character) || matches!(character, '\x0b' | '\x0c')
}
