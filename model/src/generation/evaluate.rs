//! What the UNet predicts for every image at a step, with guidance, and with the deep features or the cross-attention of an
//! earlier step.

use burn::tensor::Tensor;

use super::conditioning::StageConditioning;
use super::steering::{self, Steering};
use super::tiles::Window;
use super::{CHANNELS, Gate, Generation, Reuse, Trace, guidance};
use crate::device::panics::computing;
use crate::error::Result;
use crate::network::unet::{Additions, Conditioning, CrossAttention, TokenMerging, UNet, mixed};
use crate::ops::{floats, on_threads, tensor};
use crate::stage::Stage;

/// Places of the latents of a small image: one of 256×256 pixels.
const SMALL: usize = 32 * 32;

/// The UNet's output for every image, negative first where there is guidance, then part by part, and its deep features.
type Evaluated = (Vec<Vec<f32>>, Vec<Tensor<4>>);

impl Generation {
    /// The model's guided output for every image.
    pub(super) fn predict(&mut self, unet: &UNet, stage: Stage) -> Result<Vec<f32>> {
        let (h, w) = self.size;
        let guided = self.is_guided(self.index);
        let per_image = CHANNELS * h * w;
        let weights = self.conditioning(stage).weights();
        // Negative first where there is guidance, then part by part, each for every image.
        let mut sides = vec![Vec::with_capacity(self.latents.len()); if guided { 1 + weights.len() } else { 1 }];
        for output in self.outputs(unet, stage)? {
            for (side, output) in sides.iter_mut().zip(output.chunks(per_image)) {
                side.extend_from_slice(output);
            }
        }
        let is_first = self.index == self.plan.start && self.evaluations_before == 0;
        if let Some(trace) = self.trace.as_mut().filter(|_| is_first) {
            let shape = [self.settings.count as usize, CHANNELS, h, w];
            trace.keep_floats("first_eps_negative", &shape, &sides[0]);
            for (index, text) in sides[usize::from(guided)..].iter().enumerate() {
                let suffix = if index == 0 { String::new() } else { format!("_{index}") };
                trace.keep_floats(format!("first_eps_text{suffix}"), &shape, text);
            }
        }
        let mut sides = sides.into_iter();
        let first = sides.next().unwrap_or_default();
        let Some(mut text) = sides.next() else { return Ok(first) };
        let scales: Vec<f64> = weights.iter().map(|weight| weight * self.settings.guidance_scale).collect();
        let others: Vec<_> = sides.collect();
        guidance::apply(&mut text, &others, &first, per_image, &scales, self.settings.guidance_rescale);
        Ok(text)
    }

    fn is_guided(&self, index: usize) -> bool {
        guidance::is_guided(&self.settings, &self.scheduler, index) && self.attention_of(index) == index
    }

    fn conditioning(&mut self, stage: Stage) -> &mut StageConditioning {
        self.conditioning[stage as usize].as_mut().expect("every stage with steps is conditioned")
    }

    /// The step that the evaluation `index` belongs to, by which prompts change; in a second pass they have come to their end.
    fn step_of(&self, index: usize) -> usize {
        if self.evaluations_before > 0 { usize::MAX } else { self.scheduler.step_of(index) }
    }

    /// Whether the evaluation at `index` has other texts or adapters than the one before.
    pub(super) fn inputs_change(&self, index: usize) -> bool {
        self.prompts.change_between(self.step_of(index - 1), self.step_of(index))
            || self.controls_at(index) != self.controls_at(index - 1)
            || self.image_prompts_at(index) != self.image_prompts_at(index - 1)
    }

    /// The evaluation whose deep features the one at `index` uses: itself, or an earlier one of the same stage, texts,
    /// batch and adapters.
    pub(super) fn features_of(&self, index: usize) -> usize {
        let every = self.settings.reuse_features as usize;
        let start = self.plan.range(self.plan.stage(index)).start;
        let mut source = start;
        for later in start + 1..=index {
            let guidance_changes = self.is_guided(later) != self.is_guided(later - 1);
            let is_whole = self.inputs_change(later) || self.keeps_attention(later);
            if later - source == every || guidance_changes || is_whole {
                source = later;
            }
        }
        source
    }

    /// Whether the step `next` uses the deep features of an earlier one.
    pub(super) fn reuses_features(&self, next: usize) -> bool {
        next < self.plan.end && self.features_of(next) < next
    }

    /// The latents that a checkpoint has to keep for the next step to reuse features.
    pub(super) fn reused_latents(&self) -> Option<Vec<f32>> {
        self.reuse.latents.clone().filter(|_| self.reuses_features(self.index))
    }

    /// The UNet's outputs at this step.
    fn outputs(&mut self, unet: &UNet, stage: Stage) -> Result<Vec<Vec<f32>>> {
        self.compute_kept_attention(unet, stage)?;
        let source = self.features_of(self.index);
        if source == self.index {
            let latents = self.latents.clone();
            let (outputs, features) = self.evaluate_all(unet, stage, source, &latents, None)?;
            if self.settings.reuse_features > 1 {
                self.reuse = Reuse { latents: Some(latents), features: Some((source, features)) };
            }
            return Ok(outputs);
        }
        let features = match self.reuse.features.take() {
            Some((found, features)) if found == source => features,
            // Resumed between two steps that compute all levels: the first of them is evaluated again.
            _ => {
                let latents = self.reuse.latents.clone().expect("resuming checks that they are there");
                self.evaluate_all(unet, stage, source, &latents, None)?.1
            }
        };
        let latents = self.latents.clone();
        let (outputs, features) = self.evaluate_all(unet, stage, self.index, &latents, Some(features))?;
        self.reuse.features = Some((source, features));
        Ok(outputs)
    }

    /// How much the evaluation `index` merges in image `number`: by a draw of its own, which depends on nothing else.
    fn merging(&self, index: usize, number: usize) -> Option<TokenMerging> {
        let ratio = self.settings.token_merging;
        let evaluation = mixed(self.settings.alone(number as u32).seed) ^ (self.evaluations_before + index) as u64;
        (ratio > 0.0).then(|| TokenMerging { ratio, seed: mixed(evaluation) })
    }

    /// Evaluates every image of `latents` at evaluation `index` of the schedule.
    pub(super) fn evaluate_all(
        &mut self,
        unet: &UNet,
        stage: Stage,
        index: usize,
        latents: &[f32],
        deep: Option<Vec<Tensor<4>>>,
    ) -> Result<Evaluated> {
        let (h, w) = self.size;
        let (step, guided) = (self.step_of(index), self.is_guided(index));
        let batches = self.conditioning(stage).batches(step, guided);
        let timestep = self.scheduler.timesteps()[index];
        let mut inputs = latents.to_vec();
        self.scheduler.scale_model_input(index, &mut inputs)?;
        let (mut outputs, mut features) = (Vec::new(), Vec::new());
        let mut deep = deep.into_iter().flatten();
        let networks = self.steering(index)?;
        let mut kept = Vec::new();
        // One image at a time: memory does not grow with the count.
        for (number, latents) in inputs.chunks(CHANNELS * h * w).enumerate() {
            let image = self.input(stage, number, latents);
            let (cross_attention, merging) = (self.cross_attention(index, number), self.merging(index, number));
            let mut outputs_of_windows = Vec::new();
            for window in self.windows.clone().iter() {
                let [image, latents] = [&image[..], latents].map(|numbers| window.cut(numbers, (h, w)));
                let mut sides: Vec<Vec<f32>> = Vec::new();
                for batch in batches.iter() {
                    let deep = deep.next();
                    let images = self.image_contexts(index, batch);
                    let steered = self.steer(&networks, (&latents, window), timestep, batch, deep.is_some())?;
                    let is_kept = |trace: &Trace| trace.numbers("control_step").is_some();
                    if let (Some(residuals), Some(trace)) =
                        (&steered.residuals, self.trace.as_mut().filter(|trace| !is_kept(trace)))
                    {
                        steering::keep(trace, residuals, index - self.plan.start)?;
                    }
                    let cross_attention = cross_attention.clone();
                    let additions = Additions { images, cross_attention, merging, ..steered };
                    let (output, deep) =
                        self.evaluate(unet, (&image, window.size), timestep, batch, additions, deep)?;
                    self.evaluations += output.len() / latents.len();
                    sides.extend(output.chunks(latents.len()).map(<[f32]>::to_vec));
                    // Kept only where they are used again.
                    features.extend(Some(deep).filter(|_| self.settings.reuse_features > 1));
                }
                outputs_of_windows.push(sides);
            }
            outputs.push(self.windows.join(outputs_of_windows).concat());
            if let CrossAttention::Kept(sums) = cross_attention {
                kept.push(sums.means());
            }
        }
        if !kept.is_empty() {
            self.gate = Gate { latents: Some(latents.to_vec()), kept: Some((index, kept)) };
        }
        Ok((outputs, features))
    }

    /// What steers the UNet for a batch of a window's `latents`, which are all that ControlNets see of it.
    fn steer(
        &self,
        networks: &[Steering],
        (latents, window): (&[f32], Window),
        timestep: f64,
        batch: &Conditioning,
        deep: bool,
    ) -> Result<Additions> {
        if networks.is_empty() {
            return Ok(Additions::default());
        }
        let input = self.repeated(latents, window.size, batch);
        computing("the ControlNet", || Ok(steering::additions(networks, (&input, window), timestep, batch, deep)))
    }

    /// `image` `[channels, h, w]` once for everything in `batch`.
    fn repeated(&self, image: &[f32], (h, w): (usize, usize), batch: &Conditioning) -> Tensor<4> {
        let ([copies, ..], channels) = (batch.context.dims(), image.len() / (h * w));
        tensor(image.repeat(copies), [copies, channels, h, w], self.model.device().device())
    }

    fn evaluate(
        &self,
        unet: &UNet,
        (image, size): (&[f32], (usize, usize)),
        timestep: f64,
        batch: &Conditioning,
        additions: Additions,
        deep: Option<Tensor<4>>,
    ) -> Result<(Vec<f32>, Tensor<4>)> {
        computing("the UNet", || {
            let input = self.repeated(image, size, batch);
            // Of a small image, the kernels are over so soon that waking threads for each takes a good part of the time.
            let is_small = self.model.device().has_kernels() && size.0 * size.1 <= SMALL;
            let forward = || unet.forward_with(input, timestep, batch, additions, deep);
            let (output, deep) = if is_small { on_threads(forward) } else { forward() };
            let output = floats(output)?;
            if output.iter().any(|value| !value.is_finite()) {
                return Err(self.model.explain("the UNet"));
            }
            Ok((output, deep))
        })
    }
}
