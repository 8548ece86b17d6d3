//! From the last denoising step to the task that awaits approval.

use std::io::Cursor;
use std::time::{Duration, Instant};

use easel_domain::task::{Attempt, Change, GeneratedImage, GenerationReport, Task};
use easel_images::ImageRecord;
use easel_model::Generation;
use easel_settings::ResolvedSettings;
use easel_storage::gallery::{Written, keys};
use easel_storage::store::Saved;
use easel_telemetry::{Metrics, Unit};
use image::{ImageFormat, ImageReader};

use super::generating::{RunningTask, on_blocking_thread};
use super::generation_error::GenerationError;
use super::image_files::{ImageFiles, encode, sha256};
use super::{Delivery, Worker};
use crate::engine::OpenedModel;
use crate::price;

/// Larger than any image's file.
const LARGEST_IMAGE: usize = 256 << 20;

impl Worker {
    /// Decodes the images one by one, stores each in the gallery and makes the move. Short of time, the rest is handed on
    /// between two of them.
    pub(super) async fn finish(
        &self,
        running: &mut RunningTask,
        mut generation: Generation,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        running.heartbeat.report(|report| report.stage = "decode".to_owned());
        // A worker that came this far before may have stored some of them.
        let resumed =
            running.task.attempt.claim.as_ref().is_some_and(|claim| claim.step as usize == generation.total());
        let mut images: Vec<GeneratedImage> = Vec::new();
        for index in 0..generation.settings().count {
            if resumed && let Some(image) = self.stored_image(&running.task, index, &generation, delivery).await? {
                images.push(image);
                continue;
            }
            if index > 0 && self.is_interrupted(running, &generation, delivery).await? {
                return Ok(());
            }
            let began = Instant::now();
            let (chosen, asked) = (running.chosen.clone(), running.task.attempt.settings.clone());
            let decode = move |generation: &mut Generation| {
                generation.image(index as usize).and_then(|image| chosen.enlarge(&asked, image))
            };
            let (same, decoded) = on_blocking_thread(generation, decode).await?;
            generation = same;
            let files = encode(&decoded?, &record(running, &generation.settings().alone(index)))?;
            running.pace.record_decoding(began.elapsed());
            running.heartbeat.record_step(began.elapsed());
            if running.heartbeat.has_moved() {
                return self.leave_to_others(&running.task, &generation, delivery).await;
            }
            images.push(self.store_image(&running.task, index, files, delivery).await?);
        }
        let report = self.generation_report(running, generation.settings(), generation.warnings(), &images);
        if !self.save_finished(running, images, report, delivery).await? {
            return self.leave_to_others(&running.task, &generation, delivery).await;
        }
        self.remove_checkpoint(&running.task).await;
        Ok(())
    }

    /// Makes the last move of a worker; whether it is made, which it is not if the task was moved meanwhile.
    pub(super) async fn save_finished(
        &self,
        running: &RunningTask,
        images: Vec<GeneratedImage>,
        report: GenerationReport,
        delivery: &Delivery,
    ) -> Result<bool, GenerationError> {
        let task = &running.task;
        emit(&report, task);
        let change = Change::Finish { images: images.clone(), generation: Box::new(report) };
        match self.move_on(task, &change, delivery).await? {
            Saved::Done => tracing::info!(seconds = running.elapsed().as_secs_f64(), "the task is generated"),
            Saved::Stale => {
                // The service may have stored the move although its response got lost.
                let now = self.retry(delivery, || self.workflow.store.find(task.id)).await?;
                return Ok(now.is_some_and(|now| now.attempt.images == images));
            }
        }
        Ok(true)
    }

    /// Stores an image and its thumbnail. An image that is already there stays.
    pub(super) async fn store_image(
        &self,
        task: &Task,
        index: u32,
        files: ImageFiles,
        delivery: &Delivery,
    ) -> Result<GeneratedImage, GenerationError> {
        let ImageFiles { mut image, thumbnail, width, height } = files;
        let gallery = &self.workflow.gallery;
        let key = keys::image(task.id, task.attempt.number, index);
        let thumbnail_key = keys::thumbnail(task.id, task.attempt.number, index);
        let write = || gallery.write_image(&thumbnail_key, thumbnail.clone(), "image/jpeg");
        self.retry(delivery, write).await?;
        let written = self.retry(delivery, || gallery.write_image(&key, image.clone(), "image/png")).await?;
        if written == Written::Before {
            let there = self.retry(delivery, || gallery.read(&key, LARGEST_IMAGE)).await?;
            image = there
                .ok_or_else(|| GenerationError::Transient(format!("S3: {key} exists but could not be read")))?
                .bytes;
        }
        Ok(generated(task, index, (width, height), &image))
    }

    /// An image that a worker stored before it had to stop. Its thumbnail was stored before it.
    async fn stored_image(
        &self,
        task: &Task,
        index: u32,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<Option<GeneratedImage>, GenerationError> {
        let key = keys::image(task.id, task.attempt.number, index);
        let there = self.retry(delivery, || self.workflow.gallery.read(&key, LARGEST_IMAGE)).await?;
        let settings = generation.settings();
        // It may have been enlarged.
        let size = |bytes: &[u8]| {
            let drawn = (settings.width.unwrap_or_default(), settings.height.unwrap_or_default());
            let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
            reader.into_dimensions().unwrap_or(drawn)
        };
        Ok(there.map(|object| generated(task, index, size(&object.bytes), &object.bytes)))
    }

    pub(super) fn generation_report(
        &self,
        running: &RunningTask,
        settings: &ResolvedSettings,
        warnings: &[String],
        images: &[GeneratedImage],
    ) -> GenerationReport {
        let task = &running.task;
        let OpenedModel { name, refiner_name, device, .. } = &*running.chosen.model;
        let took = running.elapsed();
        let cost = |hour| price::per_image(hour, took.as_secs_f64(), images.len());
        GenerationReport {
            model: name.clone(),
            device: device.kind().to_owned(),
            device_name: device.name.clone(),
            precision: device.precision.to_string(),
            width: images.first().map_or_else(|| settings.width.unwrap_or_default(), |image| image.width),
            height: images.first().map_or_else(|| settings.height.unwrap_or_default(), |image| image.height),
            steps: settings.steps,
            guidance_scale: settings.guidance_scale,
            scheduler: settings.scheduler.map(|name| name.to_string()).unwrap_or_default(),
            refined: settings.use_refiner && refiner_name.is_some(),
            queue_seconds: queue_time(&task.attempt).as_secs_f64(),
            drawing_seconds: took.as_secs_f64(),
            step_seconds: running.pace.median_step().as_secs_f64(),
            dollars_per_image: self.options.dollars_per_hour.map(cost),
            warnings: warnings.to_vec(),
        }
    }
}

/// Two generations with the same settings have the same record, so that they give the same file.
pub(super) fn record<'a>(running: &'a RunningTask, settings: &'a ResolvedSettings) -> ImageRecord<'a> {
    let (asked, chosen) = (&running.task.attempt.settings, &running.chosen);
    let OpenedModel { name, refiner_name, vae_name, tiny_vae_name, device, .. } = &*chosen.model;
    let name_of = |key: &'a str| key.rsplit('/').next().unwrap_or(key);
    ImageRecord {
        easel: env!("CARGO_PKG_VERSION"),
        settings,
        model: name,
        refiner: refiner_name.as_deref().filter(|_| settings.use_refiner),
        vae: vae_name.as_deref(),
        tiny_vae: tiny_vae_name.as_deref(),
        loras: &chosen.lora_records,
        refiner_loras: &[],
        embeddings: &chosen.embedding_records,
        upscale: chosen.upscale_record.as_ref(),
        controls: &chosen.control_records,
        image_prompts: &chosen.image_prompt_records,
        device: device.kind(),
        backend: device.backend,
        precision: device.precision,
        init: asked.init_image.as_deref().map(name_of),
        mask: asked.mask.as_deref().map(name_of),
        extend: None,
    }
}

/// The time from the request to the first claim, which another worker may have made.
fn queue_time(attempt: &Attempt) -> Duration {
    let claimed = attempt.first_claim_at.or(attempt.claim.as_ref().map(|claim| claim.at));
    let waited = claimed.unwrap_or(attempt.requested_at).duration_since(attempt.requested_at);
    Duration::try_from(waited).unwrap_or_default()
}

/// What the task says of an image file.
fn generated(task: &Task, index: u32, (width, height): (u32, u32), file: &[u8]) -> GeneratedImage {
    GeneratedImage {
        index,
        key: keys::image(task.id, task.attempt.number, index),
        thumbnail_key: keys::thumbnail(task.id, task.attempt.number, index),
        width,
        height,
        bytes: file.len() as u64,
        seed: task.attempt.settings.seed_of(index),
        sha256: sha256(file),
    }
}

fn emit(report: &GenerationReport, task: &Task) {
    let metrics = Metrics::new()
        .dimension("device", report.device.clone())
        .value("QueueWait", Unit::Seconds, report.queue_seconds)
        .value("StepTime", Unit::Seconds, report.step_seconds)
        .value("ImageTime", Unit::Seconds, report.drawing_seconds)
        .property("task", task.id.to_string());
    match report.dollars_per_image {
        Some(dollars) => metrics.value("DollarsPerImage", Unit::None, dollars).emit(),
        None => metrics.emit(),
    }
}
