//! Generating a claimed task's images, step by step.

use std::path::Path;
use std::time::{Duration, Instant};

use easel_domain::task::{Change, Settings, Status, Task};
use easel_model::Generation;
use easel_storage::gallery::DrawRequest;
use easel_storage::store::Saved;
use image::RgbImage;
use jiff::Timestamp;

use super::claiming::ClaimedTask;
use super::generation_error::GenerationError;
use super::heartbeat::Heartbeat;
use super::pace::Pace;
use super::{Delivery, DeliveryOutcome, Worker, image_files};

/// The largest image that is read to start from, in bytes.
pub(super) const LARGEST_FILE: usize = 20 << 20;

/// A claimed task that is being generated.
pub(super) struct RunningTask {
    pub(super) task: Task,
    pub(super) heartbeat: Heartbeat,
    pub(super) pace: Pace,
    pub(super) began: Instant,
}

impl Worker {
    /// Generates the task's images, or as much of them as there is time for.
    pub(super) async fn generate_claimed(&self, claimed: ClaimedTask, delivery: &Delivery) -> DeliveryOutcome {
        let ClaimedTask { task, progress, resumed } = claimed;
        let heartbeat = Heartbeat::begin(self.workflow.store.clone(), task.clone(), progress, self.options.clone());
        let mut running = RunningTask { task, heartbeat, pace: Pace::default(), began: Instant::now() };
        let error = match self.run_steps(&mut running, resumed, delivery).await {
            Ok(()) => return DeliveryOutcome::Done,
            Err(error) => error,
        };
        tracing::error!(%error, "the task could not be completed");
        let given_up = match &error {
            GenerationError::Request(_) => true,
            GenerationError::Transient(_) => false,
            GenerationError::Failed(_) => delivery.count >= self.options.deliveries,
        };
        if given_up {
            match self.fail(&running.task, &error.to_string()).await {
                Ok(()) => return DeliveryOutcome::Done,
                Err(error) => tracing::error!(%error, "the failure could not be stored"),
            }
        }
        running.heartbeat.release().await;
        self.hand_back(&error, delivery)
    }

    async fn run_steps(
        &self,
        running: &mut RunningTask,
        resumed: Option<Generation>,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        let mut generation = match resumed {
            Some(generation) => generation,
            None => self.start(&running.task.attempt.settings).await?,
        };
        loop {
            if self.is_interrupted(running, &generation, delivery).await? {
                return Ok(());
            }
            let began = Instant::now();
            let (advanced, result) = on_blocking_thread(generation, Generation::advance).await?;
            generation = advanced;
            let progress = match result {
                Ok(Some(progress)) => progress,
                Ok(None) => break,
                Err(error) => {
                    // The generation is as it was before the step, so the next worker can continue from it.
                    self.save_checkpoint(&running.task, &generation, &mut running.pace).await;
                    return Err(error.into());
                }
            };
            running.pace.record_step(began.elapsed());
            running.heartbeat.record_step(running.pace.longest_step());
            let last = progress.step == progress.total;
            let mut preview = None;
            if running.heartbeat.is_report_due() || last {
                let render =
                    |generation: &mut Generation| generation.preview(0).and_then(|rgb| image_files::preview(&rgb));
                (generation, preview) = on_blocking_thread(generation, render).await?;
            }
            running.report(&progress, preview);
            if last {
                running.heartbeat.write().await;
            }
            let due = last || progress.step.is_multiple_of(self.options.checkpoint_every);
            if due && running.pace.is_worth_saving() && !running.heartbeat.has_moved() {
                self.save_checkpoint(&running.task, &generation, &mut running.pace).await;
            }
            self.report().await;
        }
        self.finish(running, generation, delivery).await
    }

    /// Starts the generation: reads the image to start from, if there is one, and encodes the prompt.
    async fn start(&self, settings: &Settings) -> Result<Generation, GenerationError> {
        let init = match &settings.init_image {
            Some(key) => Some(self.init_image(key).await?),
            None => None,
        };
        let request = self.engine.request(settings, init)?;
        let model = self.engine.model.clone();
        Ok(tokio::task::spawn_blocking(move || model.start(request)).await??)
    }

    async fn init_image(&self, key: &str) -> Result<RgbImage, GenerationError> {
        let refused = |reason: String| GenerationError::Request(format!("init_image: {reason}"));
        let object = match self.workflow.gallery.read(key, LARGEST_FILE).await {
            Ok(object) => {
                object.ok_or_else(|| refused(format!("nothing was uploaded as {key}: upload it and retry")))?
            }
            Err(easel_storage::Error::TooLong { length, .. }) => {
                let limit = LARGEST_FILE >> 20;
                return Err(refused(format!("{key} has {} MiB, the limit is {limit}: make it smaller", length >> 20)));
            }
            Err(error) => return Err(error.into()),
        };
        let name = Path::new(key).to_owned();
        let decoded = tokio::task::spawn_blocking(move || easel_images::decode(&name, &object.bytes)).await?;
        decoded.map_err(|error| refused(error.to_string()))
    }

    /// Whether the generation stops here, because the task was moved, the worker is stopping, or there is too little
    /// time.
    async fn is_interrupted(
        &self,
        running: &RunningTask,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<bool, GenerationError> {
        if running.heartbeat.has_moved() {
            self.leave_to_others(&running.task, generation).await?;
            return Ok(true);
        }
        let stopping = delivery.stop.is_cancelled().then(|| "the worker is stopping".to_owned());
        let reason = stopping.or_else(|| running.pace.too_late(delivery.deadline, self.options.margin));
        if let Some(reason) = reason {
            self.hand_on(&running.task, generation, reason, delivery).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Hands the rest on to the next worker: checkpoint, request, move.
    async fn hand_on(
        &self,
        task: &Task,
        generation: &Generation,
        reason: String,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        self.save_checkpoint_with_retries(task, generation, delivery).await?;
        let step = u32::try_from(generation.step()).unwrap_or(u32::MAX);
        tracing::info!(step, reason, "handing the task on to the next worker");
        let (moved, event) = task.after(Change::HandOn { step, reason }, &self.identity(), Timestamp::now())?;
        let request = DrawRequest { task: moved.id, version: moved.version };
        self.retry(delivery, || self.workflow.gallery.request_drawing(request)).await?;
        match self.retry(delivery, || self.workflow.store.save(&moved, &event)).await? {
            Saved::Done => Ok(()),
            Saved::Stale => self.leave_to_others(task, generation).await,
        }
    }

    /// Stops because someone else moved the task: saves what they need and nothing more.
    pub(super) async fn leave_to_others(&self, task: &Task, generation: &Generation) -> Result<(), GenerationError> {
        let now = self.workflow.store.find(task.id).await?;
        let status = now.as_ref().map(|now| now.status);
        tracing::info!(status = status.map(Status::as_str), "the task was moved meanwhile");
        let same = now.is_some_and(|now| now.attempt.claim == task.attempt.claim);
        match status {
            Some(Status::Paused | Status::Pending) if same => {
                self.save_checkpoint(task, generation, &mut Pace::default()).await;
            }
            None | Some(Status::Cancelled | Status::Deleted) => self.remove_checkpoint(task).await,
            _ => {}
        }
        Ok(())
    }
}

impl RunningTask {
    /// Reports how far it is; without a `preview` the previous one stays.
    fn report(&self, progress: &easel_model::StepProgress, preview: Option<Vec<u8>>) {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.heartbeat.report(|report| {
            report.step = small(progress.step);
            report.total = small(progress.total);
            report.stage = progress.stage.name().to_owned();
            report.remaining_seconds = Some(progress.remaining.as_secs_f64());
            if preview.is_some() {
                report.preview = preview;
            }
        });
    }

    /// Time since the claim.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Computes on a thread that no async task waits for.
pub(super) async fn on_blocking_thread<T: Send + 'static>(
    mut generation: Generation,
    work: impl FnOnce(&mut Generation) -> T + Send + 'static,
) -> Result<(Generation, T), GenerationError> {
    let done = tokio::task::spawn_blocking(move || {
        let result = work(&mut generation);
        (generation, result)
    });
    Ok(done.await?)
}
