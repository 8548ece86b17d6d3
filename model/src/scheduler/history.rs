//! What a scheduler remembers between steps.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a scheduler remembers between steps, to be saved with a checkpoint. Empty at the start of a run, and always for
/// schedulers whose steps do not depend on earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The latest predicted images (multistep DPM-Solver, UniPC), noises (DEIS), outputs (PNDM) or slopes (LMS), oldest first, or the
    /// slope or image of the first half of a step (Heun, single-step DPM-Solver). Each as long as the sample.
    pub outputs: Vec<Vec<f32>>,
    /// The sample from which the step began that is still to be corrected or finished; otherwise empty.
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
        if good { Ok(()) } else { Err(foreign(index)) }
    }

    /// Checks that this can be the history before evaluation `index` of samples with `count` elements, where the scheduler
    /// remembers nothing but, if the evaluation is `halfway` through a step, the sample that the step began with.
    pub(super) fn check_halfway(&self, index: usize, count: usize, halfway: bool) -> Result<()> {
        let expected_sample = if halfway { count } else { 0 };
        if self.outputs.is_empty() && self.sample.len() == expected_sample { Ok(()) } else { Err(foreign(index)) }
    }
}

fn foreign(index: usize) -> Error {
    Error::Checkpoint(format!(
        "the scheduler's history does not belong to step {index} of this run; start the run again"
    ))
}
