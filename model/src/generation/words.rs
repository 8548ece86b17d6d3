//! The trained words that a generation's prompts may use.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::weights::Embedding;

/// Most words of a request.
const MOST_WORDS: usize = 64;

/// Trained words and where their vectors stand behind a tokenizer's table.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<Word>,
    /// What tells these words from others.
    identity: String,
}

#[derive(Debug)]
struct Word {
    embedding: Arc<Embedding>,
    /// The word in lower case, as tokenizers read it.
    letters: Vec<char>,
    /// Its rows, counted from the end of the table.
    rows: Range<u32>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    /// Ordinary text and where it begins.
    Text(&'a str, usize),
    /// The rows of a trained word, counted from the end of the table, and where the word begins.
    Word(Range<u32>, usize),
}

impl Words {
    /// The words of `embeddings`, in their order.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if two are the same word, or there are too many.
    pub(super) fn new(embeddings: &[Arc<Embedding>]) -> Result<Self> {
        if embeddings.len() > MOST_WORDS {
            let message = format!("{} are too many: use at most {MOST_WORDS}", embeddings.len());
            return Err(Error::invalid("embeddings", message));
        }
        let mut words: Vec<Word> = Vec::with_capacity(embeddings.len());
        let mut begin = 0;
        for embedding in embeddings {
            let letters: Vec<char> = embedding.word().chars().flat_map(char::to_lowercase).collect();
            if words.iter().any(|word| word.letters == letters) {
                let message = format!("`{}` is there twice: rename one of the files", embedding.word());
                return Err(Error::invalid("embeddings", message));
            }
            let end = begin + embedding.vectors() as u32;
            words.push(Word { embedding: embedding.clone(), letters, rows: begin..end });
            begin = end;
        }
        let identity = digests(embeddings).join(" ");
        Ok(Self { words, identity })
    }

    /// What tells these words from others, in their order.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// The files' digests, in the order of the words.
    pub(super) fn digests(&self) -> Vec<String> {
        self.words.iter().map(|word| word.embedding.digest().to_owned()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The vector of `row`, counted from the end of the table, for an encoder whose states are `width` wide.
    ///
    /// # Errors
    /// The word's vectors have another width.
    pub(super) fn vector(&self, row: u32, is_second: bool, width: usize) -> Result<Option<&[f32]>> {
        let Some(word) = self.words.iter().find(|word| word.rows.contains(&row)) else { return Ok(None) };
        let place = (row - word.rows.start) as usize;
        Ok(Some(&word.embedding.rows(is_second, width)?[place * width..(place + 1) * width]))
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u32 {
        self.words.last().map_or(0, |word| word.rows.end)
    }

    /// `text` with its trained words, of which a longer one is preferred to a shorter one. A word is one only where no
    /// letter, digit or underscore stands before or after it.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<Segment<'a>> {
        if self.words.is_empty() {
            return vec![Segment::Text(text, 0)];
        }
        let letters: Vec<(usize, char)> = text
            .char_indices()
            .flat_map(|(place, character)| character.to_lowercase().map(move |lower| (place, lower)))
            .collect();
        let place_of = |index: usize| letters.get(index).map_or(text.len(), |&(place, _)| place);
        let mut segments = Vec::new();
        let (mut begin, mut index) = (0, 0);
        while index < letters.len() {
            let fitting = self.words.iter().filter(|word| word.stands_at(&letters, index));
            let Some(word) = fitting.max_by_key(|word| word.letters.len()) else {
                index += 1;
                continue;
            };
            let place = place_of(index);
            if begin < place {
                segments.push(Segment::Text(&text[begin..place], begin));
            }
            segments.push(Segment::Word(word.rows.clone(), place));
            index += word.letters.len();
            begin = place_of(index);
        }
        if begin < text.len() || segments.is_empty() {
            segments.push(Segment::Text(&text[begin..], begin));
        }
        segments
    }
}

impl Word {
    fn stands_at(&self, letters: &[(usize, char)], index: usize) -> bool {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let joins = |first: Option<char>, second: Option<char>| matches!((first, second), (Some(first), Some(second)) if is_part(first) && is_part(second));
        let end = index + self.letters.len();
        let at = |index: usize| letters.get(index).map(|&(_, letter)| letter);
        letters
            .get(index..end)
            .is_some_and(|found| found.iter().map(|&(_, letter)| letter).eq(self.letters.iter().copied()))
            && !joins(index.checked_sub(1).and_then(at), at(index))
            && !joins(at(end - 1), at(end))
    }
}

/// The digests of `embeddings`, in their order.
pub(super) fn digests(embeddings: &[Arc<Embedding>]) -> Vec<String> {
    embeddings.iter().map(|embedding| embedding.digest().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::tensor::{Dtype, TensorView};

    use super::*;

    /// A word with `count` vectors of two numbers.
    fn embedding(word: &str, count: usize) -> Arc<Embedding> {
        let data = vec![0; count * 8];
        let view = || TensorView::new(Dtype::F32, vec![count, 2], &data).expect("a tensor");
        let bytes = safetensors::serialize([("clip_l", view()), ("clip_g", view())], None).expect("a file");
        Arc::new(Embedding::from_bytes(Path::new(&format!("{word}.safetensors")), bytes.into()).expect("an embedding"))
    }

    #[test]
    fn the_longest_whole_word_stands_for_its_rows() {
        let words =
            Words::new(&[embedding("zorb", 2), embedding("zorb-glow", 3), embedding("Ünit", 1)]).expect("words");
        let rows = |text| {
            let rows = words.split(text).into_iter().map(|segment| match segment {
                Segment::Text(text, _) => text.to_owned(),
                Segment::Word(rows, _) => format!("{rows:?}"),
            });
            rows.collect::<Vec<_>>()
        };
        assert_eq!(rows("a zorb, zorb-glow ZORB"), ["a ", "0..2", ", ", "2..5", " ", "0..2"]);
        assert_eq!(rows("zorbs zorb_ 1zorb"), ["zorbs zorb_ 1zorb"]);
        assert_eq!(rows("ünit zorb-"), ["5..6", " ", "0..2", "-"]);
        assert_eq!(rows(""), [""]);
        assert_eq!(rows("zorb"), ["0..2"]);
        assert!(Words::new(&[embedding("a", 1), embedding("A", 1)]).is_err());
    }
}
