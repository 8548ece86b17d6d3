//! From the last step to the task that waits for approval.

use std::time::Duration;

use easel_core::gallery::{Written, keys};
use easel_core::store::Saved;
use easel_core::task::{Change, GenerationReport, Picture, Task};
use easel_core::telemetry::{Metrics, Unit};
use easel_model::Generation;
use jiff::Timestamp;

use super::drawing::{Drawing, on_a_thread};
use super::encoding::{Encoded, encode, sha256};
use super::trouble::Trouble;
use super::{Delivery, Worker, price};
use crate::record::Record;

/// More than any picture's file has.
const LARGEST_PICTURE: usize = 256 << 20;

impl Worker {
    /// Decodes the pictures, puts them into the gallery and makes the move.
    pub(super) async fn finish(
        &self,
        drawing: &Drawing,
        generation: Generation,
        delivery: &Delivery,
    ) -> Result<(), Trouble> {
        drawing.vigil.tell(|told| told.stage = "decode".to_owned());
        let (generation, pictures) = on_a_thread(generation, Generation::finish).await?;
        let pictures = pictures?;
        let task = &drawing.task;
        let mut encoded = Vec::new();
        for (index, rgb) in pictures.iter().enumerate() {
            encoded.push(encode(rgb, &self.record(task, &generation, index))?);
        }
        if drawing.vigil.has_moved() {
            return self.step_aside(task, &generation).await;
        }
        let mut pictures = Vec::new();
        for (index, files) in (0..).zip(encoded) {
            pictures.push(self.put(task, index, files, delivery).await?);
        }
        let report = self.generation_report(drawing, &generation, pictures.len()).await?;
        emit(&report, task);
        let change = Change::Finish { pictures, generation: Box::new(report) };
        let (finished, event) = task.after(change, &self.identity(), Timestamp::now())?;
        match self.patiently(delivery, || self.workflow.store.save(&finished, &event)).await? {
            Saved::Done => tracing::info!(seconds = drawing.took().as_secs_f64(), "drawn"),
            Saved::Stale => {
                // The service may have done it and failed to say so.
                let now = self.workflow.store.find(task.id).await?;
                if now.is_none_or(|now| now.attempt.pictures != finished.attempt.pictures) {
                    return self.step_aside(task, &generation).await;
                }
            }
        }
        self.forget(task).await;
        Ok(())
    }

    /// Nothing in it differs between two drawings of the same settings: a picture drawn twice is the same file.
    fn record<'a>(&'a self, task: &'a Task, generation: &'a Generation, index: usize) -> Record<'a> {
        let init = task.attempt.settings.init_image.as_deref();
        Record {
            easel: env!("CARGO_PKG_VERSION"),
            request: generation.request(),
            model: &self.studio.name,
            refiner: self.studio.refiner_name.as_deref().filter(|_| generation.request().use_refiner),
            tiny_vae: self.studio.tiny_vae_name.as_deref(),
            device: self.studio.device.kind(),
            backend: self.studio.device.backend,
            precision: self.studio.device.precision,
            init: init.map(|key| key.rsplit('/').next().unwrap_or(key)),
            index,
        }
    }

    /// Puts a picture where it belongs. If there is one already, that one stays.
    async fn put(&self, task: &Task, index: u32, files: Encoded, delivery: &Delivery) -> Result<Picture, Trouble> {
        let Encoded { mut picture, thumbnail, width, height } = files;
        let gallery = &self.workflow.gallery;
        let key = keys::picture(task.id, task.attempt.number, index);
        let thumbnail_key = keys::thumbnail(task.id, task.attempt.number, index);
        let write = || gallery.write_picture(&thumbnail_key, thumbnail.clone(), "image/jpeg");
        self.patiently(delivery, write).await?;
        let written = self.patiently(delivery, || gallery.write_picture(&key, picture.clone(), "image/png")).await?;
        if written == Written::Before {
            let there = self.patiently(delivery, || gallery.read(&key, LARGEST_PICTURE)).await?;
            picture = there.ok_or_else(|| Trouble::Passing(format!("S3: {key} is there and is not")))?.bytes;
        }
        Ok(Picture {
            index,
            key,
            thumbnail_key,
            width,
            height,
            bytes: picture.len() as u64,
            // The pictures of a batch share one stream of noise.
            seed: task.attempt.settings.seed,
            sha256: sha256(&picture),
        })
    }

    async fn generation_report(
        &self,
        drawing: &Drawing,
        generation: &Generation,
        pictures: usize,
    ) -> Result<GenerationReport, Trouble> {
        let task = &drawing.task;
        let request = generation.request();
        let device = &self.studio.device;
        let took = drawing.took();
        let cost = |hour| price::of_a_picture(hour, took.as_secs_f64(), pictures);
        Ok(GenerationReport {
            model: self.studio.name.clone(),
            device: device.kind().to_owned(),
            device_name: device.name.clone(),
            precision: device.precision.to_string(),
            width: request.width.unwrap_or_default(),
            height: request.height.unwrap_or_default(),
            steps: request.steps,
            guidance_scale: request.guidance_scale,
            scheduler: request.scheduler.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            refined: request.use_refiner && self.studio.refiner_name.is_some(),
            queue_seconds: self.waited(task).await?.as_secs_f64(),
            drawing_seconds: took.as_secs_f64(),
            step_seconds: drawing.pace.median_step().as_secs_f64(),
            dollars_per_picture: self.options.dollars_per_hour.map(cost),
            warnings: generation.warnings().to_vec(),
        })
    }

    /// From the request to the first claim, which another worker may have made.
    async fn waited(&self, task: &Task) -> Result<Duration, Trouble> {
        let requested = task.attempt.requested_at;
        let history = self.workflow.store.history(task.id).await?;
        let claims = history.iter().filter(|event| matches!(event.change, Change::Claim { .. }));
        let first = claims.map(|event| event.at).find(|at| *at >= requested);
        let waited = first.unwrap_or(requested).duration_since(requested);
        Ok(Duration::try_from(waited).unwrap_or_default())
    }
}

fn emit(report: &GenerationReport, task: &Task) {
    let metrics = Metrics::new()
        .dimension("device", report.device.clone())
        .value("QueueWait", Unit::Seconds, report.queue_seconds)
        .value("StepTime", Unit::Seconds, report.step_seconds)
        .value("PictureTime", Unit::Seconds, report.drawing_seconds)
        .property("task", task.id.to_string());
    match report.dollars_per_picture {
        Some(dollars) => metrics.value("DollarsPerPicture", Unit::None, dollars).emit(),
        None => metrics.emit(),
    }
}
