//! The beginning of a generation: from a request, or from a checkpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use image::RgbImage;

use super::evaluating::Reuse;
use super::{CHANNELS, Generation, Timings};
use crate::checkpoint::Checkpoint;
use crate::computing::computing;
use crate::conditioning::{StageConditioning, floats, tensor};
use crate::error::{Error, Result};
use crate::model::{Model, Stage};
use crate::noise::NoiseGenerator;
use crate::picture;
use crate::plan::Plan;
use crate::request::Request;
use crate::scheduler::Scheduler;
use crate::trace::Trace;
use crate::vae::SCALE;
use crate::work::Begun;

impl Generation {
    pub(crate) fn start(model: Model, request: Request, traced: bool) -> Result<Self> {
        let from_picture = request.init.is_some();
        let mut run = Self::prepare(model, request, from_picture, traced)?;
        // What is wrong with a prompt shows before the first step.
        if run.plan.start < run.plan.end {
            run.condition(run.plan.stage(run.plan.start))?;
        }
        run.begin()?;
        Ok(run)
    }

    pub(crate) fn resume(model: Model, checkpoint: Checkpoint) -> Result<Self> {
        let fault = |message: &str| Error::Checkpoint(format!("{message}: start the picture again"));
        if checkpoint.model != model.fingerprint() {
            return Err(fault("it was made with another model, or with or without a refiner or a tiny VAE"));
        }
        let from_picture = checkpoint.from_picture;
        let mut run = Self::prepare(model, checkpoint.request, from_picture, false)?;
        // A picture and a start draw noise too; a number takes two words at the most, a draw a few more.
        let most_words = (run.plan.end + 2) * (2 * run.latents_len() + 32);
        let fits = checkpoint.latents.len() == run.latents_len()
            && run.plan.contains(checkpoint.index)
            && run.is_fit_for_reuse(checkpoint.index, checkpoint.reused.as_deref())
            && checkpoint.noise.words <= most_words as u64;
        if !fits {
            return Err(fault("its latents, step or noise do not fit its request"));
        }
        run.scheduler.restore(checkpoint.history);
        run.noise = NoiseGenerator::resume(run.request.seed, checkpoint.noise)?;
        run.latents = checkpoint.latents;
        run.reuse.latents = checkpoint.reused;
        run.index = checkpoint.index;
        Ok(run)
    }

    /// Whether there are latents whose features the evaluation `next` reuses exactly if it does.
    fn is_fit_for_reuse(&self, next: usize, latents: Option<&[f32]>) -> bool {
        let reuses = next < self.plan.end && self.features_of(next) < next;
        match latents {
            Some(latents) => reuses && latents.len() == self.latents_len(),
            None => !reuses,
        }
    }

    /// Everything but the prompt's encoding and the latents.
    fn prepare(model: Model, mut request: Request, from_picture: bool, traced: bool) -> Result<Self> {
        request.validate()?;
        let (width, height) = picture::size(&request, model.unet_config(Stage::Base).sample_size * SCALE)?;
        (request.width, request.height) = (Some(width), Some(height));
        let config = model.scheduler_config();
        let name = match request.scheduler {
            Some(name) => name,
            None => config.default_name()?,
        };
        request.scheduler = Some(name);
        let scheduler = Scheduler::new(name, config, request.steps as usize)?;
        let plan = Plan::new(&request, &scheduler, model.has_refiner(), from_picture)?;
        Ok(Self {
            size: (height as usize / SCALE, width as usize / SCALE),
            plan,
            index: plan.start,
            scheduler,
            latents: Vec::new(),
            denoised: None,
            noise: NoiseGenerator::new(request.seed),
            conditioning: [None, None],
            reuse: Reuse::default(),
            warnings: Vec::new(),
            timings: Timings::new(),
            multiply_adds: BTreeMap::new(),
            steps_time: Duration::ZERO,
            steps_done: 0,
            evaluations: 0,
            trace: traced.then(Trace::default),
            model,
            request,
        })
    }

    /// Encodes the prompt for `stage`.
    pub(super) fn condition(&mut self, stage: Stage) -> Result<()> {
        let began = Begun::now();
        let size = ((self.size.0 * SCALE) as u32, (self.size.1 * SCALE) as u32);
        // The reference traces the first stage only.
        let trace = self.trace.as_mut().filter(|trace| trace.names().next().is_none());
        let conditioning = computing("the text encoders", || {
            StageConditioning::new(&self.model, stage, &self.request, size, &mut self.warnings, trace)
        })?;
        self.conditioning[stage as usize] = Some(conditioning);
        self.model.done_with_text();
        self.spent("text", began);
        Ok(())
    }

    /// Draws the noise and makes the first latents.
    fn begin(&mut self) -> Result<()> {
        let (h, w) = self.size;
        let count = self.request.count as usize;
        let shape = [count, CHANNELS, h, w];
        if let Some(trace) = &mut self.trace {
            let first = NoiseGenerator::new(self.request.seed).normal(shape.iter().product());
            trace.keep_floats("noise", &shape, &first);
            trace.keep_doubles("timesteps", self.scheduler.timesteps());
        }
        self.latents = match self.request.init.take() {
            None => {
                let mut noise = self.noise.normal(self.latents_len());
                let sigma = self.scheduler.init_noise_sigma();
                noise.iter_mut().for_each(|value| *value *= sigma);
                noise
            }
            Some(init) => {
                let began = Begun::now();
                let clean = self.encode(&init)?.repeat(count);
                let noise = self.noise.normal(clean.len());
                self.spent("encode", began);
                self.scheduler.add_noise(self.plan.start, &clean, &noise)?
            }
        };
        Ok(())
    }

    /// A picture's latents, drawn from the VAE's distribution with the generation's first noise.
    fn encode(&mut self, init: &RgbImage) -> Result<Vec<f32>> {
        let (h, w) = self.size;
        let pixels = picture::to_numbers(init, w * SCALE, h * SCALE);
        let noise = self.noise.normal(CHANNELS * h * w);
        computing("the VAE encoder", || {
            let vae = self.model.vae_encoder(Stage::Base)?;
            let device = self.model.device().device();
            let posterior = vae.encode(tensor(pixels, [1, 3, h * SCALE, w * SCALE], device));
            let noise = tensor(noise, [1, CHANNELS, h, w], device);
            floats(vae.scale(posterior.mean + posterior.deviation * noise))
        })
    }
}
