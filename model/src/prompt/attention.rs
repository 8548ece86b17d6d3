//! How much of a text counts, in A1111's syntax: `(cat)`, `[cat]`, `(cat:1.3)`, escapes, and `BREAK`.

use super::characters::{is_space, shown, trim_end, trim_start, whole_words};

/// What a bracket without a weight multiplies by, or divides by.
const STEP: f64 = 1.1;
/// What marks the beginning of a new portion, beside its text.
const BREAK: &str = "BREAK";

/// A piece of text and its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// What its states are multiplied by.
    pub weight: f64,
}

impl Fragment {
    fn new(text: impl Into<String>, weight: f64) -> Self {
        Self { text: text.into(), weight }
    }

    /// Whether a new portion begins here. Within brackets, which give it another weight, `BREAK` is a word.
    #[must_use]
    pub fn is_break(&self) -> bool {
        self.text == BREAK && self.weight == -1.0
    }
}

/// A piece of text between marks, or a mark.
enum Token<'a> {
    Escaped(&'a str),
    Open,
    OpenSquare,
    Weight { written: &'a str, number: &'a str },
    Close,
    CloseSquare,
    Text,
}

/// The fragments of `text`, at least one, neighbours of different weights; and what could not be read.
#[must_use]
pub fn attention(text: &str) -> (Vec<Fragment>, Vec<String>) {
    let mut fragments: Vec<Fragment> = Vec::new();
    let (mut rounds, mut squares) = (Vec::new(), Vec::new());
    let mut warnings = Vec::new();
    let times = |fragments: &mut Vec<Fragment>, start: usize, by: f64| {
        fragments[start..].iter_mut().for_each(|fragment| fragment.weight *= by);
    };
    let mut rest = text;
    while let Some((token, length)) = next(rest) {
        let written = &rest[..length];
        rest = &rest[length..];
        match token {
            Token::Escaped(text) => fragments.push(Fragment::new(text, 1.0)),
            Token::Open => rounds.push(fragments.len()),
            Token::OpenSquare => squares.push(fragments.len()),
            Token::Weight { written, number } if !rounds.is_empty() => {
                let start = rounds.pop().unwrap_or_default();
                match number.parse::<f64>() {
                    Ok(weight) => times(&mut fragments, start, weight),
                    Err(_) => {
                        warnings.push(format!("`{}` is no weight; it is taken as text", shown(written)));
                        fragments.push(Fragment::new(&written[..written.len() - 1], 1.0));
                        times(&mut fragments, start, STEP);
                    }
                }
            }
            Token::Close if !rounds.is_empty() => times(&mut fragments, rounds.pop().unwrap_or_default(), STEP),
            Token::CloseSquare if !squares.is_empty() => {
                times(&mut fragments, squares.pop().unwrap_or_default(), 1.0 / STEP);
            }
            Token::Text | Token::Weight { .. } | Token::Close | Token::CloseSquare => split(written, &mut fragments),
        }
    }
    rounds.into_iter().for_each(|start| times(&mut fragments, start, STEP));
    squares.into_iter().for_each(|start| times(&mut fragments, start, 1.0 / STEP));
    if fragments.iter().any(|fragment| fragment.text == BREAK && fragment.weight != -1.0 && fragment.weight < 0.0) {
        warnings.push("`BREAK` within brackets is taken as text: write it outside".to_owned());
    }
    (merged(fragments), warnings)
}

/// Text without marks, at each `BREAK` with the white space around it.
fn split(text: &str, fragments: &mut Vec<Fragment>) {
    let mut begin = 0;
    for place in whole_words(text, BREAK) {
        let piece = &text[begin..place];
        fragments.push(Fragment::new(trim_end(if begin == 0 { piece } else { trim_start(piece) }), 1.0));
        fragments.push(Fragment::new(BREAK, -1.0));
        begin = place + BREAK.len();
    }
    let piece = &text[begin..];
    fragments.push(Fragment::new(if begin == 0 { piece } else { trim_start(piece) }, 1.0));
}

/// Neighbours of the same weight are one fragment.
fn merged(fragments: Vec<Fragment>) -> Vec<Fragment> {
    let mut merged: Vec<Fragment> = Vec::new();
    for fragment in fragments {
        match merged.last_mut() {
            Some(last) if last.weight == fragment.weight => last.text.push_str(&fragment.text),
            _ => merged.push(fragment),
        }
    }
    if merged.is_empty() {
        merged.push(Fragment::new("", 1.0));
    }
    merged
}

/// The token at the beginning of `text` and its length.
fn next(text: &str) -> Option<(Token<'_>, usize)> {
    let first = text.chars().next()?;
    Some(match first {
        '\\' => match text[1..].chars().next().filter(|next| "()[]\\".contains(*next)) {
            Some(_) => (Token::Escaped(&text[1..2]), 2),
            // A lone backslash leaves an empty piece.
            None => (Token::Escaped(""), 1),
        },
        '(' => (Token::Open, 1),
        '[' => (Token::OpenSquare, 1),
        ')' => (Token::Close, 1),
        ']' => (Token::CloseSquare, 1),
        ':' => weight(text).unwrap_or((Token::Text, 1)),
        _ => {
            let length = text.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(text.len());
            (Token::Text, length)
        }
    })
}

/// The weight and closing bracket at the beginning of `text`: `: 1.3 )`.
fn weight(text: &str) -> Option<(Token<'_>, usize)> {
    let after_colon = trim_start(&text[1..]);
    let is_digit = |character: char| character.is_ascii_digit() || character == '.';
    let unsigned = after_colon.strip_prefix(['+', '-']).unwrap_or(after_colon);
    let digits = unsigned.find(|character| !is_digit(character)).unwrap_or(unsigned.len());
    let number = &after_colon[..after_colon.len() - unsigned.len() + digits];
    let end = unsigned[digits..].trim_start_matches(is_space).strip_prefix(')').filter(|_| digits > 0)?;
    let length = text.len() - end.len();
    Some((Token::Weight { written: &text[..length], number }, length))
}
