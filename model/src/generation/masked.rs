//! How a generation repaints a part of an image: with a UNet of four channels the rest is held to the init image, one of nine
//! channels sees it (diffusers `StableDiffusionXLInpaintPipeline`).

use easel_settings::MaskContent;

use super::inpainting::{Canvas, Held, Inpainting, Moment, Paste, SEEN};
use super::variation::Variation;
use super::{CHANNELS, Generation, Model};
use crate::error::Result;
use crate::ops::flops::Stopwatch;
use crate::request::Request;
use crate::stage::Stage;

impl Model {
    /// Whether the UNet of `stage` takes a mask and a masked image beside the latents.
    pub(super) fn sees_masks(&self, stage: Stage) -> bool {
        self.unet_config(stage).in_channels > CHANNELS
    }

    /// What of the image that `request` starts from is repainted, at `size` (width and height), what the result is put into,
    /// and what the caller should know. A model for inpainting that is given no mask paints everything.
    pub(super) fn canvas(
        &self,
        request: &Request,
        size: (u32, u32),
    ) -> Result<(Option<Canvas>, Option<Paste>, Vec<String>)> {
        match (&request.init_image, &request.mask) {
            (Some(init), Some(mask)) => {
                let (shaped, warnings) = mask.shaped(init.dimensions(), &request.settings)?;
                let (canvas, paste) = Canvas::new(init, &shaped, size, &request.settings)?;
                Ok((Some(canvas), paste, warnings))
            }
            (init, _) if self.sees_masks(Stage::Base) => {
                Ok((Some(Canvas::unmasked(init.as_ref(), size)), None, Vec::new()))
            }
            _ => Ok((None, None, Vec::new())),
        }
    }
}

/// What tells the mask and init image of `request` from others; none without a mask.
pub(super) fn identity(request: &Request) -> Option<String> {
    request.mask.as_ref().zip(request.init_image.as_ref()).map(|(mask, init)| mask.identity(init))
}

impl Generation {
    /// Encodes what `canvas` has and returns the first latents, which a generation that `resumes` has no use for. Draws as
    /// diffusers does: the init image's posterior, the noise and the masked image's posterior; with nine channels and from
    /// noise alone not the first.
    pub(super) fn begin_inpainting(&mut self, canvas: &Canvas, resumes: bool) -> Result<Vec<f32>> {
        let began = Stopwatch::start();
        let amounts = canvas.amounts();
        let stages = [Stage::Base, Stage::Refiner].into_iter().filter(|stage| !self.plan.range(*stage).is_empty());
        let (seeing, others): (Vec<_>, Vec<_>) = stages.partition(|stage| self.model.sees_masks(*stage));
        let is_differential = self.settings.mask_differential;
        let holds = (!others.is_empty() || is_differential) && amounts.iter().any(|&amount| amount < 1.0);
        let from_noise = !self.plan.from_image || self.settings.strength == 1.0;
        let omits_first = self.model.sees_masks(Stage::Base) && from_noise;

        let len = self.latents_len();
        let mut variation = Variation::of(&self.settings);
        let drawn = if omits_first { 2 } else { 3 };
        let mut draws: Vec<_> = (0..drawn).map(|_| self.first_noise(&mut variation)).collect();
        self.keep_draws(&draws);
        let of_masked = draws.pop().unwrap_or_default();
        let noise = draws.pop().unwrap_or_default();
        let starts_from_image = !from_noise && !resumes;
        // What diffusers has no need to draw comes last.
        let of_init = draws.pop().or_else(|| holds.then(|| self.first_noise(&mut variation)));
        let of_init = of_init.filter(|_| holds || starts_from_image || self.trace.is_some());

        let init = of_init.map(|draw| self.encode(canvas.numbers(), &draw)).transpose()?;
        let masked = if seeing.is_empty() { None } else { Some(self.encode(canvas.masked_numbers(), &of_masked)?) };
        self.keep_encoded(&amounts, init.as_deref(), masked.as_deref());
        let latents = match &init {
            Some(init) if starts_from_image => {
                let started = with_content(init, self.settings.mask_content, &noise, &amounts);
                self.scheduler.add_noise(self.plan.start, &started, &noise)?
            }
            _ => {
                let sigma = self.scheduler.init_noise_sigma();
                noise.iter().map(|value| value * sigma).collect()
            }
        };
        let seen = masked.map(|masked| {
            let mask: Vec<f32> = amounts.iter().map(|&amount| if amount > 0.0 { 1.0 } else { 0.0 }).collect();
            masked.chunks(CHANNELS * amounts.len()).flat_map(|image| [&mask, image].concat()).collect::<Vec<_>>()
        });
        debug_assert!(seen.as_ref().is_none_or(|seen| seen.len() * CHANNELS == len * SEEN));
        let held = init.filter(|_| holds).map(|latents| Held { latents, noise });
        let inpainting = Inpainting { amounts, held, seen };
        let mut latents = latents;
        if is_differential {
            inpainting.hold(&self.scheduler, Moment::Before(self.plan.start, 0.0), &mut latents)?;
        }
        self.inpainting = Some(inpainting);
        self.spent("encode", began);
        Ok(latents)
    }

    /// Holds the latents after the next evaluation, and what they seem to become, to the init image where they may not
    /// change.
    pub(super) fn hold(&self, stage: Stage, latents: &mut [f32], denoised: &mut [f32]) -> Result<()> {
        let Some(inpainting) = &self.inpainting else { return Ok(()) };
        if self.model.sees_masks(stage) && !self.settings.mask_differential {
            return Ok(());
        }
        let (next, total) = (self.index + 1, self.plan.end - self.plan.start);
        let moment = if next == self.plan.end {
            Moment::Finished
        } else {
            Moment::Before(next, (next - self.plan.start) as f32 / total as f32)
        };
        inpainting.hold(&self.scheduler, moment, latents)?;
        inpainting.hold(&self.scheduler, Moment::Finished, denoised)
    }

    /// What the UNet of `stage` is given of image `number`, whose `latents` are scaled for it.
    pub(super) fn input(&self, stage: Stage, number: usize, latents: &[f32]) -> Vec<f32> {
        let seen = self.inpainting.as_ref().filter(|_| self.model.sees_masks(stage));
        let seen = seen.and_then(|inpainting| inpainting.seen_of(number));
        [latents, seen.unwrap_or_default()].concat()
    }

    /// Keeps all that was drawn before the first step.
    pub(super) fn keep_draws(&mut self, draws: &[Vec<f32>]) {
        let shape = [self.settings.count as usize, CHANNELS, self.size.0, self.size.1];
        let Some(trace) = &mut self.trace else { return };
        for (number, draw) in draws.iter().enumerate() {
            trace.keep_floats(format!("draw_{number}"), &shape, draw);
        }
    }

    fn keep_encoded(&mut self, amounts: &[f32], init: Option<&[f32]>, masked: Option<&[f32]>) {
        let (h, w) = self.size;
        let shape = [self.settings.count as usize, CHANNELS, h, w];
        let Some(trace) = &mut self.trace else { return };
        trace.keep_floats("mask_latents", &[1, 1, h, w], amounts);
        for (name, latents) in [("init_latents", init), ("masked_image_latents", masked)] {
            if let Some(latents) = latents {
                trace.keep_floats(name, &shape, latents);
            }
        }
        if let Some(region) = self.paste.as_ref().and_then(Paste::region) {
            trace.keep_ids("crop_region", &[4], &[region.left, region.top, region.right, region.bottom]);
        }
    }
}

/// The init image's latents with what is to stand under the mask at the start.
fn with_content(init: &[f32], content: MaskContent, noise: &[f32], amounts: &[f32]) -> Vec<f32> {
    let of_noise = match content {
        MaskContent::Original | MaskContent::Fill => return init.to_vec(),
        MaskContent::Noise => 1.0,
        MaskContent::Nothing => 0.0,
    };
    let places = init.iter().zip(noise).zip(amounts.iter().cycle());
    places.map(|((init, noise), &amount)| if amount > 0.0 { of_noise * noise } else { *init }).collect()
}
