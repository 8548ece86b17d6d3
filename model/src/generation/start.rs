//! The beginning of a generation: from a request, or from a checkpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use easel_settings::ResolvedSettings;

use super::conditioning::StageConditioning;
use super::control::{self, Controls};
use super::image_prompt::{self, ImagePrompts};
use super::masked::identity;
use super::plan::Plan;
use super::prompts::Prompts;
use super::second_pass::{SecondPass, check_size};
use super::tiles::Windows;
use super::variation::Variation;
use super::words::{Words, digests};
use super::{CHANNELS, Checkpoint, Gate, Generation, Model, Reuse, Timings, Trace, images};
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::vae::SCALE;
use crate::noise::ImageNoise;
use crate::ops::flops::Stopwatch;
use crate::ops::{floats, tensor};
use crate::request::Request;
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use crate::weights::RequestedLora;

impl Model {
    /// Begins a generation: checks the request, encodes the prompt, draws the noise.
    ///
    /// # Errors
    /// A request that this model cannot fulfil, or a failure of files or device.
    pub fn start(&self, request: impl Into<Request>) -> Result<Generation> {
        Generation::start(self.clone(), request.into(), false)
    }

    /// Like [`Self::start`], keeping the intermediate tensors.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_traced(&self, request: impl Into<Request>) -> Result<Generation> {
        Generation::start(self.clone(), request.into(), true)
    }

    /// Continues from a checkpoint of the same model, of a generation without LoRAs and trained words.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model or not consistent in itself.
    pub fn resume(&self, checkpoint: Checkpoint) -> Result<Generation> {
        let request = checkpoint.settings.clone().into();
        self.resume_with(checkpoint, request)
    }

    /// Continues from a checkpoint of the same model with the files that `request` brings, which have to be those that the
    /// generation was started with. Everything else is the checkpoint's.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is of another model, was made with other files, or is not consistent in itself.
    pub fn resume_with(&self, checkpoint: Checkpoint, request: Request) -> Result<Generation> {
        Generation::resume(self.clone(), checkpoint, request)
    }
}

impl Generation {
    fn start(model: Model, request: Request, traced: bool) -> Result<Self> {
        let from_image = request.init_image.is_some();
        let mut run = Self::prepare(model, request, from_image, traced)?;
        // What is wrong with a prompt shows before the first step.
        if run.plan.start < run.plan.end {
            run.condition(run.plan.stage(run.plan.start))?;
            run.read_image_prompts()?;
        }
        run.begin()?;
        Ok(run)
    }

    fn resume(model: Model, checkpoint: Checkpoint, files: Request) -> Result<Self> {
        let fault = |message: &str| Error::Checkpoint(format!("{message}: start the image again"));
        if checkpoint.model != model.fingerprint() {
            return Err(fault(
                "it was made with another model or VAE, in another precision, or with or without a refiner or a tiny VAE",
            ));
        }
        if checkpoint.loras != [&files.loras, &files.refiner_loras].map(|loras| identities(loras)) {
            return Err(fault("it was made with other LoRAs, or with other weights of them; give the same, or"));
        }
        if checkpoint.embeddings != digests(&files.embeddings) {
            return Err(fault("it was made with other embeddings, or in another order; give the same, or"));
        }
        if checkpoint.controls != control::identities(&files.controls) {
            return Err(fault("it was made with other controls, images or scales of them; give the same, or"));
        }
        if checkpoint.image_prompts != image_prompt::identities(&files.image_prompts) {
            return Err(fault("it was made with other image prompts, or with other scales of them; give the same, or"));
        }
        if checkpoint.masked != identity(&files) {
            return Err(fault("it was made with another init image or mask, or without one; give the same, or"));
        }
        if checkpoint.upscaler.is_some()
            && checkpoint.upscaler.as_deref() != files.upscaler.as_ref().map(|file| file.digest())
        {
            return Err(fault("it was made with another upscaler; give the same, or"));
        }
        let from_image = checkpoint.from_image;
        // Without a mask everything that the image gave is in the latents.
        let init_image = files.init_image.filter(|_| files.mask.is_some());
        let request = Request { settings: checkpoint.settings, init_image, ..files };
        let mut run = Self::prepare(model, request, from_image, false)?;
        if run.upscaler != checkpoint.upscaler {
            return Err(fault("its upscaler does not fit its request"));
        }
        if checkpoint.is_second_pass {
            let second =
                run.second.take().ok_or_else(|| fault("it has a second pass that its request does not ask for"))?;
            run.enter(second);
        }
        // Encoding an init image and the start draw noise too; a number takes two words at the most, a draw a few more.
        let (height, width) = run.size;
        let most_words = (run.plan.end + 4) * (2 * CHANNELS * height * width + 32);
        let fits = checkpoint.latents.len() == run.latents_len()
            && run.plan.contains(checkpoint.index)
            && run.has_what_it_needs(run.reuses_features(checkpoint.index), checkpoint.reused.as_deref())
            && run.has_what_it_needs(run.is_behind_gate(checkpoint.index), checkpoint.gate.as_deref())
            && checkpoint.noise.len() == run.settings.count as usize
            && checkpoint.noise.iter().all(|state| state.words <= most_words as u64);
        if !fits {
            return Err(fault("its latents, step or noise do not fit its request"));
        }
        if let Some(canvas) = run.canvas.take() {
            run.begin_inpainting(&canvas, true)?;
            run.init_image = None;
        }
        run.scheduler.restore(checkpoint.history);
        run.noise = ImageNoise::resume(seeds(&run.settings), &checkpoint.noise)?;
        run.latents = checkpoint.latents;
        (run.reuse.latents, run.gate.latents) = (checkpoint.reused, checkpoint.gate);
        run.index = checkpoint.index;
        Ok(run)
    }

    /// Whether there are `latents` of an earlier step exactly if the next one `needs` them.
    fn has_what_it_needs(&self, needs: bool, latents: Option<&[f32]>) -> bool {
        match latents {
            Some(latents) => needs && latents.len() == self.latents_len(),
            None => !needs,
        }
    }

    /// Everything but the prompt's encoding and the latents.
    fn prepare(model: Model, request: Request, from_image: bool, traced: bool) -> Result<Self> {
        request.validate()?;
        let model = model.with_loras_of(&request)?;
        model.keep_adapters_of(&request);
        let (width, height) = request.size(model.native_size())?;
        check_size(&request.settings, (width, height), if width > height { "width" } else { "height" })?;
        let has = (model.has_refiner(), model.vae_config().is_some());
        let second = SecondPass::new(&request, (width, height), model.scheduler_config(), has)?;
        let loras = [&request.loras, &request.refiner_loras].map(|loras| identities(loras));
        let (canvas, paste, of_mask) = model.canvas(&request, (width, height))?;
        if canvas.is_some() && second.is_some() {
            let message = "a second pass has no mask: enlarge the finished image with an upscaler instead";
            return Err(Error::invalid("hires_scale", message));
        }
        let masked = identity(&request);
        let Request { mut settings, init_image, embeddings, controls, image_prompts, loras: requested, .. } = request;
        if let Some(whole) =
            controls.iter().find(|control| settings.tile_size.is_some() && control.model.needs_whole_images())
        {
            let message = format!(
                "`{}` is a T2I-Adapter, which cannot steer tiles: use a ControlNet, or leave out tile_size",
                whole.model.name()
            );
            return Err(Error::invalid("controls", message));
        }
        let sizes: Vec<_> =
            [(width, height)].into_iter().chain(second.as_ref().map(|second| second.pass.size)).collect();
        let controls = Controls::new(controls, model.unet_config(Stage::Base), &sizes)?;
        let image_prompts = ImagePrompts::new(image_prompts);
        (settings.width, settings.height) = (Some(width), Some(height));
        let config = model.scheduler_config();
        let (own, replaced) = config.default_name();
        let name = settings.scheduler.unwrap_or(own);
        let replaced = replaced.filter(|_| settings.scheduler.is_none());
        settings.scheduler = Some(name);
        let scheduler = Scheduler::new(name, config, settings.steps as usize)?;
        let plan = Plan::new(&settings, &scheduler, model.has_refiner(), from_image)?;
        let latents = (height as usize / SCALE, width as usize / SCALE);
        let upscaler = second.as_ref().and_then(SecondPass::upscaler);
        let prompts = Prompts::read(&settings)?;
        let of_prompts = prompts.warnings(settings.guidance_scale, &requested);
        let warnings = replaced.into_iter().chain(of_prompts).chain(of_mask).collect();
        Ok(Self {
            windows: Windows::new(&settings, latents),
            size: latents,
            upscaler,
            evaluations_before: 0,
            second,
            first_from_image: from_image,
            plan,
            index: plan.start,
            scheduler,
            latents: Vec::new(),
            denoised: None,
            noise: ImageNoise::new(seeds(&settings)),
            conditioning: [None, None],
            reuse: Reuse::default(),
            gate: Gate::default(),
            warnings,
            words: Words::new(&embeddings)?,
            controls,
            image_prompts,
            prompts,
            timings: Timings::new(),
            multiply_adds: BTreeMap::new(),
            steps_time: Duration::ZERO,
            steps_done: 0,
            pass_began: (Duration::ZERO, 0),
            evaluations: 0,
            trace: traced.then(Trace::default),
            model,
            settings,
            loras,
            init_image,
            canvas,
            inpainting: None,
            paste,
            masked,
        })
    }

    /// Encodes the prompt for `stage`.
    pub(super) fn condition(&mut self, stage: Stage) -> Result<()> {
        let began = Stopwatch::start();
        let (rows, columns) = self.windows.told_size();
        let size = ((rows * SCALE) as u32, (columns * SCALE) as u32);
        let known = self.warnings.len();
        // The reference traces the first stage only.
        let trace = self.trace.as_mut().filter(|trace| trace.names().next().is_none());
        let conditioning = computing("the text encoders", || {
            let texts = (&self.prompts, &self.words);
            StageConditioning::new(&self.model, stage, &self.settings, texts, size, &mut self.warnings, trace)
        })?;
        self.conditioning[stage as usize] = Some(conditioning);
        // A second pass reads the same prompts.
        let further = self.warnings.split_off(known);
        self.warnings
            .extend(further.into_iter().filter(|warning| !self.warnings.contains(warning)).collect::<Vec<_>>());
        self.model.done_with_text();
        self.spent("text", began);
        Ok(())
    }

    /// Draws the noise and makes the first latents.
    fn begin(&mut self) -> Result<()> {
        let (h, w) = self.size;
        let count = self.settings.count as usize;
        let shape = [count, CHANNELS, h, w];
        let mut variation = Variation::of(&self.settings);
        if let Some(trace) = &mut self.trace {
            let mut first = self.noise.clone().normal(shape.iter().product());
            if let Some(mut variation) = variation.clone() {
                variation.apply(&mut first, self.size);
            }
            trace.keep_floats("noise", &shape, &first);
            trace.keep_doubles("timesteps", self.scheduler.timesteps());
            if let Some(lengths) = self.model.lengths_of_changes()? {
                trace.keep_floats("lora_norms", &[lengths.len()], &lengths);
            }
        }
        self.latents = match (self.canvas.take(), self.init_image.take()) {
            (Some(canvas), _) => self.begin_inpainting(&canvas, false)?,
            (None, None) => {
                let mut noise = self.first_noise(&mut variation);
                let sigma = self.scheduler.init_noise_sigma();
                noise.iter_mut().for_each(|value| *value *= sigma);
                noise
            }
            (None, Some(init)) => {
                let began = Stopwatch::start();
                let draws = [(); 2].map(|()| self.first_noise(&mut variation));
                self.keep_draws(&draws);
                let clean = self.encode(images::to_numbers(&init, w * SCALE, h * SCALE), &draws[0])?;
                self.spent("encode", began);
                self.scheduler.add_noise(self.plan.start, &clean, &draws[1])?
            }
        };
        Ok(())
    }

    /// Noise for every image's latents, varied where that was asked for. What samplers draw later is the seed's own.
    pub(super) fn first_noise(&mut self, variation: &mut Option<Variation>) -> Vec<f32> {
        let mut noise = self.noise.normal(self.latents_len());
        if let Some(variation) = variation {
            variation.apply(&mut noise, self.size);
        }
        noise
    }

    /// For every image the latents of `pixels` `[3, 8h, 8w]`, drawn from the VAE's distribution with the image's `noise`:
    /// `[count, 4, h, w]`.
    pub(super) fn encode(&self, pixels: Vec<f32>, noise: &[f32]) -> Result<Vec<f32>> {
        let (h, w) = self.size;
        computing("the VAE encoder", || {
            let vae = self.model.vae_encoder(Stage::Base)?;
            let device = self.model.device().device();
            let posterior = vae.encode(tensor(pixels, [1, 3, h * SCALE, w * SCALE], device));
            let mut latents = Vec::with_capacity(noise.len());
            for noise in noise.chunks(CHANNELS * h * w) {
                let noise = tensor(noise.to_vec(), [1, CHANNELS, h, w], device);
                let drawn = posterior.mean.clone() + posterior.deviation.clone() * noise;
                latents.extend(floats(vae.scale(drawn))?);
            }
            Ok(latents)
        })
    }
}

/// The seed of every image.
pub(super) fn seeds(settings: &ResolvedSettings) -> impl Iterator<Item = u64> {
    (0..settings.count).map(|index| settings.alone(index).seed)
}

/// What tells `loras` from others.
fn identities(loras: &[RequestedLora]) -> Vec<String> {
    loras.iter().map(RequestedLora::identity).collect()
}
