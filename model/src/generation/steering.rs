//! What ControlNets and T2I-Adapters add at a step.

use std::sync::Arc;

use burn::tensor::{FloatDType, Tensor};
use image::RgbImage;

use super::control::Seen;
use super::tiles::Window;
use super::{Generation, Model, Trace};
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::control_net::ControlImage;
use crate::network::steering::SteeringNetwork;
use crate::network::unet::{Additions, Conditioning, Residuals};
use crate::network::vae::SCALE;
use crate::ops::{floats, tensor};
use crate::request::Control;
use crate::resample::{Kernel, resized};
use crate::stage::Stage;
use crate::weights::ControlModel;

/// A network at a step, and what its outputs are multiplied by.
pub(super) struct Steering {
    network: Arc<SteeringNetwork>,
    seen: Seen,
    scale: f64,
}

impl Model {
    fn steering_network(&self, model: &ControlModel) -> Result<Arc<SteeringNetwork>> {
        let slot = self.adapters().control_nets.slot(&model.digest());
        let config = model.config_for(self.unet_config(Stage::Base));
        self.beside(
            &slot,
            model.count_numbers(),
            |choice, cache| model.parameters(&config, choice, cache),
            |parameters| SteeringNetwork::load(parameters, &config, self.device().compute()),
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
        let network = self.model.steering_network(&self.controls.controls[group[0]].model)?;
        // One control's scale is on what comes out, several ones' on what goes in (diffusers `ControlNetUnionModel`).
        let scale = if let [only] = group[..] { self.controls.controls[only].scale } else { 1.0 };
        let seen = match self.controls.seen.iter().find(|(known, _)| *known == group) {
            Some((_, seen)) => seen.clone(),
            None => {
                let seen = computing("the ControlNet", || Ok::<_, Error>(self.look_at(&network, &group)))?;
                self.controls.seen.push((group, seen.clone()));
                seen
            }
        };
        Ok(Steering { network, seen, scale })
    }

    /// What `network` makes of the images of the controls in `group`.
    fn look_at(&self, network: &SteeringNetwork, group: &[usize]) -> Seen {
        let device = self.model.device().device();
        let (h, w) = self.size;
        let pixels = |control: &Control| {
            let image = resized(&control.image, ((w * SCALE) as u32, (h * SCALE) as u32), Kernel::Lanczos);
            tensor(to_numbers(&image), [1, 3, h * SCALE, w * SCALE], device)
        };
        let controls = group.iter().map(|&number| &self.controls.controls[number]);
        match network {
            SteeringNetwork::ControlNet(net) => {
                let image = |control: &Control| ControlImage {
                    pixels: pixels(control),
                    kind: control.kind.unwrap_or_default(),
                    scale: if group.len() == 1 { 1.0 } else { control.scale },
                };
                Seen::Hint(Box::new(net.look_at(&controls.map(image).collect::<Vec<_>>())))
            }
            SteeringNetwork::T2iAdapter(adapter) => {
                // Only unions look at several.
                Seen::Features(controls.take(1).flat_map(|control| adapter.look_at(pixels(control))).collect())
            }
        }
    }
}

/// What all of `steering` add together for a batch `latents` `[n, 4, h, w]` of a window.
pub(super) fn additions(
    steering: &[Steering],
    (latents, window): (&Tensor<4>, Window),
    timestep: f64,
    batch: &Conditioning,
    deep: bool,
) -> Additions {
    let mut sum = Additions::default();
    for Steering { network, seen, scale } in steering {
        match (&**network, seen) {
            (SteeringNetwork::ControlNet(net), Seen::Hint(hint)) => {
                let hint = hint.part((window.top, window.left), window.size);
                let residuals = net.forward(latents.clone(), timestep, batch, &hint, deep).scaled(*scale);
                sum.residuals = Some(match sum.residuals {
                    Some(sum) => sum.plus(residuals),
                    None => residuals,
                });
            }
            (_, Seen::Features(features)) => {
                let scaled = features.iter().map(|feature| feature.clone() * *scale);
                sum.features = if sum.features.is_empty() {
                    scaled.collect()
                } else {
                    sum.features.into_iter().zip(scaled).map(|(sum, feature)| sum + feature).collect()
                };
            }
            (SteeringNetwork::T2iAdapter(_), Seen::Hint(_)) => {}
        }
    }
    sum
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
