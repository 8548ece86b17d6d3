//! From latents to images: finished ones, and previews on the way.

use image::RgbImage;
use image::imageops;

use super::{CHANNELS, Generation, images, preview};
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::vae::{SCALE, TinyDecoder};
use crate::ops::flops::Stopwatch;
use crate::ops::{floats, tensor};

/// A tiny VAE's preview is a quarter of the image's size.
const PREVIEW: u32 = 4;

impl Generation {
    /// Does the steps that are left and decodes the images.
    ///
    /// # Errors
    /// A failure of files or device; the generation can be tried again.
    pub fn finish(&mut self) -> Result<Vec<RgbImage>> {
        while self.advance()?.is_some() {}
        let began = Stopwatch::start();
        let numbers = 0..self.settings.count as usize;
        let painted = numbers.map(|number| self.painted(number)).collect::<Result<Vec<_>>>()?;
        // The reference puts only what it cut out back into the whole image.
        let is_cut_out = self.paste.as_ref().is_some_and(|paste| paste.region().is_some());
        if !is_cut_out {
            self.keep_result(&painted);
        }
        let images: Vec<_> = painted.into_iter().map(|image| self.pasted(image)).collect();
        if is_cut_out {
            self.keep_result(&images);
        }
        self.spent("decode", began);
        Ok(images)
    }

    /// Image `number`, decoded from where the generation stands: finished once all steps are done.
    ///
    /// # Errors
    /// There is no such image, or a failure of files or device; it can be decoded again.
    pub fn image(&self, number: usize) -> Result<RgbImage> {
        Ok(self.pasted(self.painted(number)?))
    }

    /// An image in its place in the init image, if that is asked for.
    fn pasted(&self, painted: RgbImage) -> RgbImage {
        match &self.paste {
            Some(paste) => paste.apply(painted),
            None => painted,
        }
    }

    fn painted(&self, number: usize) -> Result<RgbImage> {
        let (h, w) = self.size;
        let latents = self.latents.chunks(CHANNELS * h * w).nth(number);
        let latents = latents.ok_or_else(|| Error::invalid("count", format!("there is no image {number}")))?;
        match self.model.tiny_vae()? {
            Some(tiny) => self.decode_tiny(&tiny, latents),
            None => self.decode(latents),
        }
    }

    /// A small image of what image `number` is becoming: with a tiny VAE a quarter of the size, which takes a few
    /// hundredths of a step; without, an eighth, which takes next to nothing.
    pub fn preview(&self, number: usize) -> Option<RgbImage> {
        let (h, w) = self.size;
        let latents = self.denoised.as_ref().unwrap_or(&self.latents);
        let latents = latents.chunks(CHANNELS * h * w).nth(number)?;
        let decoded = self.model.tiny_vae().and_then(|tiny| {
            let Some(tiny) = tiny else { return Ok(None) };
            self.decode_tiny(&tiny, latents).map(Some)
        });
        match decoded {
            Ok(Some(image)) => {
                let (width, height) = image.dimensions();
                Some(imageops::thumbnail(&image, width / PREVIEW, height / PREVIEW))
            }
            Ok(None) => Some(self.rough_preview(latents)),
            Err(error) => {
                // A preview is not worth a generation.
                tracing::warn!(%error, "the tiny VAE made no preview");
                Some(self.rough_preview(latents))
            }
        }
    }

    fn rough_preview(&self, latents: &[f32]) -> RgbImage {
        let (h, w) = self.size;
        let factors = self.model.vae_config().and_then(|config| config.latent_rgb_factors.as_deref());
        preview::from_latents(latents, w, h, factors)
    }

    fn decode(&self, latents: &[f32]) -> Result<RgbImage> {
        let (h, w) = self.size;
        let stage = self.plan.stage(self.plan.end.saturating_sub(1));
        let vae = self.model.vae_decoder(stage)?;
        let device = self.model.device().device();
        let numbers =
            computing("the VAE decoder", || floats(vae.decode(tensor(latents.to_vec(), [1, CHANNELS, h, w], device))))?;
        self.to_image(&numbers, "the VAE decoder")
    }

    fn decode_tiny(&self, tiny: &TinyDecoder, latents: &[f32]) -> Result<RgbImage> {
        let (h, w) = self.size;
        let device = self.model.device().device();
        let numbers =
            computing("the tiny VAE", || floats(tiny.decode(tensor(latents.to_vec(), [1, CHANNELS, h, w], device))))?;
        self.to_image(&numbers, "the tiny VAE")
    }

    /// The image of the numbers that `part` has computed.
    fn to_image(&self, numbers: &[f32], part: &'static str) -> Result<RgbImage> {
        let (h, w) = self.size;
        images::from_numbers(numbers, w * SCALE, h * SCALE).ok_or_else(|| self.model.explain(part))
    }

    fn keep_result(&mut self, images: &[RgbImage]) {
        let Some(trace) = &mut self.trace else { return };
        let (h, w) = self.size;
        trace.keep_floats("final_latents", &[images.len(), CHANNELS, h, w], &self.latents);
        let (width, height) = images.first().map_or((0, 0), RgbImage::dimensions);
        let bytes = images.iter().flat_map(|image| image.as_raw().iter().copied()).collect();
        trace.keep_bytes("image", &[images.len(), height as usize, width as usize, 3], bytes);
    }
}
