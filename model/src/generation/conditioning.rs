//! From a prompt to what the UNet is conditioned on.

use burn::tensor::Tensor;

use super::text_cache::TextKey;
use super::{Model, Trace};
use easel_settings::ResolvedSettings;

use crate::error::{Error, Result};
use crate::network::text_encoder::TextEmbedding;
use crate::network::unet::Conditioning;
use crate::ops::floats;
use crate::stage::Stage;
use crate::tokenizer::Tokens;
use crate::weights::Component;

/// The refiner's aesthetic score for the prompt and for the negative prompt.
const AESTHETIC_SCORES: (f32, f32) = (6.0, 2.5);

/// Both sides of classifier-free guidance, for one stage.
pub(super) struct StageConditioning {
    pub(super) positive: Conditioning,
    /// Absent where there is no guidance.
    pub(super) negative: Option<Conditioning>,
}

/// One text as the encoders of a stage see it.
struct EncodedText {
    context: Tensor<3>,
    pooled: Tensor<2>,
}

impl StageConditioning {
    /// Encodes the prompts of `request` (whose size is resolved) for `stage`. What did not fit into
    /// the encoders is reported in `warnings`.
    pub(super) fn new(
        model: &Model,
        stage: Stage,
        settings: &ResolvedSettings,
        (height, width): (u32, u32),
        warnings: &mut Vec<String>,
        trace: Option<&mut Trace>,
    ) -> Result<Self> {
        let index = model.index(stage);
        // As in diffusers, only the prompt's layer is chosen; the negative prompt's stays SDXL's own.
        let skipped = layers_to_skip(model, stage, settings.clip_skip)?;
        let positive = encode(model, stage, "prompt", &settings.prompt, skipped, warnings)?;
        let guided = settings.guidance_scale > 1.0;
        let negative = if guided || trace.is_some() {
            Some(match &settings.negative_prompt {
                None if index.force_zeros_for_empty_prompt => {
                    EncodedText { context: positive.context.zeros_like(), pooled: positive.pooled.zeros_like() }
                }
                text => encode(model, stage, "negative prompt", text.as_deref().unwrap_or(""), 0, warnings)?,
            })
        } else {
            None
        };
        if let Some(trace) = trace {
            keep(trace, model, stage, settings, &positive, negative.as_ref())?;
        }
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
        let condition = |encoded: EncodedText, score| Conditioning {
            context: encoded.context,
            pooled: encoded.pooled,
            time_ids: ids(score),
        };
        Ok(Self {
            positive: condition(positive, AESTHETIC_SCORES.0),
            negative: negative.filter(|_| guided).map(|encoded| condition(encoded, AESTHETIC_SCORES.1)),
        })
    }

    /// The batch of one evaluation of one image: negative first if it is `guided`, for which there must be a negative.
    pub(super) fn batch(&self, guided: bool) -> Conditioning {
        let Some(negative) = self.negative.as_ref().filter(|_| guided) else { return self.positive.clone() };
        let (negative, positive) = (negative.clone(), self.positive.clone());
        Conditioning {
            context: Tensor::cat(vec![negative.context, positive.context], 0),
            pooled: Tensor::cat(vec![negative.pooled, positive.pooled], 0),
            time_ids: [negative.time_ids, positive.time_ids].concat(),
        }
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

/// The states of the stage's encoders side by side, `skipped` layers before the last but one, and the second one's pooled
/// state.
fn encode(
    model: &Model,
    stage: Stage,
    what: &str,
    text: &str,
    skipped: usize,
    warnings: &mut Vec<String>,
) -> Result<EncodedText> {
    let tokenizers = model.tokenizers(stage);
    let mut note = |tokens: &Tokens| {
        if let Some(dropped) = &tokens.dropped {
            let warning = format!("the {what} is longer than the model reads; left out: `{dropped}`");
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    };
    let tokens = tokenizers.second.encode(text)?;
    note(&tokens);
    let second = embed(model, stage, Component::TextEncoder2, &tokens, skipped)?;
    let pooled = second.pooled.expect("the second encoder is built with its projection");
    let context = match &tokenizers.first {
        Some(tokenizer) => {
            let tokens = tokenizer.encode(text)?;
            note(&tokens);
            let first = embed(model, stage, Component::TextEncoder, &tokens, skipped)?;
            Tensor::cat(vec![first.hidden, second.hidden], 2)
        }
        None => second.hidden,
    };
    Ok(EncodedText { context, pooled })
}

/// What one encoder makes of `tokens`; the encoder is loaded only if it does not know them yet.
fn embed(model: &Model, stage: Stage, component: Component, tokens: &Tokens, skipped: usize) -> Result<TextEmbedding> {
    let merged_as = model.merged_as(stage, component);
    let key = TextKey::new(model.owner(stage, component), component, merged_as, tokens, skipped);
    model.texts().get_or_encode(key, || {
        let encoder = match component {
            Component::TextEncoder => model.text_encoder(stage),
            _ => model.text_encoder_2(stage),
        };
        Ok(encoder?.forward(&tokens.ids, tokens.end_of_text, skipped))
    })
}

fn keep(
    trace: &mut Trace,
    model: &Model,
    stage: Stage,
    settings: &ResolvedSettings,
    positive: &EncodedText,
    negative: Option<&EncodedText>,
) -> Result<()> {
    let tokenizers = model.tokenizers(stage);
    if let Some(first) = &tokenizers.first {
        trace.keep_ids("token_ids_1", &first.encode(&settings.prompt)?.ids);
    }
    trace.keep_ids("token_ids_2", &tokenizers.second.encode(&settings.prompt)?.ids);
    for (prefix, encoded) in [("", Some(positive)), ("negative_", negative)] {
        let Some(encoded) = encoded else { continue };
        let context = if prefix.is_empty() { "prompt_embeds" } else { "negative_prompt_embeds" };
        trace.keep_floats(context, &encoded.context.dims(), &floats(encoded.context.clone())?);
        trace.keep_floats(format!("{prefix}pooled"), &encoded.pooled.dims(), &floats(encoded.pooled.clone())?);
    }
    Ok(())
}
