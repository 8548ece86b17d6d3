//! What a scheduler remembers between steps.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a scheduler remembers between steps, to be saved with a checkpoint. Empty at the start of a run, and always for
/// schedulers whose steps do not depend on earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The latest predicted images, oldest first (DPM-Solver: one, UniPC: up to two), or the slope of the first half of
    /// Heun's step. Each as long as the sample.
    pub outputs: Vec<Vec<f32>>,
    /// The sample from which the step began that is still to be corrected (Heun, UniPC); otherwise empty.
    pub sample: Vec<f32>,
}

impl History {
    /// Whether nothing has been remembered.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.sample.is_empty()
    }

    /// Remembers `output`, and forgets all but the latest `keep`.
    pub(super) fn push(&mut self, output: Vec<f32>, keep: usize) {
        self.outputs.push(output);
        let surplus = self.outputs.len().saturating_sub(keep);
        self.outputs.drain(..surplus);
    }

    /// Checks that this can be the history before evaluation `index` of samples with `count` elements, where the scheduler
    /// remembers up to `outputs` outputs and, if `sample`, a sample with them.
    pub(super) fn check(&self, index: usize, count: usize, outputs: usize, sample: bool) -> Result<()> {
        let expected_sample = if sample && !self.outputs.is_empty() { count } else { 0 };
        let good = self.outputs.len() <= outputs.min(index)
            && self.outputs.iter().all(|output| output.len() == count)
            && self.sample.len() == expected_sample;
        if good {
            return Ok(());
        }
        Err(Error::Checkpoint(format!(
            "the scheduler's history does not belong to step {index} of this run; start the run again"
        )))
    }
}
