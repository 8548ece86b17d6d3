//! From which step on cross-attention is no longer computed (T-GATE, Zhang et al. 2024, "Cross-Attention Makes Inference
//! Cumbersome in Text-to-Image Diffusion Models").
//!
//! The steps before the gate are as always. The last of them keeps, for every transformer block, what cross-attention made:
//! the mean over all texts of the step, which is the paper's mean of the conditional and the unconditional half, and over every
//! part where a prompt has several. The steps behind the gate add this mean in place of cross-attention. They are not guided:
//! the UNet evaluates one side, with the prompt's pooled text, where the paper's code has the negative prompt's. What image
//! prompts add is part of what is kept; what ControlNets and T2I-Adapters add is computed at every step.
//!
//! Where a text, a control or an image prompt changes behind the gate, and where the refiner takes over, the step is computed
//! whole, with guidance, and kept anew. The self-attention that later versions of the paper reuse is always computed.

use super::Generation;
use crate::error::Result;
use crate::network::unet::{CrossAttention, UNet};
use crate::stage::Stage;

impl Generation {
    /// The evaluation whose cross-attention the one at `index` has: itself, or an earlier one of the same stage, texts and
    /// adapters. Both evaluations of a second-order step are computed, or neither is.
    pub(super) fn attention_of(&self, index: usize) -> usize {
        let Some(gate) = self.settings.attention_gate else { return index };
        let start = self.plan.range(self.plan.stage(index)).start;
        let mut source = start;
        for later in start + 1..=index {
            let (step, count) = self.place_of(later);
            let is_of_the_same_step = self.scheduler.step_of(later) == self.scheduler.step_of(source);
            if step < steps_before(gate, count) || is_of_the_same_step || self.inputs_change(later) {
                source = later;
            }
        }
        source
    }

    /// Whether a later evaluation has the cross-attention of the one at `index`.
    pub(super) fn keeps_attention(&self, index: usize) -> bool {
        let end = self.plan.range(self.plan.stage(index)).end;
        self.settings.attention_gate.is_some() && index + 1 < end && self.attention_of(index + 1) == index
    }

    /// Whether the next step does not compute its own cross-attention.
    pub(super) fn is_behind_gate(&self, next: usize) -> bool {
        next < self.plan.end && self.attention_of(next) < next
    }

    /// The latents that a checkpoint has to keep for the next step to have the cross-attention of an earlier one.
    pub(super) fn gate_latents(&self) -> Option<Vec<f32>> {
        self.gate.latents.clone().filter(|_| self.is_behind_gate(self.index))
    }

    /// What the evaluation `index` does about the cross-attention of image `number`.
    pub(super) fn cross_attention(&self, index: usize, number: usize) -> CrossAttention {
        let source = self.attention_of(index);
        if source == index {
            let keeps = self.keeps_attention(index);
            return if keeps { CrossAttention::Kept(Default::default()) } else { CrossAttention::Computed };
        }
        let kept = self.gate.kept.as_ref().filter(|(found, _)| *found == source);
        let (_, kept) = kept.expect("the step before has it, or it was computed again");
        CrossAttention::Reused(kept[number].clone())
    }

    /// After resuming behind the gate, evaluates again the step whose cross-attention the next one has.
    pub(super) fn compute_kept_attention(&mut self, unet: &UNet, stage: Stage) -> Result<()> {
        let source = self.attention_of(self.index);
        let is_there = self.gate.kept.as_ref().is_some_and(|(found, _)| *found == source);
        if source == self.index || is_there {
            return Ok(());
        }
        let latents = self.gate.latents.clone().expect("resuming checks that they are there");
        self.evaluate_all(unet, stage, source, &latents, None).map(drop)
    }
}

/// How many of `count` steps are before the `gate`, a share of them: at least one.
fn steps_before(gate: f64, count: usize) -> usize {
    // A share such as 0.4 of 25 is a hair more than 10.
    ((gate * count as f64 - 1e-9).ceil() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_steps_is_rounded_up() {
        for (gate, count, before) in
            [(0.4, 25, 10), (0.0, 25, 1), (1.0, 25, 25), (0.34, 3, 2), (1.0 / 3.0, 30, 10), (0.01, 50, 1), (0.1, 1, 1)]
        {
            assert_eq!(steps_before(gate, count), before, "{gate} of {count}");
        }
    }
}
