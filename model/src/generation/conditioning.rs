//! From prompts to what the UNet is conditioned on, step by step.

use std::sync::Arc;

use burn::tensor::Tensor;
use easel_settings::ResolvedSettings;

use super::encoding::{EncodedPart, EncodedText, Encoding, encode};
use super::prompts::Prompts;
use super::words::Words;
use super::{Model, Trace};
use crate::error::{Error, Result};
use crate::network::unet::{Conditioning, TextKeys};
use crate::ops::floats;
use crate::prompt::Part;
use crate::prompt::chunks::CHUNK;
use crate::stage::Stage;
use crate::weights::Component;

/// The refiner's aesthetic score for the prompt and for the negative prompt.
const AESTHETIC_SCORES: (f32, f32) = (6.0, 2.5);
/// How many texts of a part a trace keeps, as the reference does.
const TRACED_TEXTS: usize = 3;

/// Both sides of classifier-free guidance, for one stage.
pub(super) struct StageConditioning {
    /// What guidance pulls towards, at least one.
    positive: Vec<Sequence>,
    /// Absent where there is no guidance.
    negative: Option<Negative>,
    /// What fills up the shorter one of two texts, where that is asked for and lengths differ.
    filling: Option<Tensor<3>>,
    /// Of the positive and of the negative side.
    time_ids: [Vec<f32>; 2],
    /// What was made last, and of which texts.
    batches: Option<(Texts, Arc<[Conditioning]>)>,
}

/// A text that changes over the steps.
struct Sequence {
    weight: f64,
    part: Part,
    encoded: EncodedPart,
}

/// What guidance pulls away from.
enum Negative {
    /// Nothing: zeros, of any length.
    Zeros,
    Text(Sequence),
}

/// The texts of a step: those of the positive parts, and the negative one if the step is guided.
type Texts = (Vec<usize>, Option<usize>);

impl Sequence {
    fn at(&self, index: usize) -> &EncodedText {
        &self.encoded.texts[index]
    }
}

impl StageConditioning {
    /// Encodes `prompts` for `stage` of a generation whose size is resolved. What did not fit into the encoders is reported
    /// in `warnings`.
    pub(super) fn new(
        model: &Model,
        stage: Stage,
        settings: &ResolvedSettings,
        (prompts, words): (&Prompts, &Words),
        (height, width): (u32, u32),
        warnings: &mut Vec<String>,
        trace: Option<&mut Trace>,
    ) -> Result<Self> {
        let index = model.index(stage);
        // As in diffusers, only the prompt's layer is chosen; the negative prompt's stays SDXL's own.
        let skipped = layers_to_skip(model, stage, settings.clip_skip)?;
        let encoding = Encoding { model, stage, words, syntax: prompts.syntax, skipped };
        let of_negative = Encoding { skipped: 0, ..encoding };
        let mut sequence = |encoding: &Encoding<'_>, part: &Part, what: &str| {
            let encoded = encode(encoding, part, what, warnings)?;
            Ok::<_, Error>(Sequence { weight: part.weight, part: part.clone(), encoded })
        };
        let positive = prompts
            .positive
            .parts
            .iter()
            .map(|part| sequence(&encoding, part, "prompt"))
            .collect::<Result<Vec<_>>>()?;
        let guided = settings.guidance_scale > 1.0;
        // A1111 knows no other way for an empty text.
        let zeros = prompts.has_no_negative && (index.force_zeros_for_empty_prompt || prompts.empty_is_zeros());
        let negative = match &prompts.negative.parts[..] {
            _ if !guided && trace.is_none() => None,
            [part, ..] if !zeros => Some(Negative::Text(sequence(&of_negative, part, "negative prompt")?)),
            _ => Some(Negative::Zeros),
        };
        let (original_height, original_width) = settings.original_size.unwrap_or((height, width));
        let (top, left) = settings.crop_top_left;
        let sizes = [original_height, original_width, top, left].map(|size| size as f32).to_vec();
        let ids = |score: f32| {
            let mut ids = sizes.clone();
            if index.requires_aesthetics_score {
                ids.push(score);
            } else {
                ids.extend([height as f32, width as f32]);
            }
            ids
        };
        let time_ids = [ids(AESTHETIC_SCORES.0), ids(AESTHETIC_SCORES.1)];
        let mut conditioning = Self { positive, negative, filling: None, time_ids, batches: None };
        if prompts.is_padded && conditioning.lengths_differ() {
            conditioning.filling = Some(encoding.empty()?);
        }
        if let Some(trace) = trace {
            conditioning.keep(trace, words, model, stage)?;
        }
        if !guided {
            conditioning.negative = None;
        }
        Ok(conditioning)
    }

    /// What guidance multiplies its scale by, part by part.
    pub(super) fn weights(&self) -> Vec<f64> {
        self.positive.iter().map(|sequence| sequence.weight).collect()
    }

    /// The batches of one evaluation of one image at `step`: negative first if it is `guided`, for which there must be a
    /// negative, then the positive parts in their order; without guidance only the first part. The negative and the first
    /// part are one batch if they are equally long.
    pub(super) fn batches(&mut self, step: usize, guided: bool) -> Arc<[Conditioning]> {
        let parts = if guided { &self.positive[..] } else { &self.positive[..1] };
        let positive = parts.iter().map(|sequence| sequence.part.entry_at(step)).collect();
        let negative = self.negative.as_ref().filter(|_| guided).map(|negative| match negative {
            Negative::Zeros => 0,
            Negative::Text(sequence) => sequence.part.entry_at(step),
        });
        let texts = (positive, negative);
        match &self.batches {
            Some((known, batches)) if *known == texts => batches.clone(),
            _ => {
                let batches: Arc<[Conditioning]> = self.make(&texts).into();
                self.batches = Some((texts, batches.clone()));
                batches
            }
        }
    }

    /// Lets go of the last batches, and with them of what the UNet made of their texts; they are made again where needed.
    pub(super) fn release(&mut self) {
        self.batches = None;
    }

    fn make(&self, texts: &Texts) -> Vec<Conditioning> {
        let (positive, negative) = self.contexts(texts);
        let condition = |(context, pooled): (Tensor<3>, Tensor<2>), side: usize| Conditioning {
            context,
            pooled,
            time_ids: self.time_ids[side].clone(),
            negatives: side,
            keys: TextKeys::default(),
        };
        let mut batches: Vec<_> = positive.into_iter().map(|text| condition(text, 0)).collect();
        let Some(negative) = negative.map(|text| condition(text, 1)) else { return batches };
        if negative.context.dims() == batches[0].context.dims() {
            let first = batches[0].clone();
            batches[0] = Conditioning {
                context: Tensor::cat(vec![negative.context, first.context], 0),
                pooled: Tensor::cat(vec![negative.pooled, first.pooled], 0),
                time_ids: [negative.time_ids, first.time_ids].concat(),
                negatives: 1,
                keys: TextKeys::default(),
            };
        } else {
            batches.insert(0, negative);
        }
        batches
    }

    /// States and pooled state of each of `texts`, as long as the UNet reads them.
    #[expect(clippy::type_complexity, reason = "the two sides, taken apart at once")]
    fn contexts(&self, (positive, negative): &Texts) -> (Vec<(Tensor<3>, Tensor<2>)>, Option<(Tensor<3>, Tensor<2>)>) {
        let texts: Vec<_> = self.positive.iter().zip(positive).map(|(sequence, &index)| sequence.at(index)).collect();
        let most = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        let of_negative = negative.and_then(|index| match &self.negative {
            Some(Negative::Text(sequence)) => Some(sequence.at(index)),
            _ => None,
        });
        let filled_to = most.max(of_negative.map_or(0, EncodedText::len));
        let context = |text: &EncodedText, repeated_to: usize| {
            let mut portions = text.context.clone();
            let mut length = text.len();
            if let Some(last) = portions.last().filter(|_| length < repeated_to) {
                let [_, rows, width] = last.dims();
                portions.push(last.clone().narrow(1, rows - 1, 1).expand([1, repeated_to - length, width]));
                length = repeated_to;
            }
            if let Some(filling) = &self.filling {
                portions.extend(std::iter::repeat_n(filling, (filled_to - length) / CHUNK).cloned());
            }
            if portions.len() == 1 { portions.remove(0) } else { Tensor::cat(portions, 1) }
        };
        let positive: Vec<_> = texts.iter().map(|text| (context(text, most), text.pooled.clone())).collect();
        let negative = negative.map(|_| match of_negative {
            Some(text) => (context(text, 0), text.pooled.clone()),
            None => (positive[0].0.zeros_like(), positive[0].1.zeros_like()),
        });
        (positive, negative)
    }

    /// Whether some texts are longer than others.
    fn lengths_differ(&self) -> bool {
        let negative = match &self.negative {
            Some(Negative::Text(sequence)) => Some(sequence),
            _ => None,
        };
        let texts = self.positive.iter().chain(negative).flat_map(|sequence| &sequence.encoded.texts);
        let mut lengths = texts.map(EncodedText::len);
        let first = lengths.next();
        lengths.any(|length| Some(length) != first)
    }

    fn keep(&self, trace: &mut Trace, words: &Words, model: &Model, stage: Stage) -> Result<()> {
        for (index, sequence) in self.positive.iter().enumerate() {
            let suffix = if index == 0 { String::new() } else { format!("_{index}") };
            keep_sequence(trace, sequence, "", &suffix)?;
        }
        let (positive, negative) = self.contexts(&(vec![0; self.positive.len()], self.negative.as_ref().map(|_| 0)));
        match (&self.negative, &negative) {
            (Some(Negative::Text(sequence)), _) if sequence.encoded.read.is_some() => {
                keep_sequence(trace, sequence, "negative_", "")?;
            }
            (_, Some((context, pooled))) => {
                keep_tensors(trace, "negative_", "", vec![context.clone()], vec![pooled.clone()])?;
            }
            (_, None) => {}
        }
        if self.positive[0].encoded.read.is_none() {
            // compel's texts are as long as each other to begin with.
            keep_tensors(trace, "", "", vec![positive[0].0.clone()], vec![positive[0].1.clone()])?;
            return Ok(());
        }
        for (name, found, text) in [
            ("padded_prompt_embeds", positive.first(), self.positive[0].at(0).len()),
            (
                "padded_negative_prompt_embeds",
                negative.as_ref(),
                match &self.negative {
                    Some(Negative::Text(sequence)) => sequence.at(0).len(),
                    _ => usize::MAX,
                },
            ),
        ] {
            if let Some((context, _)) = found.filter(|(context, _)| context.dims()[1] > text) {
                trace.keep_floats(name, &context.dims(), &floats(context.clone())?);
            }
        }
        for (name, is_second) in [("embedding_rows_1", false), ("embedding_rows_2", true)] {
            let component = if is_second { Component::TextEncoder2 } else { Component::TextEncoder };
            let width = model.text_width(stage, component);
            if words.is_empty() || (!is_second && model.tokenizers(stage).first.is_none()) {
                continue;
            }
            let rows =
                (0..words.rows()).map(|row| Ok(words.vector(row, is_second, width)?.unwrap_or_default().to_vec()));
            let rows = rows.collect::<Result<Vec<_>>>()?;
            trace.keep_floats(name, &[rows.len(), width], &rows.concat());
        }
        Ok(())
    }
}

/// How many layers before the last but one `clip_skip` leaves out of each encoder.
fn layers_to_skip(model: &Model, stage: Stage, clip_skip: u32) -> Result<usize> {
    let most = model.text_layers(stage).saturating_sub(1);
    let skipped = clip_skip as usize;
    if skipped <= most {
        return Ok(skipped);
    }
    Err(Error::invalid(
        "clip_skip",
        format!("{skipped} is more than the model's text encoders have: use at most {most}"),
    ))
}

/// What was read and made of a text over the steps, under the reference's names.
fn keep_sequence(trace: &mut Trace, sequence: &Sequence, prefix: &str, suffix: &str) -> Result<()> {
    if let Some(read) = &sequence.encoded.read {
        let portions = |length: usize| [read.texts, length / read.texts / CHUNK, CHUNK];
        for (number, ids) in (1..).zip(&read.ids) {
            if let Some(ids) = ids {
                trace.keep_ids(&format!("{prefix}token_ids_{number}{suffix}"), &portions(ids.len()), ids);
            }
        }
        if let Some(multipliers) = &read.multipliers {
            trace.keep_floats(format!("{prefix}multipliers{suffix}"), &portions(multipliers.len()), multipliers);
        }
    }
    let texts = &sequence.encoded.texts;
    let contexts = texts.iter().take(TRACED_TEXTS).map(|text| Tensor::cat(text.context.clone(), 1)).collect();
    keep_tensors(trace, prefix, suffix, contexts, texts.iter().map(|text| text.pooled.clone()).collect())
}

fn keep_tensors(
    trace: &mut Trace,
    prefix: &str,
    suffix: &str,
    contexts: Vec<Tensor<3>>,
    pooled: Vec<Tensor<2>>,
) -> Result<()> {
    let (contexts, pooled) = (Tensor::cat(contexts, 0), Tensor::cat(pooled, 0));
    trace.keep_floats(format!("{prefix}prompt_embeds{suffix}"), &contexts.dims(), &floats(contexts)?);
    trace.keep_floats(format!("{prefix}pooled{suffix}"), &pooled.dims(), &floats(pooled)?);
    Ok(())
}
