//! The ControlNets of a generation: which are at work at a step, and what they add there.

use image::RgbImage;

use burn::tensor::{FloatDType, Tensor};
use std::sync::Arc;

use super::tiles::Window;
use super::{Generation, Model, Trace};
use crate::config::UNetConfig;
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::control_net::{ControlImage, ControlNet, Hint};
use crate::network::unet::{Conditioning, Residuals};
use crate::network::vae::SCALE;
use crate::ops::{floats, tensor};
use crate::request::{Control, is_within};
use crate::resample::{Kernel, resized};
use crate::stage::Stage;
use crate::weights::ControlModel;

/// The controls of a generation.
#[derive(Default)]
pub(super) struct Controls {
    controls: Vec<Control>,
    identities: Vec<String>,
    /// What was made of the images of some controls, by their numbers, at the size of the pass that goes on.
    hints: Vec<(Vec<usize>, Hint)>,
}

/// A ControlNet at a step.
pub(super) struct Steering {
    net: Arc<ControlNet>,
    hint: Hint,
    scale: f64,
}

impl Controls {
    /// `controls` for a UNet like `unet`.
    pub(super) fn new(controls: Vec<Control>, unet: &UNetConfig) -> Result<Self> {
        let identities = identities(&controls);
        for control in &controls {
            if let Some(misfit) = control.model.config_for(unet).misfit(unet) {
                let message = format!("`{}` is for another model than this: {misfit}", control.model.name());
                return Err(Error::invalid("controls", message));
            }
        }
        Ok(Self { controls, identities, hints: Vec::new() })
    }

    /// Forgets what was made of their images, for a pass of another size.
    pub(super) fn forget_hints(&mut self) {
        self.hints.clear();
    }

    /// What tells them from others, for checkpoints.
    pub(super) fn identities(&self) -> &[String] {
        &self.identities
    }

    /// The numbers of those that are at work at step `index` of `count`.
    fn at(&self, index: usize, count: usize) -> Vec<usize> {
        let is_at_work = |control: &Control| is_within(control.start, control.end, index, count);
        (0..self.controls.len()).filter(|&number| is_at_work(&self.controls[number])).collect()
    }

    /// `numbers`, those together that one union looks at together.
    fn grouped(&self, numbers: Vec<usize>) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for number in numbers {
            let model = &self.controls[number].model;
            let is_union = model.config().union.is_some();
            let group = groups.iter_mut().find(|group| is_union && self.controls[group[0]].model == *model);
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

impl Model {
    fn control_net(&self, model: &ControlModel) -> Result<Arc<ControlNet>> {
        let slot = self.adapters().control_nets.slot(&model.digest());
        let config = model.config_for(self.unet_config(Stage::Base));
        self.beside(
            &slot,
            model.count_numbers(),
            |choice, cache| model.parameters(&config, choice, cache),
            |parameters| ControlNet::load(parameters, &config, self.device().compute()),
        )
    }
}

impl Generation {
    /// The step that the evaluation `index` belongs to, counted from the generation's first, and how many there are.
    pub(super) fn place_of(&self, index: usize) -> (usize, usize) {
        let first = self.scheduler.step_of(self.plan.start);
        (self.scheduler.step_of(index) - first, self.scheduler.steps().saturating_sub(first).max(1))
    }

    /// The controls that are at work in evaluation `index`.
    pub(super) fn controls_at(&self, index: usize) -> Vec<usize> {
        let (step, count) = self.place_of(index);
        match self.plan.stage(index) {
            Stage::Base => self.controls.at(step, count),
            Stage::Refiner => Vec::new(),
        }
    }

    /// The ControlNets that are at work in evaluation `index`, in memory and with their images looked at.
    pub(super) fn steering(&mut self, index: usize) -> Result<Vec<Steering>> {
        let groups = self.controls.grouped(self.controls_at(index));
        groups.into_iter().map(|group| self.steering_of(group)).collect()
    }

    fn steering_of(&mut self, group: Vec<usize>) -> Result<Steering> {
        let controls = &self.controls.controls;
        let net = self.model.control_net(&controls[group[0]].model)?;
        // One control's scale is on what comes out, several ones' on what goes in (diffusers `ControlNetUnionModel`).
        let scale = if let [only] = group[..] { controls[only].scale } else { 1.0 };
        let hint = match self.controls.hints.iter().find(|(known, _)| *known == group) {
            Some((_, hint)) => hint.clone(),
            None => {
                let device = self.model.device().device();
                let (h, w) = self.size;
                let images = group.iter().map(|&number| {
                    let control = &controls[number];
                    let image = resized(&control.image, ((w * SCALE) as u32, (h * SCALE) as u32), Kernel::Lanczos);
                    ControlImage {
                        pixels: tensor(to_numbers(&image), [1, 3, h * SCALE, w * SCALE], device),
                        kind: control.kind.unwrap_or_default(),
                        scale: if group.len() == 1 { 1.0 } else { control.scale },
                    }
                });
                let images: Vec<_> = images.collect();
                let hint = computing("the ControlNet", || Ok::<_, Error>(net.look_at(&images)))?;
                self.controls.hints.push((group, hint.clone()));
                hint
            }
        };
        Ok(Steering { net, hint, scale })
    }
}

/// What all of `steering` add together for a batch `latents` `[n, 4, h, w]` of a window.
pub(super) fn residuals(
    steering: &[Steering],
    (latents, window): (&Tensor<4>, Window),
    timestep: f64,
    batch: &Conditioning,
    deep: bool,
) -> Option<Residuals> {
    let of = |Steering { net, hint, scale }: &Steering| {
        let hint = hint.part((window.top, window.left), window.size);
        net.forward(latents.clone(), timestep, batch, &hint, deep).scaled(*scale)
    };
    steering.iter().map(of).reduce(Residuals::plus)
}

/// What reaches the UNet's text half for the first time, at evaluation `step` of the run.
pub(super) fn keep(trace: &mut Trace, residuals: &Residuals, step: usize) -> Result<()> {
    let Some(middle) = &residuals.middle else { return Ok(()) };
    let text = |x: &Tensor<4>| {
        let n = x.dims()[0];
        x.clone().narrow(0, n - 1, 1).cast(FloatDType::F32)
    };
    let middle = text(middle).permute([0, 3, 1, 2]);
    let norm = |x: Tensor<4>| {
        let numbers = floats(x)?;
        Ok::<_, Error>(numbers.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt() as f32)
    };
    let mut norms = residuals.down.iter().map(|x| norm(text(x))).collect::<Result<Vec<_>>>()?;
    norms.push(norm(middle.clone())?);
    trace.keep_ids("control_step", &[1], &[step as u32]);
    trace.keep_floats("control_mid", &middle.dims(), &floats(middle)?);
    trace.keep_floats("control_norms", &[norms.len()], &norms);
    Ok(())
}

/// An image as `[3, height, width]` in 0…1.
fn to_numbers(image: &RgbImage) -> Vec<f32> {
    let plane = |colour: usize| image.pixels().map(move |pixel| f32::from(pixel[colour]) / 255.0);
    (0..3).flat_map(plane).collect()
}
