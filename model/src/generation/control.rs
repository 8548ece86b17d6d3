//! The controls of a generation: which are at work at a step, and what was made of their images.

use burn::tensor::Tensor;

use crate::config::UNetConfig;
use crate::error::{Error, Result};
use crate::network::control_net::Hint;
use crate::request::{Control, is_within};

/// The controls of a generation.
#[derive(Default)]
pub(super) struct Controls {
    pub(super) controls: Vec<Control>,
    identities: Vec<String>,
    /// What was made of the images of some controls, by their numbers, at the size of the pass that goes on.
    pub(super) seen: Vec<(Vec<usize>, Seen)>,
}

/// What was made of control images; the same for every step.
#[derive(Clone)]
pub(super) enum Seen {
    /// By a ControlNet.
    Hint(Box<Hint>),
    /// By a T2I-Adapter.
    Features(Vec<Tensor<4>>),
}

impl Controls {
    /// `controls` for images of these `sizes` (width and height), one after the other, by a UNet like `unet`.
    pub(super) fn new(controls: Vec<Control>, unet: &UNetConfig, sizes: &[(u32, u32)]) -> Result<Self> {
        let identities = identities(&controls);
        let of = |control: &Control| sizes.iter().find_map(|size| control.model.misfit(unet, *size));
        if let Some(misfit) = controls.iter().find_map(of) {
            return Err(Error::invalid("controls", misfit));
        }
        Ok(Self { controls, identities, seen: Vec::new() })
    }

    /// Forgets what was made of their images, before a pass of another size.
    pub(super) fn forget_images(&mut self) {
        self.seen.clear();
    }

    /// What tells them from others, for checkpoints.
    pub(super) fn identities(&self) -> &[String] {
        &self.identities
    }

    /// The numbers of those that are at work at step `index` of `count`.
    pub(super) fn at(&self, index: usize, count: usize) -> Vec<usize> {
        let is_at_work = |control: &Control| is_within(control.start, control.end, index, count);
        (0..self.controls.len()).filter(|&number| is_at_work(&self.controls[number])).collect()
    }

    /// `numbers`, those together that one union looks at together.
    pub(super) fn grouped(&self, numbers: Vec<usize>) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for number in numbers {
            let model = &self.controls[number].model;
            let group = groups.iter_mut().find(|group| model.is_union() && self.controls[group[0]].model == *model);
            match group {
                Some(group) => group.push(number),
                None => groups.push(vec![number]),
            }
        }
        groups
    }
}

/// What tells `controls` from others, for checkpoints.
pub(super) fn identities(controls: &[Control]) -> Vec<String> {
    controls.iter().map(Control::identity).collect()
}
