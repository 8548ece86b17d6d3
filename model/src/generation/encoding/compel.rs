//! Texts with weights as compel reads them: states are moved away from those of an empty text by their weight, and for each
//! fragment below 1 the states without it are blended in.

use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

use burn::tensor::Tensor;

use super::encoder::{EncodedPart, EncodedText, Encoder, Encoding, check_count};
use crate::error::Result;
use crate::ops::floats;
use crate::prompt::chunks::{self, CHUNK, Chunk, Ending, Piece, ROOM};
use crate::prompt::compel::{Conjunction, Text};

/// The least weight that a fragment is blended with; the blend has no limit at 0.
const LEAST_WEIGHT: f64 = 1e-5;

/// The texts of `conjunction` one after the other; the pooled state is that of the prompt as it is `written`, marks included.
pub(super) fn encode(encoding: &Encoding<'_>, conjunction: &Conjunction, written: &str) -> Result<EncodedPart> {
    let encoders = encoding.encoders();
    let mut states = encoders.iter().map(|encoder| conjoined(encoder, conjunction)).collect::<Result<Vec<_>>>()?;
    let rows = |encoder: &Encoder<'_>, states: &[f32]| states.len() / encoder.width;
    let most = encoders.iter().zip(&states).map(|(encoder, states)| rows(encoder, states)).max().unwrap_or_default();
    let mut side_by_side = Vec::new();
    for (encoder, states) in encoders.iter().zip(&mut states) {
        let empty = encoder.read(&Chunk::empty(encoder.marks), &[])?.hidden;
        filled(states, &floats(empty.clone())?, most * encoder.width);
        side_by_side.push(encoder.states(std::mem::take(states), &empty)?);
    }
    let second = encoders.last().expect("every stage has the second encoder");
    let pieces = second.pieces(written)?;
    let ids: Vec<u32> = pieces.iter().flat_map(|(piece, _)| piece.ids()).take(ROOM).collect();
    let pooled = second.pooled(&Chunk::new(&ids, &vec![1.0; ids.len()], second.marks))?;
    let text = EncodedText { context: vec![Tensor::cat(side_by_side, 2)], pooled };
    Ok(EncodedPart { texts: vec![text], read: None })
}

/// The states of all texts, row-major.
fn conjoined(encoder: &Encoder<'_>, conjunction: &Conjunction) -> Result<Vec<f32>> {
    let empty = floats(encoder.read(&Chunk::empty(encoder.marks), &[])?.hidden)?;
    let mut all = Vec::new();
    for (text, weight) in &conjunction.texts {
        let mut states = match text {
            Text::Flat(fragments) => flat(encoder, fragments, &empty)?,
            Text::Blend { texts, is_normalized } => {
                let blended = texts.iter().map(|(fragments, _)| flat(encoder, fragments, &empty));
                let mut blended = blended.collect::<Result<Vec<_>>>()?;
                let most = blended.iter().map(Vec::len).max().unwrap_or_default();
                blended.iter_mut().for_each(|states| filled(states, &empty, most));
                let weights: Vec<f32> = texts.iter().map(|&(_, weight)| weight as f32).collect();
                sum(&blended, &weights, *is_normalized)
            }
        };
        if *weight != 1.0 {
            away_from(&mut states, &empty, |_| *weight as f32, encoder.width);
        }
        all.append(&mut states);
        check_count(all.len() / (CHUNK * encoder.width))?;
    }
    Ok(all)
}

/// The states of fragments that are read one after the other, row-major.
fn flat(encoder: &Encoder<'_>, fragments: &[(String, f64)], empty: &[f32]) -> Result<Vec<f32>> {
    let (mut tokens, mut ranges) = (Vec::new(), Vec::with_capacity(fragments.len()));
    for (text, weight) in fragments {
        let begin = tokens.len();
        for (piece, _) in encoder.pieces(text)? {
            tokens.extend(with_endings(encoder, &piece).map(|(id, ending)| (id, *weight as f32, ending)));
        }
        ranges.push(begin..tokens.len());
    }
    let chunks = chunks::compel(&tokens, encoder.marks);
    let weakened = |(range, (_, weight)): &(Range<usize>, &(String, f64))| *weight < 1.0 && !range.is_empty();
    let weakened: Vec<_> = ranges.into_iter().zip(fragments).filter(weakened).collect();
    check_count(chunks.len() * (1 + weakened.len()))?;
    let mut versions = vec![read_all(encoder, &chunks, None, empty)?];
    let mut weights = vec![1.0];
    for (range, (_, weight)) in weakened {
        versions.push(read_all(encoder, &chunks, Some(range), empty)?);
        weights.push(((1.0 - weight.max(LEAST_WEIGHT)) * FRAC_PI_2).tan() as f32);
    }
    Ok(match &mut versions[..] {
        [version] => std::mem::take(version),
        versions => sum(versions, &weights, true),
    })
}

/// The ids of `piece` and what ends with each.
fn with_endings<'p>(encoder: &'p Encoder<'_>, piece: &'p Piece) -> impl Iterator<Item = (u32, Ending)> + 'p {
    let last = piece.ids().end - 1;
    piece.ids().map(move |id| {
        let ending = match (piece, encoder.tokenizer.token(id).as_deref()) {
            (Piece::Word(_), _) if id == last => Ending::Word,
            (_, Some(".</w>")) => Ending::Sentence,
            (_, Some(",</w>" | ";</w>" | ":</w>")) => Ending::Phrase,
            (_, Some(token)) if token.ends_with("</w>") => Ending::Word,
            _ => Ending::None,
        };
        (id, ending)
    })
}

/// The weighted states of `chunks`, without the tokens in `ignored`.
fn read_all(
    encoder: &Encoder<'_>,
    chunks: &[(Chunk, Range<usize>)],
    ignored: Option<Range<usize>>,
    empty: &[f32],
) -> Result<Vec<f32>> {
    let mut all = Vec::new();
    for (chunk, tokens) in chunks {
        let places = ignored.as_ref().map(|ignored| ignored_places(ignored, tokens)).unwrap_or_default();
        let mut states = floats(encoder.read(chunk, &places)?.hidden)?;
        away_from(&mut states, empty, |row| chunk.weights[row], encoder.width);
        all.append(&mut states);
    }
    Ok(all)
}

/// The places within a portion of `tokens` that nothing attends to without the tokens in `ignored`: those of these tokens,
/// and where they go on in the next portion what lies between, but never the first and the last place.
fn ignored_places(ignored: &Range<usize>, tokens: &Range<usize>) -> Vec<usize> {
    let place = |token: usize| 1 + token - tokens.start;
    if ignored.end <= tokens.start || ignored.start >= tokens.end {
        return Vec::new();
    }
    let begin = if ignored.start < tokens.start { 1 } else { place(ignored.start) };
    let end = if ignored.end > tokens.end { CHUNK - 1 } else { place(ignored.end) };
    (begin..end.min(CHUNK - 1)).collect()
}

/// Moves states away from those of an empty text by what `weight` gives for a row, where it is not 1.
fn away_from(states: &mut [f32], empty: &[f32], weight: impl Fn(usize) -> f32, width: usize) {
    let rows = states.chunks_mut(width).zip(empty.chunks(width).cycle()).enumerate();
    for (row, (states, empty)) in rows {
        let weight = weight(row);
        if weight != 1.0 {
            states.iter_mut().zip(empty).for_each(|(state, empty)| *state = empty + (*state - empty) * weight);
        }
    }
}

/// The weighted sum of states, by the weights' shares if it is normalized.
fn sum(versions: &[Vec<f32>], weights: &[f32], is_normalized: bool) -> Vec<f32> {
    let total: f32 = if is_normalized { weights.iter().sum() } else { 1.0 };
    let mut summed = vec![0.0; versions.first().map_or(0, Vec::len)];
    for (version, weight) in versions.iter().zip(weights) {
        let share = weight / total;
        summed.iter_mut().zip(version).for_each(|(sum, state)| *sum += state * share);
    }
    summed
}

/// Fills states up to `length` numbers with those of empty texts.
fn filled(states: &mut Vec<f32>, empty: &[f32], length: usize) {
    let missing = length.saturating_sub(states.len());
    states.extend(empty.iter().copied().cycle().take(missing));
}
