//! From image prompts to what the UNet attends to beside the text.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::Tensor;
use image::RgbImage;
use image::imageops::crop_imm;

use super::{Generation, Model, Trace};
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::image_encoder::ImageEncoder;
use crate::network::image_projection::{ImageProjection, ImageProjectionShape};
use crate::network::layers::Linear;
use crate::network::parameters::Parameters;
use crate::network::unet::{Conditioning, ImageContext, ImageKeys, transformer_blocks};
use crate::ops::flops::Stopwatch;
use crate::ops::{floats, tensor};
use crate::request::{ImagePrompt, is_within};
use crate::resample::{Kernel, resized};
use crate::stage::Stage;
use crate::weights::{ImageEncoderFiles, attention_name};

/// What CLIP's images are normalized with: mean and deviation of each colour.
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

impl Model {
    fn image_encoder(&self, files: &ImageEncoderFiles) -> Result<Arc<ImageEncoder>> {
        let slot = self.adapters().image_encoders.slot(&files.digest());
        self.beside(
            &slot,
            files.count_numbers(),
            |choice, cache| files.parameters(choice, cache),
            |parameters| ImageEncoder::load(parameters, files.config(), self.device().compute()),
        )
    }
}

impl Generation {
    /// Reads the images, unless that is done.
    pub(super) fn read_image_prompts(&mut self) -> Result<()> {
        if self.image_prompts.keys.is_some() {
            return Ok(());
        }
        let began = Stopwatch::start();
        let is_guided = self.settings.guidance_scale > 1.0;
        let mut all = Vec::new();
        for (number, prompt) in self.image_prompts.prompts.iter().enumerate() {
            // The reference traces one.
            let trace = self.trace.as_mut().filter(|_| number == 0);
            let model = &self.model;
            all.push(Arc::new(computing("the image encoder", || keys_of(model, prompt, is_guided, trace))?));
        }
        if !all.is_empty() {
            self.model.done_with_images();
            self.spent("text", began);
        }
        self.image_prompts.keys = Some(all);
        Ok(())
    }

    /// The numbers of the image prompts that are at work in evaluation `index`.
    pub(super) fn image_prompts_at(&self, index: usize) -> Vec<usize> {
        if self.plan.stage(index) == Stage::Refiner {
            return Vec::new();
        }
        let (step, count) = self.place_of(index);
        let is_at_work = |prompt: &ImagePrompt| is_within(prompt.start, prompt.end, step, count);
        let prompts = &self.image_prompts.prompts;
        (0..prompts.len()).filter(|&number| is_at_work(&prompts[number])).collect()
    }

    /// What `batch` attends to in evaluation `index`, once the images are read.
    pub(super) fn image_contexts(&self, index: usize, batch: &Conditioning) -> Vec<ImageContext> {
        let Some(keys) = &self.image_prompts.keys else { return Vec::new() };
        let [copies, ..] = batch.context.dims();
        let sides = if self.settings.guidance_scale > 1.0 { 2 } else { 1 };
        let start = if batch.negatives > 0 { 0 } else { sides - 1 };
        let context = |number: usize| ImageContext {
            keys: keys[number].clone(),
            scale: self.image_prompts.prompts[number].scale as f32,
            rows: (start, copies),
        };
        self.image_prompts_at(index).into_iter().map(context).collect()
    }
}

/// Keys and values of the images of `prompt`, of both sides if the generation `is_guided`.
fn keys_of(model: &Model, prompt: &ImagePrompt, is_guided: bool, trace: Option<&mut Trace>) -> Result<ImageKeys> {
    let (device, compute) = (model.device().device(), model.device().compute());
    let (adapter, config) = (&prompt.adapter, prompt.encoder.config());
    let unet = model.unet_config(Stage::Base);
    let source = adapter.parameters(unet)?;
    let parameters = Parameters::new(source.as_ref(), device, model.device().weights()).exact();
    let (wanted, given) = match adapter.shape() {
        ImageProjectionShape::Linear { input, .. } => (input, config.projection_dim),
        ImageProjectionShape::Resampler { input, .. } => (input, config.hidden_size),
    };
    if wanted != given {
        let message = format!(
            "`{}` reads vectors of {wanted} numbers, and the image encoder {} gives {given}: give the encoder that the adapter \
             was trained with (`vit-h` in its name means ViT-H, else ViT-bigG)",
            adapter.name(),
            prompt.encoder.path().display()
        );
        return Err(Error::invalid("image_prompts", message));
    }
    let (side, count) = (config.image_size, prompt.images.len());
    let pixels: Vec<f32> = prompt.images.iter().flat_map(|image| to_numbers(image, side)).collect();
    let encoder = model.image_encoder(&prompt.encoder)?;
    let images: Tensor<4> = tensor(pixels.clone(), [count, 3, side, side], device);
    let (positive, negative) = match adapter.shape() {
        ImageProjectionShape::Linear { .. } => {
            let vectors = encoder.embed(images).unsqueeze_dim::<3>(1);
            (vectors.clone(), vectors.zeros_like())
        }
        ImageProjectionShape::Resampler { .. } => {
            // An image of nothing but the mean is as good as none.
            let none = images.zeros_like();
            (
                encoder.states(images),
                if is_guided { encoder.states(none) } else { Tensor::zeros([count, 1, given], device) },
            )
        }
    };
    drop(encoder);
    let projection = ImageProjection::load(&parameters, adapter.shape(), adapter.context(), compute)?;
    let tokens = |vectors: Tensor<3>| {
        let tokens = projection.forward(vectors);
        let [count, each, width] = tokens.dims();
        // The tokens of all images are attended to as one text.
        (tokens.reshape([1, count * each, width]), [1, count, each, width])
    };
    let (positive_tokens, shape) = tokens(positive.clone());
    let negative_tokens = is_guided.then(|| tokens(negative).0);
    if let Some(trace) = trace {
        trace.keep_floats("pixel_values", &[count, 3, side, side], &pixels);
        let [_, states, width] = positive.dims();
        let dims = [count, states, width];
        let is_one = matches!(adapter.shape(), ImageProjectionShape::Linear { .. });
        let dims = if is_one { vec![count, width] } else { dims.to_vec() };
        trace.keep_floats("image_embeds", &dims, &floats(positive)?);
        trace.keep_floats("ip_hidden_states", &shape, &floats(positive_tokens.clone())?);
        if let Some(tokens) = &negative_tokens {
            trace.keep_floats("negative_ip_hidden_states", &shape, &floats(tokens.clone())?);
        }
    }
    let sides = negative_tokens.into_iter().chain([positive_tokens]).collect();
    let sides = Tensor::cat(sides, 0).cast(compute);
    let mut keys = HashMap::new();
    // One layer's weights are in memory at a time: they are needed once.
    for (index, (name, width)) in transformer_blocks(unet).into_iter().enumerate() {
        let layer = parameters.child(attention_name(index));
        let project = |part: &str| {
            let projection = Linear::load_without_bias(&layer.child(part), adapter.context(), width)?;
            Ok::<_, Error>(projection.forward(sides.clone()))
        };
        keys.insert(name, (project("to_k_ip")?, project("to_v_ip")?));
    }
    Ok(ImageKeys(keys))
}

/// The middle square of an image as `[3, side, side]`, as CLIP was trained to see it (transformers `CLIPImageProcessor`).
fn to_numbers(image: &RgbImage, side: usize) -> Vec<f32> {
    let (width, height) = image.dimensions();
    let (short, long) = (width.min(height), width.max(height));
    let (side, long) = (side as u32, (side as u64 * u64::from(long) / u64::from(short)) as u32);
    let (new_width, new_height) = if width <= height { (side, long) } else { (long, side) };
    let whole = resized(image, (new_width, new_height), Kernel::Bicubic);
    let middle = crop_imm(&whole, (new_width - side) / 2, (new_height - side) / 2, side, side).to_image();
    let plane = |colour: usize| {
        let numbers = middle.pixels().map(move |pixel| f32::from(pixel[colour]) / 255.0).collect::<Vec<_>>();
        numbers.into_iter().map(move |number| (number - MEAN[colour]) / DEVIATION[colour])
    };
    (0..3).flat_map(plane).collect()
}
