//! The second pass: the finished latents of the first one enlarged, with fresh noise over them, and denoised again at the
//! larger size. AUTOMATIC1111's "hires fix" (`sample_hr_pass` in its `modules/processing.py`).
//!
//! The noise is drawn as there: by a generator that begins anew with each image's seed, for the larger size. Prompts that
//! change over the steps have come to their last texts.

use image::RgbImage;

use super::second_pass::SecondPass;
use super::start::seeds;
use super::tiles::Windows;
use super::variation::Variation;
use super::{CHANNELS, Generation, images};
use crate::device::panics::computing;
use crate::error::Result;
use crate::network::vae::SCALE;
use crate::noise::ImageNoise;
use crate::ops::flops::Stopwatch;
use crate::ops::{floats, tensor};
use crate::stage::Stage;

impl Generation {
    /// Begins the second pass from the finished latents of the first.
    ///
    /// # Errors
    /// A failure of files or device; the generation is as it was.
    pub(super) fn begin_second_pass(&mut self) -> Result<()> {
        let Some(second) = self.second.take() else { return Ok(()) };
        let began = Stopwatch::start();
        let enlarged = match self.enlarged(&second) {
            Ok(enlarged) => enlarged,
            Err(error) => {
                self.second = Some(second);
                return Err(error);
            }
        };
        self.enter(second);
        let noise = self.first_noise(&mut Variation::of(&self.settings));
        self.latents = self.scheduler.add_noise(self.plan.start, &enlarged, &noise)?;
        if let Some(trace) = &mut self.trace {
            let shape = [self.settings.count as usize, CHANNELS, self.size.0, self.size.1];
            trace.keep_floats("hires_noise", &shape, &noise);
            trace.keep_floats("hires_init_latents", &shape, &enlarged);
        }
        self.spent("enlarge", began);
        Ok(())
    }

    /// Makes the second pass the one that is going on; its latents are not there yet.
    pub(super) fn enter(&mut self, second: SecondPass) {
        self.evaluations_before = self.plan.end - self.plan.start;
        self.size = second.latent_size();
        self.windows = Windows::new(&self.settings, self.size);
        self.second = None;
        self.plan = second.plan;
        self.index = second.plan.start;
        self.scheduler = second.scheduler;
        self.noise = ImageNoise::new(seeds(&self.settings));
        self.controls.forget_images();
        self.conditioning = [None, None];
        (self.reuse, self.gate) = Default::default();
        self.denoised = None;
        self.pass_began = (self.steps_time, self.steps_done);
    }

    /// The latents that the second pass begins with, without noise: `[count, 4, h, w]`.
    fn enlarged(&mut self, second: &SecondPass) -> Result<Vec<f32>> {
        let (from, to) = (self.size, second.latent_size());
        let Some(enlargement) = &second.enlargement else {
            return Ok(self.latents.chunks(from.0 * from.1).flat_map(|plane| stretched(plane, from, to)).collect());
        };
        // The UNet makes way for the VAE, and for the network.
        self.model.done_with_unet(self.plan.stage(self.plan.end.saturating_sub(1)));
        let mut latents = Vec::with_capacity(self.settings.count as usize * CHANNELS * to.0 * to.1);
        for number in 0..self.settings.count as usize {
            let image = enlargement.enlarge(&self.image(number)?, second.pass.size, &mut |_, _| Ok(()))?;
            latents.extend(self.most_likely_latents(&image, to)?);
        }
        Ok(latents)
    }

    /// The mean of the latents of `image`, whose latents have `h` rows and `w` columns; nothing is drawn, so that the noise is
    /// the same however the image is enlarged.
    fn most_likely_latents(&self, image: &RgbImage, (h, w): (usize, usize)) -> Result<Vec<f32>> {
        let pixels = images::to_numbers(image, w * SCALE, h * SCALE);
        computing("the VAE encoder", || {
            let vae = self.model.vae_encoder(Stage::Base)?;
            let posterior = vae.encode(tensor(pixels, [1, 3, h * SCALE, w * SCALE], self.model.device().device()));
            floats(vae.scale(posterior.mean))
        })
    }
}

/// A plane of `from` rows and columns stretched to `to`, linearly between the middles of its places
/// (`torch.nn.functional.interpolate` with `mode="bilinear"`).
fn stretched(plane: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let between = |place: usize, from: usize, to: usize| {
        let at = ((place as f32 + 0.5) * (from as f32 / to as f32) - 0.5).max(0.0);
        let first = (at as usize).min(from - 1);
        (first, (first + 1).min(from - 1), at - first as f32)
    };
    let columns: Vec<_> = (0..to.1).map(|column| between(column, from.1, to.1)).collect();
    let mut stretched = Vec::with_capacity(to.0 * to.1);
    for row in 0..to.0 {
        let (upper, lower, down) = between(row, from.0, to.0);
        for &(left, right, across) in &columns {
            let line = |row: usize| {
                let (first, second) = (plane[row * from.1 + left], plane[row * from.1 + right]);
                first * (1.0 - across) + second * across
            };
            stretched.push(line(upper) * (1.0 - down) + line(lower) * down);
        }
    }
    stretched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_are_stretched_as_pytorch_stretches_them() {
        // torch.nn.functional.interpolate(torch.tensor([[0., 1., 4.], [2., -3., 5.]])[None, None], size, mode="bilinear")
        let plane = [0.0, 1.0, 4.0, 2.0, -3.0, 5.0];
        let expected = [0.0, 0.4, 1.0, 2.8, 4.0, 1.0, 0.2, -1.0, 2.3, 4.5, 2.0, 0.0, -3.0, 1.8, 5.0];
        let found = stretched(&plane, (2, 3), (3, 5));
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == 15 && worst < 2e-6, "{found:?}");
        assert_eq!(stretched(&plane, (2, 3), (2, 3)), plane);
        assert_eq!(stretched(&[7.0], (1, 1), (2, 2)), [7.0; 4]);
    }
}
