//! Inpainting: what of the latents is held to the init image's, and what a UNet of nine channels sees of it.

mod canvas;
mod fill;
#[cfg(test)]
mod hostile;
mod paste;
mod region;

use crate::error::Result;
use crate::scheduler::Scheduler;
pub(super) use canvas::Canvas;
pub(super) use paste::Paste;

/// Channels that a UNet for inpainting takes beside the latents: the mask, and the latents of the masked image.
pub(super) const SEEN: usize = 5;

/// A generation's inpainting, once the init image is encoded.
pub(super) struct Inpainting {
    /// How much may change at each place of the latents, 0 to 1: `[h, w]`. Only 0 and 1 unless it is differential.
    pub(super) amounts: Vec<f32>,
    /// What the rest is held to, where it is.
    pub(super) held: Option<Held>,
    /// What a UNet of nine channels sees: `[count, 5, h, w]`.
    pub(super) seen: Option<Vec<f32>>,
}

/// The init image's latents and the noise that they get, each `[count, channels, h, w]`.
pub(super) struct Held {
    pub(super) latents: Vec<f32>,
    pub(super) noise: Vec<f32>,
}

/// Where in the schedule latents stand.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    /// Before this evaluation, when this share of the run is done.
    Before(usize, f32),
    /// After the last one.
    Finished,
}

impl Inpainting {
    /// Puts the init image's latents, with the noise of `moment`, where `latents` may not change yet (RePaint, Lugmayr et al.
    /// 2022, without its repetitions; by gray levels Differential Diffusion, Levin & Fried 2023).
    pub(super) fn hold(&self, scheduler: &Scheduler, moment: Moment, latents: &mut [f32]) -> Result<()> {
        let Some(held) = &self.held else { return Ok(()) };
        let noised;
        let (known, done) = match moment {
            Moment::Before(index, done) => {
                noised = scheduler.add_noise(index, &held.latents, &held.noise)?;
                (&noised, done)
            }
            Moment::Finished => (&held.latents, 1.0),
        };
        // A place of amount a changes in the last share a of the run.
        let is_held = |amount: f32| amount == 0.0 || amount < 1.0 - done;
        for (latents, known) in latents.chunks_mut(self.amounts.len()).zip(known.chunks(self.amounts.len())) {
            for ((latent, known), amount) in latents.iter_mut().zip(known).zip(&self.amounts) {
                if is_held(*amount) {
                    *latent = *known;
                }
            }
        }
        Ok(())
    }

    /// What the UNet sees of image `number` beside its latents: `[5, h, w]`, if it does.
    pub(super) fn seen_of(&self, number: usize) -> Option<&[f32]> {
        self.seen.as_ref()?.chunks(SEEN * self.amounts.len()).nth(number)
    }
}
