//! Which evaluations of the schedule a generation does, and which model does them.

use std::ops::Range;

use easel_settings::ResolvedSettings;

use crate::error::{Error, Result};
use crate::scheduler::Scheduler;
use crate::stage::Stage;

/// Evaluations `start..cut` are the base's, `cut..end` the refiner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) start: usize,
    pub(super) cut: usize,
    pub(super) end: usize,
    /// Whether the run starts from an image.
    pub(super) from_image: bool,
}

impl Plan {
    pub(super) fn new(
        settings: &ResolvedSettings,
        scheduler: &Scheduler,
        has_refiner: bool,
        from_image: bool,
    ) -> Result<Self> {
        let start = if from_image { scheduler.strength_range(settings.strength)?.start } else { 0 };
        Self::starting(settings, scheduler, has_refiner, (from_image, start))
    }

    /// Of a run from an image that begins with the evaluation `start`.
    pub(super) fn from_evaluation(
        settings: &ResolvedSettings,
        scheduler: &Scheduler,
        has_refiner: bool,
        start: usize,
    ) -> Result<Self> {
        Self::starting(settings, scheduler, has_refiner, (true, start))
    }

    fn starting(
        settings: &ResolvedSettings,
        scheduler: &Scheduler,
        has_refiner: bool,
        (from_image, start): (bool, usize),
    ) -> Result<Self> {
        let end = scheduler.timesteps().len();
        let cut = if has_refiner && settings.use_refiner {
            scheduler.refiner_range(settings.high_noise_frac)?.start.max(start)
        } else if settings.use_refiner && settings.high_noise_frac == 0.0 {
            return Err(no_refiner());
        } else {
            end
        };
        // However few the steps, pure noise is the base model's.
        let cut = if cut == 0 && !from_image && settings.high_noise_frac > 0.0 {
            scheduler.first_evaluation(1).min(end)
        } else {
            cut
        };
        if cut == 0 && !from_image {
            return Err(Error::invalid(
                "high_noise_frac",
                "0 leaves everything to the refiner, which needs an image to start from: give --init FILE, or a larger fraction",
            ));
        }
        Ok(Self { start, cut, end, from_image })
    }

    /// The model that does evaluation `index`.
    pub(super) fn stage(&self, index: usize) -> Stage {
        if index < self.cut { Stage::Base } else { Stage::Refiner }
    }

    /// The evaluations of `stage`.
    pub(super) fn range(&self, stage: Stage) -> Range<usize> {
        match stage {
            Stage::Base => self.start..self.cut,
            Stage::Refiner => self.cut..self.end,
        }
    }

    /// Whether the refiner takes over from the base at `index`.
    pub(super) fn is_hand_over(&self, index: usize) -> bool {
        index == self.cut && self.start < self.cut
    }

    /// Whether a run can stand at `index`.
    pub(super) fn contains(&self, index: usize) -> bool {
        (self.start..=self.end).contains(&index)
    }
}

/// Refuses a request for a stage that the model does not have.
fn no_refiner() -> Error {
    Error::invalid("high_noise_frac", "0 leaves the image to the refiner alone, and there is none: give --refiner PATH")
}
