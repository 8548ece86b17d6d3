//! Tokens in portions of 75, which is what a text encoder reads at once beside the start and the end of the text.

use std::ops::Range;

/// Tokens that a text encoder reads at once, start and end included.
pub(crate) const CHUNK: usize = 77;
/// Tokens of text among them.
pub(crate) const ROOM: usize = CHUNK - 2;
/// How far back a comma may be at which A1111 cuts a full portion.
const COMMA_DISTANCE: usize = 20;

/// The tokens that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// What begins a portion.
    pub start: u32,
    /// What ends it.
    pub end: u32,
    /// What fills it up.
    pub padding: u32,
}

/// One portion as an encoder reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunk {
    /// [`CHUNK`] ids.
    pub ids: Vec<u32>,
    /// What the state of each is multiplied by.
    pub weights: Vec<f32>,
}

impl Chunk {
    /// `ids` and their weights, at most [`ROOM`], between start and end, filled up.
    pub(crate) fn new(ids: &[u32], weights: &[f32], marks: Marks) -> Self {
        let mut chunk = Self { ids: vec![marks.start], weights: vec![1.0] };
        chunk.ids.extend(ids);
        chunk.ids.push(marks.end);
        chunk.ids.resize(CHUNK, marks.padding);
        chunk.weights.extend(weights);
        chunk.weights.resize(CHUNK, 1.0);
        chunk
    }

    /// A portion without text.
    pub(crate) fn empty(marks: Marks) -> Self {
        Self::new(&[], &[], marks)
    }

    /// The place of the first end-of-text token.
    pub(crate) fn end_of_text(&self, marks: Marks) -> usize {
        self.ids.iter().position(|&id| id == marks.end).unwrap_or(CHUNK - 1)
    }
}

/// What a text is read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A token of the table.
    Token(u32),
    /// The rows of a trained word, which stay together.
    Word(Range<u32>),
}

impl Piece {
    /// Its ids.
    pub(crate) fn ids(&self) -> Range<u32> {
        match self {
            Self::Token(id) => *id..*id + 1,
            Self::Word(rows) => rows.clone(),
        }
    }
}

/// Pieces in portions of [`ROOM`] tokens, wherever these end; at least one.
pub(crate) fn plain(pieces: &[Piece], marks: Marks) -> Vec<Chunk> {
    let ids: Vec<u32> = pieces.iter().flat_map(Piece::ids).collect();
    let mut chunks: Vec<_> = ids.chunks(ROOM).map(|ids| Chunk::new(ids, &vec![1.0; ids.len()], marks)).collect();
    if chunks.is_empty() {
        chunks.push(Chunk::empty(marks));
    }
    chunks
}

/// Fragments of pieces with their weights, `None` where a new portion begins, in portions as A1111 makes them: a full one
/// ends after its last comma, if that is near enough; at least one.
pub(crate) fn a1111(fragments: &[Option<(Vec<Piece>, f32)>], comma: Option<u32>, marks: Marks) -> Vec<Chunk> {
    let mut portions = Portions { marks, chunks: Vec::new(), ids: Vec::new(), weights: Vec::new(), last_comma: None };
    for fragment in fragments {
        let Some((pieces, weight)) = fragment else {
            portions.close();
            continue;
        };
        for piece in pieces {
            let is_full = portions.ids.len() == ROOM;
            if matches!(piece, Piece::Token(id) if Some(*id) == comma) {
                portions.last_comma = Some(portions.ids.len());
            } else if let Some(comma) = portions.last_comma.filter(|&comma| is_full && ROOM - comma <= COMMA_DISTANCE) {
                // What follows the last comma moves to the next portion.
                let moved = (portions.ids.split_off(comma + 1), portions.weights.split_off(comma + 1));
                portions.close();
                (portions.ids, portions.weights) = moved;
            }
            let ids = piece.ids();
            if portions.ids.len() + ids.len() > ROOM {
                portions.close();
            }
            portions.weights.extend(ids.clone().map(|_| *weight));
            portions.ids.extend(ids);
        }
    }
    if !portions.ids.is_empty() || portions.chunks.is_empty() {
        portions.close();
    }
    portions.chunks
}

/// Portions so far, and the one that is being filled.
struct Portions {
    marks: Marks,
    chunks: Vec<Chunk>,
    ids: Vec<u32>,
    weights: Vec<f32>,
    last_comma: Option<usize>,
}

impl Portions {
    fn close(&mut self) {
        let (ids, weights) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.weights));
        self.chunks.push(Chunk::new(&ids, &weights, self.marks));
        self.last_comma = None;
    }
}

/// How compel ends a portion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Within a word.
    None,
    /// After a word.
    Word,
    /// After a comma, semicolon or colon.
    Phrase,
    /// After a full stop.
    Sentence,
}

/// Tokens with their weights and what ends with each, in portions as compel makes them: a text that is too long is cut
/// after a sentence, else after a phrase, else after a word; at least one portion. Beside each the range of its tokens.
pub(crate) fn compel(tokens: &[(u32, f32, Ending)], marks: Marks) -> Vec<(Chunk, Range<usize>)> {
    let mut chunks = Vec::new();
    let mut begin = 0;
    loop {
        let rest = &tokens[begin..];
        let length = if rest.len() <= ROOM { rest.len() } else { best_cut(&rest[..ROOM]) };
        let (ids, weights): (Vec<_>, Vec<_>) = rest[..length].iter().map(|&(id, weight, _)| (id, weight)).unzip();
        chunks.push((Chunk::new(&ids, &weights, marks), begin..begin + length));
        begin += length;
        if begin == tokens.len() {
            return chunks;
        }
    }
}

fn best_cut(tokens: &[(u32, f32, Ending)]) -> usize {
    let last = |endings: &[Ending]| tokens.iter().rposition(|(_, _, ending)| endings.contains(ending));
    let sentence = last(&[Ending::Sentence]);
    let phrase = sentence.or_else(|| last(&[Ending::Sentence, Ending::Phrase]));
    let word = phrase.or_else(|| last(&[Ending::Sentence, Ending::Phrase, Ending::Word]));
    word.map_or(tokens.len(), |place| place + 1)
}
