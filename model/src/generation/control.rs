//! The controls of a generation: which are at work at a step, and what was made of their images.

use burn::tensor::Tensor;

use crate::config::UNetConfig;
use crate::error::{Error, Result};
use crate::network::control_net::Hint;
use crate::request::{Control, is_within};
use crate::resample::{Filter, resize};

/// The controls of a generation.
#[derive(Default)]
pub(super) struct Controls {
    /// Their images are of the generation's size.
    pub(super) controls: Vec<Control>,
    identities: Vec<String>,
    /// What was made of the images of some controls, by their numbers.
    pub(super) seen: Vec<(Vec<usize>, Seen)>,
}

/// What was made of control images; the same for every step.
#[derive(Clone)]
pub(super) enum Seen {
    /// By a ControlNet.
    Hint(Hint),
    /// By a T2I-Adapter.
    Features(Vec<Tensor<4>>),
}

impl Controls {
    /// `controls` for a generation of images of `width`×`height` by a UNet like `unet`.
    pub(super) fn new(controls: Vec<Control>, unet: &UNetConfig, (width, height): (u32, u32)) -> Result<Self> {
        let identities = identities(&controls);
        let fitted = |control: Control| {
            if let Some(misfit) = control.model.misfit(unet, (width, height)) {
                return Err(Error::invalid("controls", misfit));
            }
            Ok(Control { image: resize(&control.image, width, height, Filter::Lanczos), ..control })
        };
        let controls = controls.into_iter().map(fitted).collect::<Result<_>>()?;
        Ok(Self { controls, identities, seen: Vec::new() })
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
