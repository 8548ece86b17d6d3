//! Texts without marks.

use burn::tensor::Tensor;
use easel_settings::shortened;

use super::encoder::{EncodedPart, EncodedText, Encoding, ReadTokens, check_count};
use crate::error::{Error, Result};
use crate::ops::at_once;
use crate::prompt::chunks::{self, Chunk, Piece, ROOM};

/// `text` as far as the encoders read it at once, as diffusers does.
pub(super) fn encode_cut(
    encoding: &Encoding<'_>,
    text: &str,
    what: &str,
    warnings: &mut Vec<String>,
) -> Result<EncodedPart> {
    let mut cut = Vec::new();
    for encoder in encoding.encoders() {
        let pieces = encoder.pieces(text)?;
        let ids: Vec<(u32, usize)> =
            pieces.iter().flat_map(|(piece, place)| piece.ids().map(move |id| (id, *place))).collect();
        let kept: Vec<u32> = ids.iter().take(ROOM).map(|&(id, _)| id).collect();
        cut.push(vec![Chunk::new(&kept, &vec![1.0; kept.len()], encoder.marks)]);
        if let Some(&(_, dropped)) = ids.get(ROOM) {
            let warning = format!(
                "the {what} is too long: the model ignored everything from “{}” on",
                shortened(text[dropped..].trim(), REPEATED)
            );
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    encode(encoding, cut)
}

/// Most characters of what a warning repeats.
const REPEATED: usize = 60;

/// `text` however long it is, in portions.
pub(super) fn encode_all(encoding: &Encoding<'_>, text: &str) -> Result<EncodedPart> {
    let all = encoding.encoders().into_iter().map(|encoder| {
        let pieces: Vec<Piece> = encoder.pieces(text)?.into_iter().map(|(piece, _)| piece).collect();
        Ok(chunks::plain(&pieces, encoder.marks))
    });
    encode(encoding, all.collect::<Result<_>>()?)
}

/// The portions of every encoder.
fn encode(encoding: &Encoding<'_>, mut portions: Vec<Vec<Chunk>>) -> Result<EncodedPart> {
    let encoders = encoding.encoders();
    let count = portions.iter().map(Vec::len).max().unwrap_or_default();
    check_count(count)?;
    for (encoder, portions) in encoders.iter().zip(&mut portions) {
        portions.resize(count, Chunk::empty(encoder.marks));
    }
    let states_of = |index: usize| -> Result<Tensor<3>> {
        let read = |encoder: usize| Ok::<_, Error>(encoders[encoder].read(&portions[encoder][index], &[])?.hidden);
        let states = if encoders.len() == 2 && encoding.model.device().has_kernels() {
            // Neither has enough to do between two kernels for all threads.
            let (first, second) = at_once(|| read(0), || read(1));
            vec![first?, second?]
        } else {
            (0..encoders.len()).map(read).collect::<Result<_>>()?
        };
        Ok(Tensor::cat(states, 2))
    };
    let context = (0..count).map(states_of).collect::<Result<_>>()?;
    let (second, chunks) = encoders.last().zip(portions.last()).expect("every stage has the second encoder");
    let pooled = second.pooled(&chunks[0])?;
    let mut ids = portions.iter().map(|chunks| chunks.iter().flat_map(|chunk| chunk.ids.clone()).collect::<Vec<_>>());
    let first = if encoders.len() > 1 { ids.next() } else { None };
    let read = ReadTokens { ids: [first, ids.next()], multipliers: None, texts: 1 };
    Ok(EncodedPart { texts: vec![EncodedText { context, pooled }], read: Some(read) })
}
