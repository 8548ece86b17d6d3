//! Texts with weights as A1111 reads them: the states of each encoder are multiplied by the weights, then brought to the
//! mean that they had, over all texts of the schedule, portion by portion.

use std::collections::HashMap;

use burn::tensor::Tensor;

use super::encoder::{EncodedPart, EncodedText, Encoder, Encoding, ReadTokens, check_count};
use crate::error::Result;
use crate::ops::floats;
use crate::prompt::Fragment;
use crate::prompt::chunks::{self, Chunk, Marks};

/// What the second encoder's portions are filled up with after their end, whatever its tokenizer says.
const SECOND_PADDING: u32 = 0;

/// The portions of one encoder: the different ones at each place, and which of them each text has there.
struct Portions {
    /// By place in the text, then each once.
    different: Vec<Vec<Chunk>>,
    /// By place in the text, then by text.
    chosen: Vec<Vec<usize>>,
}

/// The texts of a schedule.
pub(super) fn encode(encoding: &Encoding<'_>, texts: &[&[Fragment]]) -> Result<EncodedPart> {
    let encoders = encoding.encoders();
    let lists = encoders.iter().map(|encoder| chunks_of_all(encoder, texts)).collect::<Result<Vec<_>>>()?;
    let count = lists.iter().flatten().map(Vec::len).max().unwrap_or_default();
    let portions: Vec<_> = encoders.iter().zip(lists).map(|(encoder, lists)| sorted(encoder, lists, count)).collect();
    check_count(
        portions.iter().map(|portions| portions.different.iter().map(Vec::len).sum()).max().unwrap_or_default(),
    )?;

    let mut context: Vec<Vec<Tensor<3>>> = vec![Vec::with_capacity(count); texts.len()];
    for place in 0..count {
        let states = encoders
            .iter()
            .zip(&portions)
            .map(|(encoder, portions)| weighted(encoder, &portions.different[place], &portions.chosen[place]));
        let states = states.collect::<Result<Vec<_>>>()?;
        let mut joined: HashMap<Vec<usize>, Tensor<3>> = HashMap::new();
        for (text, context) in context.iter_mut().enumerate() {
            let chosen: Vec<usize> = portions.iter().map(|portions| portions.chosen[place][text]).collect();
            let side_by_side = || {
                let states = states.iter().zip(&chosen).map(|(states, &chosen)| states[chosen].clone());
                Tensor::cat(states.collect(), 2)
            };
            context.push(joined.entry(chosen.clone()).or_insert_with(side_by_side).clone());
        }
    }
    let (second, of_second) = encoders.last().zip(portions.last()).expect("every stage has the second encoder");
    let pooled = (0..texts.len()).map(|text| second.pooled(&of_second.different[0][of_second.chosen[0][text]]));
    let pooled = pooled.collect::<Result<Vec<_>>>()?;
    let read = read_tokens(&portions, texts.len());
    let texts = context.into_iter().zip(pooled).map(|(context, pooled)| EncodedText { context, pooled });
    Ok(EncodedPart { texts: texts.collect(), read: Some(read) })
}

/// The portions of each text.
fn chunks_of_all(encoder: &Encoder<'_>, texts: &[&[Fragment]]) -> Result<Vec<Vec<Chunk>>> {
    let mut lists: Vec<Vec<Chunk>> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        // Options that alternate come back.
        let list = match texts[..index].iter().position(|known| known == text) {
            Some(known) => lists[known].clone(),
            None => chunks_of(encoder, text)?,
        };
        lists.push(list);
    }
    Ok(lists)
}

fn chunks_of(encoder: &Encoder<'_>, fragments: &[Fragment]) -> Result<Vec<Chunk>> {
    let fragment = |fragment: &Fragment| {
        if fragment.is_break() {
            return Ok(None);
        }
        let pieces = encoder.pieces(&fragment.text)?.into_iter().map(|(piece, _)| piece).collect();
        Ok(Some((pieces, fragment.weight as f32)))
    };
    let fragments = fragments.iter().map(fragment).collect::<Result<Vec<_>>>()?;
    let marks = marks(encoder);
    let mut chunks = chunks::a1111(&fragments, encoder.tokenizer.id(",</w>"), marks);
    if encoder.is_second() {
        // Whatever follows the first end of a text, should it be written in it, is padding.
        for chunk in &mut chunks {
            let end = chunk.end_of_text(marks);
            chunk.ids[end + 1..].fill(SECOND_PADDING);
        }
    }
    Ok(chunks)
}

fn marks(encoder: &Encoder<'_>) -> Marks {
    let padding = if encoder.is_second() { SECOND_PADDING } else { encoder.marks.end };
    Marks { padding, ..encoder.marks }
}

/// The portions of all texts place by place, the texts filled up to `count` portions.
fn sorted(encoder: &Encoder<'_>, lists: Vec<Vec<Chunk>>, count: usize) -> Portions {
    let empty = Chunk::empty(marks(encoder));
    let mut portions = Portions { different: vec![Vec::new(); count], chosen: vec![Vec::new(); count] };
    for list in lists {
        let filled = list.into_iter().chain(std::iter::repeat(empty.clone())).take(count);
        for (place, chunk) in filled.enumerate() {
            let known = portions.different[place].iter().position(|known| *known == chunk);
            portions.chosen[place].push(known.unwrap_or(portions.different[place].len()));
            if known.is_none() {
                portions.different[place].push(chunk);
            }
        }
    }
    portions
}

/// The states of portions that stand at the same place, multiplied by their weights and brought to the mean that they had;
/// `chosen` are the portions of the texts, which count as often as they are there.
fn weighted(encoder: &Encoder<'_>, portions: &[Chunk], chosen: &[usize]) -> Result<Vec<Tensor<3>>> {
    let states = portions.iter().map(|portion| Ok(encoder.read(portion, &[])?.hidden)).collect::<Result<Vec<_>>>()?;
    if portions.iter().all(|portion| portion.weights.iter().all(|&weight| weight == 1.0)) {
        return Ok(states);
    }
    let mut values = states.iter().map(|states| floats(states.clone())).collect::<Result<Vec<_>>>()?;
    let sum = |values: &[Vec<f32>]| -> f64 {
        let sums: Vec<f64> = values.iter().map(|values| values.iter().copied().map(f64::from).sum()).collect();
        chosen.iter().map(|&chosen| sums[chosen]).sum()
    };
    let before = sum(&values);
    for (values, portion) in values.iter_mut().zip(portions) {
        for (row, &weight) in values.chunks_mut(encoder.width).zip(&portion.weights) {
            row.iter_mut().for_each(|value| *value *= weight);
        }
    }
    let ratio = (before / sum(&values)) as f32;
    let states = values.into_iter().zip(&states).map(|(mut values, states)| {
        values.iter_mut().for_each(|value| *value *= ratio);
        encoder.states(values, states)
    });
    states.collect()
}

fn read_tokens(portions: &[Portions], texts: usize) -> ReadTokens {
    let in_order = |portions: &Portions| -> Vec<Chunk> {
        let places = 0..portions.different.len();
        let of_text = |text: usize| places.clone().map(move |place| (place, text));
        let all = (0..texts).flat_map(of_text);
        all.map(|(place, text)| portions.different[place][portions.chosen[place][text]].clone()).collect()
    };
    let chunks: Vec<Vec<Chunk>> = portions.iter().map(in_order).collect();
    let ids = |chunks: &Vec<Chunk>| chunks.iter().flat_map(|chunk| chunk.ids.clone()).collect::<Vec<u32>>();
    let first = (chunks.len() > 1).then(|| ids(&chunks[0]));
    let multipliers = chunks.last().map(|chunks| chunks.iter().flat_map(|chunk| chunk.weights.clone()).collect());
    ReadTokens { ids: [first, chunks.last().map(ids)], multipliers, texts }
}
