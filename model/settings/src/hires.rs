//! The second pass over an enlarged image, which AUTOMATIC1111 calls "hires fix".

use crate::table::ResolvedSettings;

/// What enlarges the latents themselves.
pub const LATENT_UPSCALER: &str = "latent";
/// What enlarges the decoded image by resampling.
pub const LANCZOS_UPSCALER: &str = "lanczos";

/// The second pass of a generation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HiresPass {
    /// Width and height of the result, in pixels.
    pub size: (u32, u32),
    /// Denoising steps that are done.
    pub steps: u32,
    /// Denoising steps of the whole schedule, of which these are the last.
    pub schedule: u32,
}

impl ResolvedSettings {
    /// The second pass over an image of `width`×`height` pixels, if there is one.
    ///
    /// As in AUTOMATIC1111, its steps are all done; the schedule is as long as makes them the share that the strength says.
    #[must_use]
    pub fn hires_pass(&self, (width, height): (u32, u32)) -> Option<HiresPass> {
        let scale = self.hires_scale?;
        let side = |side: u32| (f64::from(side) * scale + 1e-6) as u32 / 8 * 8;
        let steps = self.hires_steps.unwrap_or(self.steps);
        let schedule = (f64::from(steps) / self.hires_strength.clamp(0.001, 0.999)) as u32;
        Some(HiresPass { size: (side(width), side(height)), steps, schedule: schedule.max(steps) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_pass_is_what_automatic1111_makes_of_it() {
        let settings = ResolvedSettings { hires_scale: Some(1.5), steps: 20, ..ResolvedSettings::new("a heart") };
        let pass = settings.hires_pass((1000, 1016)).expect("there is one");
        assert_eq!(pass, HiresPass { size: (1496, 1520), steps: 20, schedule: 28 });
        let full = ResolvedSettings { hires_strength: 1.0, hires_steps: Some(10), ..settings.clone() };
        assert_eq!(full.hires_pass((64, 64)), Some(HiresPass { size: (96, 96), steps: 10, schedule: 10 }));
        let exact = ResolvedSettings { hires_scale: Some(1.1), ..settings };
        assert_eq!(exact.hires_pass((640, 640)).expect("there is one").size, (704, 704));
        assert_eq!(ResolvedSettings::new("a heart").hires_pass((64, 64)), None);
    }
}
