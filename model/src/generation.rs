//! One generation: a value that advances step by step.

mod attention_gate;
mod checkpoint;
mod components;
mod conditioning;
mod control;
mod decode;
mod encoding;
mod evaluate;
mod explain;
mod guidance;
mod hires;
mod image_context;
mod image_prompt;
mod images;
mod inpainting;
mod masked;
mod memory_requirement;
mod model;
mod plan;
mod preview;
mod prompts;
mod second_pass;
mod shelf;
mod start;
mod steering;
mod text_cache;
mod tiles;
mod trace;
mod variation;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use easel_settings::ResolvedSettings;
use image::RgbImage;

use crate::error::Result;
use crate::network::unet::KeptAttention;
use crate::noise::ImageNoise;
use crate::ops::flops::Stopwatch;
use crate::scheduler::{History, Scheduler};
use crate::stage::Stage;
pub use checkpoint::Checkpoint;
use conditioning::StageConditioning;
use control::Controls;
use image_prompt::ImagePrompts;
use inpainting::{Canvas, Inpainting, Paste};
pub use model::Model;
use plan::Plan;
use prompts::Prompts;
use second_pass::SecondPass;
use tiles::Windows;
pub use trace::Trace;
use words::Words;

/// Channels of SDXL's latents.
const CHANNELS: usize = 4;

/// Images in the making. [`Self::advance`] does one denoising step; between steps it can be looked at,
/// put aside ([`Self::checkpoint`]) or dropped.
pub struct Generation {
    model: Model,
    settings: ResolvedSettings,
    /// What tells the LoRAs of the base and of the refiner from others.
    loras: [Vec<String>; 2],
    prompts: Prompts,
    words: Words,
    controls: Controls,
    image_prompts: ImagePrompts,
    /// The image to start from, until it is encoded.
    init_image: Option<RgbImage>,
    /// The same with a mask, until it is encoded.
    canvas: Option<Canvas>,
    inpainting: Option<Inpainting>,
    /// What the result is put into.
    paste: Option<Paste>,
    /// What tells the mask and its init image from others.
    masked: Option<String>,
    /// Height and width of the latents.
    size: (usize, usize),
    /// Where the UNet evaluates them.
    windows: Windows,
    /// The digest of the network that enlarges the image between the passes.
    upscaler: Option<String>,
    /// Evaluations of the pass that is over, once the second one has begun.
    evaluations_before: usize,
    /// The pass after this one, if there is one.
    second: Option<SecondPass>,
    /// Whether the first pass started from an image.
    first_from_image: bool,
    /// Of the pass that is going on.
    plan: Plan,
    scheduler: Scheduler,
    /// The next evaluation of the schedule.
    index: usize,
    /// `[count, 4, h, w]`, row-major.
    latents: Vec<f32>,
    /// The model's idea of the finished latents, after a step.
    denoised: Option<Vec<f32>>,
    noise: ImageNoise,
    conditioning: [Option<StageConditioning>; 2],
    reuse: Reuse,
    gate: Gate,
    warnings: Vec<String>,
    timings: Timings,
    multiply_adds: BTreeMap<&'static str, u64>,
    steps_time: Duration,
    steps_done: usize,
    /// The two when the pass that is going on began.
    pass_began: (Duration, usize),
    evaluations: usize,
    trace: Option<Trace>,
}

/// What steps that reuse deep features need of the one that computed them.
#[derive(Default)]
struct Reuse {
    /// The latents of that step.
    latents: Option<Vec<f32>>,
    /// That evaluation and its features, `[copies, c, h, w]` per image; absent after resuming.
    features: Option<(usize, Vec<Tensor<4>>)>,
}

/// What steps behind the gate need of the one that kept its cross-attention.
#[derive(Default)]
struct Gate {
    /// The latents of that step.
    latents: Option<Vec<f32>>,
    /// That evaluation and what it kept, for every image; absent after resuming.
    kept: Option<(usize, Vec<KeptAttention>)>,
}

/// Where a generation stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepProgress {
    /// Evaluations done, of the whole generation.
    pub step: usize,
    /// Evaluations in all.
    pub total: usize,
    /// Which model did the step.
    pub stage: Stage,
    /// Time spent on steps in this process.
    pub elapsed: Duration,
    /// Estimate of the time that the remaining steps take.
    pub remaining: Duration,
}

/// Seconds spent, by stage: `text`, `encode`, `load` (the UNets), `base`, `refiner`, `enlarge` (between two passes), `decode`; loading other parts is part
/// of each.
pub type Timings = BTreeMap<&'static str, f64>;

impl Generation {
    /// Does one evaluation of the schedule; `None` when all are done.
    ///
    /// # Errors
    /// A failure of files or device; the generation is as it was before the step and can be tried again.
    pub fn advance(&mut self) -> Result<Option<StepProgress>> {
        if self.index == self.plan.end && self.second.is_some() {
            self.begin_second_pass()?;
        }
        if self.index == self.plan.end {
            return Ok(None);
        }
        let stage = self.plan.stage(self.index);
        if self.conditioning[stage as usize].is_none() {
            // The refiner's turn has come, or the run was resumed.
            self.condition(stage)?;
        }
        if stage == Stage::Base {
            self.read_image_prompts()?;
        }
        let began = Instant::now();
        if self.plan.is_hand_over(self.index) {
            self.hand_over();
        }
        let loading = Stopwatch::start();
        let unet = self.model.unet(stage)?;
        self.spent("load", loading);
        let stepping = Stopwatch::start();
        let output = self.predict(&unet, stage)?;
        let mut denoised = self.scheduler.denoised(self.index, &output, &self.latents)?;
        let noise = &mut self.noise;
        let mut latents = self.scheduler.step(self.index, &output, &self.latents, &mut |count| noise.normal(count))?;
        self.hold(stage, &mut latents, &mut denoised)?;
        (self.latents, self.denoised) = (latents, Some(denoised));
        if let (Some(trace), Stage::Base) = (&mut self.trace, stage) {
            let shape = [self.settings.count as usize, CHANNELS, self.size.0, self.size.1];
            let pass = if self.evaluations_before > 0 { "hires_" } else { "" };
            trace.keep_floats(format!("{pass}latents_{}", self.index - self.plan.start), &shape, &self.latents);
        }
        self.index += 1;
        drop(unet);
        if self.index == self.plan.range(stage).end {
            (self.reuse, self.gate) = Default::default();
            self.conditioning[stage as usize].as_mut().into_iter().for_each(StageConditioning::release);
            if self.second.is_none() {
                self.model.done_with_unet(stage);
            }
        }
        self.spent(stage.name(), stepping);
        self.steps_time += began.elapsed();
        self.steps_done += 1;
        Ok(Some(self.progress(stage)))
    }

    /// Where the generation stands after a step of `stage`.
    fn progress(&self, stage: Stage) -> StepProgress {
        let mut left = (self.plan.end - self.index) as f64;
        if let Some(second) = &self.second {
            // A step takes about as long as it has places.
            let (now, then) = (self.size, second.latent_size());
            left += (second.plan.end - second.plan.start) as f64 * (then.0 * then.1) as f64 / (now.0 * now.1) as f64;
        }
        let (time, steps) = (self.steps_time - self.pass_began.0, self.steps_done - self.pass_began.1);
        StepProgress {
            step: self.step(),
            total: self.total(),
            stage,
            elapsed: self.steps_time,
            remaining: time.mul_f64(left / steps.max(1) as f64),
        }
    }

    /// Evaluations done, those before a resumed checkpoint included.
    pub fn step(&self) -> usize {
        self.evaluations_before + self.index - self.plan.start
    }

    /// Evaluations in all, those of a second pass included.
    pub fn total(&self) -> usize {
        let second = self.second.as_ref().map_or(0, |second| second.plan.end - second.plan.start);
        self.evaluations_before + self.plan.end - self.plan.start + second
    }

    /// How often the UNet has evaluated one image, or one tile of it, in this process: twice a step and image where there is
    /// guidance, else once.
    pub fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// From base to refiner: a sampler without history continues where the base stopped.
    fn hand_over(&mut self) {
        if let Some(trace) = &mut self.trace {
            let shape = [self.settings.count as usize, CHANNELS, self.size.0, self.size.1];
            trace.keep_floats("base_latents", &shape, &self.latents);
        }
        self.scheduler.restore(History::default());
    }

    /// The generation as it stands, to be continued in another process.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            settings: self.settings.clone(),
            model: self.model.fingerprint().to_owned(),
            loras: self.loras.clone(),
            embeddings: self.words.digests(),
            controls: self.controls.identities().to_vec(),
            image_prompts: self.image_prompts.identities().to_vec(),
            masked: self.masked.clone(),
            upscaler: self.upscaler.clone(),
            from_image: self.first_from_image,
            is_second_pass: self.evaluations_before > 0,
            index: self.index,
            latents: self.latents.clone(),
            reused: self.reused_latents(),
            gate: self.gate_latents(),
            history: self.scheduler.history().clone(),
            noise: self.noise.states(),
        }
    }

    /// The settings with every default filled in.
    pub fn settings(&self) -> &ResolvedSettings {
        &self.settings
    }

    /// What the user should know, such as words that did not fit.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Seconds spent so far, by stage.
    pub fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Multiply-adds of the layers so far, by the same stages; those of other generations at the same time are among them.
    pub fn multiply_adds(&self) -> &BTreeMap<&'static str, u64> {
        &self.multiply_adds
    }

    /// The intermediate tensors, if this generation keeps them.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    fn latents_len(&self) -> usize {
        self.settings.count as usize * CHANNELS * self.size.0 * self.size.1
    }

    fn spent(&mut self, stage: &'static str, since: Stopwatch) {
        *self.timings.entry(stage).or_default() += since.seconds();
        *self.multiply_adds.entry(stage).or_default() += since.multiply_adds();
    }
}
