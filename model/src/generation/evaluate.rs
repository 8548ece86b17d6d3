//! What the UNet predicts for every image at a step, with guidance, and with the deep features of an earlier step.

use burn::tensor::Tensor;

use super::{CHANNELS, Generation, Reuse, guidance};
use crate::device::panics::computing;
use crate::error::Result;
use crate::network::unet::{Conditioning, UNet};
use crate::ops::{floats, tensor};
use crate::stage::Stage;

/// The UNet's output for every image, negative first where there is guidance, and its deep features.
type Evaluated = (Vec<Vec<f32>>, Vec<Tensor<4>>);

impl Generation {
    /// The model's guided output for every image.
    pub(super) fn predict(&mut self, unet: &UNet, stage: Stage) -> Result<Vec<f32>> {
        let (h, w) = self.size;
        let guided = self.is_guided(self.index);
        let per_image = CHANNELS * h * w;
        let mut text = Vec::with_capacity(self.latents.len());
        let mut negative = Vec::new();
        for output in self.outputs(unet, stage)? {
            let (without, with) = output.split_at(output.len() - per_image);
            negative.extend_from_slice(without);
            text.extend_from_slice(with);
        }
        if let Some(trace) = self.trace.as_mut().filter(|_| self.index == self.plan.start) {
            let shape = [self.settings.count as usize, CHANNELS, h, w];
            trace.keep_floats("first_eps_text", &shape, &text);
            trace.keep_floats("first_eps_negative", &shape, if guided { &negative } else { &text });
        }
        if guided {
            let (scale, rescale) = (self.settings.guidance_scale, self.settings.guidance_rescale);
            guidance::apply(&mut text, &negative, per_image, scale, rescale);
        }
        Ok(text)
    }

    fn is_guided(&self, index: usize) -> bool {
        guidance::is_guided(&self.settings, &self.scheduler, index)
    }

    /// The evaluation whose deep features the one at `index` uses: itself, or an earlier one of the same stage and batch.
    pub(super) fn features_of(&self, index: usize) -> usize {
        let every = self.settings.reuse_features as usize;
        let start = self.plan.range(self.plan.stage(index)).start;
        let mut source = start;
        for later in start + 1..=index {
            if later - source == every || self.is_guided(later) != self.is_guided(later - 1) {
                source = later;
            }
        }
        source
    }

    /// The latents that a checkpoint has to keep for the next step to reuse features.
    pub(super) fn reused_latents(&self) -> Option<Vec<f32>> {
        let reuses = self.index < self.plan.end && self.features_of(self.index) < self.index;
        self.reuse.latents.clone().filter(|_| reuses)
    }

    /// The UNet's outputs at this step.
    fn outputs(&mut self, unet: &UNet, stage: Stage) -> Result<Vec<Vec<f32>>> {
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

    /// Evaluates every image of `latents` at evaluation `index` of the schedule.
    fn evaluate_all(
        &mut self,
        unet: &UNet,
        stage: Stage,
        index: usize,
        latents: &[f32],
        deep: Option<Vec<Tensor<4>>>,
    ) -> Result<Evaluated> {
        let (h, w) = self.size;
        let conditioning = self.conditioning[stage as usize].as_ref().expect("every stage with steps is conditioned");
        let batch = conditioning.batch(self.is_guided(index));
        let timestep = self.scheduler.timesteps()[index];
        let mut inputs = latents.to_vec();
        self.scheduler.scale_model_input(index, &mut inputs)?;
        let (mut outputs, mut features) = (Vec::new(), Vec::new());
        let mut deep = deep.into_iter().flatten();
        // One image at a time: memory does not grow with the count.
        for image in inputs.chunks(CHANNELS * h * w) {
            let (output, deep) = self.evaluate(unet, image, timestep, &batch, deep.next())?;
            self.evaluations += output.len() / image.len();
            outputs.push(output);
            // Kept only where they are used again.
            features.extend(Some(deep).filter(|_| self.settings.reuse_features > 1));
        }
        Ok((outputs, features))
    }

    fn evaluate(
        &self,
        unet: &UNet,
        image: &[f32],
        timestep: f64,
        batch: &Conditioning,
        deep: Option<Tensor<4>>,
    ) -> Result<(Vec<f32>, Tensor<4>)> {
        let (h, w) = self.size;
        let [copies, ..] = batch.context.dims();
        let device = self.model.device().device();
        computing("the UNet", || {
            let input: Tensor<4> = tensor(image.repeat(copies), [copies, CHANNELS, h, w], device);
            let (output, deep) = unet.forward_reusing(input, timestep, batch, deep);
            let output = floats(output)?;
            if output.iter().any(|value| !value.is_finite()) {
                return Err(self.model.explain("the UNet"));
            }
            Ok((output, deep))
        })
    }
}
