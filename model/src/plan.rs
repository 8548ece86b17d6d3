//! Which evaluations of the schedule a generation does, and which model does them.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::model::{Stage, no_refiner};
use crate::request::Request;
use crate::scheduler::Scheduler;

/// Evaluations `start..cut` are the base's, `cut..end` the refiner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) start: usize,
    pub(crate) cut: usize,
    pub(crate) end: usize,
    /// Whether the run starts from a picture.
    pub(crate) from_picture: bool,
}

impl Plan {
    pub(crate) fn new(request: &Request, scheduler: &Scheduler, has_refiner: bool, from_picture: bool) -> Result<Self> {
        let end = scheduler.timesteps().len();
        let start = if from_picture { scheduler.strength_range(request.strength)?.start } else { 0 };
        let cut = if has_refiner && request.use_refiner {
            scheduler.refiner_range(request.high_noise_frac)?.start.max(start)
        } else if request.use_refiner && request.high_noise_frac == 0.0 {
            return Err(no_refiner());
        } else {
            end
        };
        // However few the steps, pure noise is the base model's.
        let cut = if cut == 0 && !from_picture && request.high_noise_frac > 0.0 {
            scheduler.evaluations_per_step().min(end)
        } else {
            cut
        };
        if cut == 0 && !from_picture {
            return Err(Error::invalid(
                "high_noise_frac",
                "0 leaves everything to the refiner, which needs a picture to start from: give --init FILE, or a larger fraction",
            ));
        }
        Ok(Self { start, cut, end, from_picture })
    }

    /// The model that does evaluation `index`.
    pub(crate) fn stage(&self, index: usize) -> Stage {
        if index < self.cut { Stage::Base } else { Stage::Refiner }
    }

    /// The evaluations of `stage`.
    pub(crate) fn range(&self, stage: Stage) -> Range<usize> {
        match stage {
            Stage::Base => self.start..self.cut,
            Stage::Refiner => self.cut..self.end,
        }
    }

    /// Whether the refiner takes over from the base at `index`.
    pub(crate) fn is_hand_over(&self, index: usize) -> bool {
        index == self.cut && self.start < self.cut
    }

    /// Whether a run can stand at `index`.
    pub(crate) fn contains(&self, index: usize) -> bool {
        (self.start..=self.end).contains(&index)
    }
}
