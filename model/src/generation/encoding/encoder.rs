//! The text encoders of a stage, and what they make of portions of text.

use burn::tensor::{FloatDType, Tensor};
use easel_settings::PromptSyntax;

use crate::error::{Error, Result};
use crate::generation::Model;
use crate::generation::text_cache::TextKey;
use crate::generation::words::{Segment, Words};
use crate::network::text_encoder::{TextEmbedding, TextInput};
use crate::ops::tensor;
use crate::prompt::chunks::{Chunk, Marks, Piece};
use crate::stage::Stage;
use crate::tokenizer::Tokenizer;
use crate::weights::Component;

/// Most portions that the texts of one prompt may have in all, so that no prompt takes memory or time without bound.
const MOST_CHUNKS: usize = 512;

/// A text as the encoders of a stage see it.
#[derive(Clone)]
pub(in crate::generation) struct EncodedText {
    /// The states of each portion, the encoders' side by side: `[1, tokens, width]`.
    pub(in crate::generation) context: Vec<Tensor<3>>,
    /// `[1, projection]`.
    pub(in crate::generation) pooled: Tensor<2>,
}

/// The texts of one part of a prompt, in the order of its entries.
pub(in crate::generation) struct EncodedPart {
    pub(in crate::generation) texts: Vec<EncodedText>,
    /// What was read, for a trace; nothing where the tokens of a text are not one after the other.
    pub(in crate::generation) read: Option<ReadTokens>,
}

/// The tokens of texts.
pub(in crate::generation) struct ReadTokens {
    /// Of the first encoder, if the stage has it, and of the second: one portion after the other, one text after the other.
    pub(in crate::generation) ids: [Option<Vec<u32>>; 2],
    /// What the states are multiplied by, where there are weights.
    pub(in crate::generation) multipliers: Option<Vec<f32>>,
    pub(in crate::generation) texts: usize,
}

impl EncodedText {
    /// How many tokens there are.
    pub(in crate::generation) fn len(&self) -> usize {
        self.context.iter().map(|portion| portion.dims()[1]).sum()
    }
}

/// Encodes texts for a stage.
#[derive(Clone, Copy)]
pub(in crate::generation) struct Encoding<'a> {
    pub(in crate::generation) model: &'a Model,
    pub(in crate::generation) stage: Stage,
    pub(in crate::generation) words: &'a Words,
    pub(in crate::generation) syntax: Option<PromptSyntax>,
    /// Layers left out before the last but one.
    pub(in crate::generation) skipped: usize,
}

impl<'a> Encoding<'a> {
    /// A portion without text, which fills up a prompt that is shorter than the other.
    pub(in crate::generation) fn empty(&self) -> Result<Tensor<3>> {
        let encoders = self.encoders();
        let states = encoders.iter().map(|encoder| {
            let chunk = Chunk::empty(encoder.marks);
            Ok(encoder.read(&chunk, &[])?.hidden)
        });
        Ok(Tensor::cat(states.collect::<Result<_>>()?, 2))
    }

    /// The encoders of the stage in their order; the second is the last.
    pub(super) fn encoders(&self) -> Vec<Encoder<'_>> {
        let tokenizers = self.model.tokenizers(self.stage);
        let first = tokenizers.first.as_ref().map(|tokenizer| self.encoder(Component::TextEncoder, tokenizer));
        first.into_iter().chain([self.encoder(Component::TextEncoder2, &tokenizers.second)]).collect()
    }

    fn encoder(&self, component: Component, tokenizer: &'a Tokenizer) -> Encoder<'_> {
        let (start, end, padding) = tokenizer.marks();
        let width = self.model.text_width(self.stage, component);
        Encoder { encoding: self, component, tokenizer, marks: Marks { start, end, padding }, width }
    }
}

/// One text encoder and its tokenizer.
pub(super) struct Encoder<'a> {
    encoding: &'a Encoding<'a>,
    component: Component,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) marks: Marks,
    /// Of its states.
    pub(super) width: usize,
}

impl Encoder<'_> {
    pub(super) fn is_second(&self) -> bool {
        self.component == Component::TextEncoder2
    }

    /// The id of the first row behind the table.
    fn table_end(&self) -> u32 {
        self.tokenizer.vocabulary_size() as u32
    }

    /// What `text` is read as, and where in it each piece begins.
    pub(super) fn pieces(&self, text: &str) -> Result<Vec<(Piece, usize)>> {
        let mut pieces = Vec::new();
        for segment in self.encoding.words.split(text) {
            match segment {
                Segment::Text(text, begin) => {
                    let tokens = self.tokenizer.tokens(text)?;
                    pieces.extend(tokens.into_iter().map(|(id, place)| (Piece::Token(id), begin + place)));
                }
                Segment::Word(rows, begin) => {
                    let end = self.table_end();
                    pieces.push((Piece::Word(end + rows.start..end + rows.end), begin));
                }
            }
        }
        Ok(pieces)
    }

    /// What the encoder makes of `chunk` without the tokens at the places `ignored`; it is loaded only if it does not know
    /// them yet.
    pub(super) fn read(&self, chunk: &Chunk, ignored: &[usize]) -> Result<TextEmbedding> {
        let Encoding { model, stage, words, skipped, .. } = *self.encoding;
        let mut vectors = Vec::new();
        for (place, &id) in chunk.ids.iter().enumerate() {
            if let Some(row) = id.checked_sub(self.table_end()) {
                vectors.extend(words.vector(row, self.is_second(), self.width)?.map(|vector| (place, vector)));
            }
        }
        let input = TextInput { ids: &chunk.ids, end_of_text: chunk.end_of_text(self.marks), vectors, ignored };
        let merged_as = model.merged_as(stage, self.component);
        let owner = model.owner(stage, self.component);
        let key = TextKey::new(owner, self.component, merged_as, &input, words.identity(), skipped);
        model.texts().get_or_encode(key, || {
            let encoder = if self.is_second() { model.text_encoder_2(stage) } else { model.text_encoder(stage) };
            Ok(encoder?.forward(&input, skipped))
        })
    }

    /// The pooled state of `chunk`.
    pub(super) fn pooled(&self, chunk: &Chunk) -> Result<Tensor<2>> {
        Ok(self.read(chunk, &[])?.pooled.expect("the second encoder is built with its projection"))
    }

    /// States of the host, `[1, tokens, width]`, in the format of `like`.
    pub(super) fn states(&self, values: Vec<f32>, like: &Tensor<3>) -> Result<Tensor<3>> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::invalid("prompt", "has weights that leave no finite numbers: use smaller ones"));
        }
        let shape = [1, values.len() / self.width, self.width];
        Ok(tensor(values, shape, &like.device()).cast(FloatDType::from(like.dtype())))
    }
}

/// Refuses `count` portions if they are too many.
pub(super) fn check_count(count: usize) -> Result<()> {
    if count <= MOST_CHUNKS {
        return Ok(());
    }
    let message = format!("its texts over all steps have {count} portions of 75 tokens: use at most {MOST_CHUNKS}");
    Err(Error::invalid("prompt", message))
}
