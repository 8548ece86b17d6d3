//! Drawing a claimed task, step by step.

use std::path::Path;
use std::time::{Duration, Instant};

use easel_core::gallery::DrawRequest;
use easel_core::store::Saved;
use easel_core::task::{Change, Settings, Status, Task};
use easel_model::Generation;
use image::RgbImage;
use jiff::Timestamp;

use super::claiming::Claimed;
use super::pace::Pace;
use super::trouble::Trouble;
use super::vigil::Vigil;
use super::{Delivery, Outcome, Worker, encoding};
use crate::picture;

/// The largest picture that is read to start from, in bytes.
pub(super) const LARGEST_FILE: usize = 20 << 20;

/// A claimed task on the easel.
pub(super) struct Drawing {
    pub(super) task: Task,
    pub(super) vigil: Vigil,
    pub(super) pace: Pace,
    pub(super) began: Instant,
}

impl Worker {
    /// Draws the task, or as much of it as there is time for, and says what is to become of the message.
    pub(super) async fn draw_claimed(&self, claimed: Claimed, delivery: &Delivery) -> Outcome {
        let Claimed { task, progress, resumed } = claimed;
        let vigil = Vigil::begin(self.workflow.store.clone(), task.clone(), progress, self.options.clone());
        let mut drawing = Drawing { task, vigil, pace: Pace::default(), began: Instant::now() };
        let trouble = match self.go_on(&mut drawing, resumed, delivery).await {
            Ok(()) => return Outcome::Done,
            Err(trouble) => trouble,
        };
        tracing::error!(%trouble, "the task could not be drawn");
        let given_up = match &trouble {
            Trouble::Request(_) => true,
            Trouble::Passing(_) => false,
            Trouble::Broken(_) => delivery.count >= self.options.deliveries,
        };
        if given_up {
            match self.fail(&drawing.task, &trouble.to_string()).await {
                Ok(()) => return Outcome::Done,
                Err(trouble) => tracing::error!(%trouble, "the failure could not be told"),
            }
        }
        drawing.vigil.release().await;
        self.excuse(&trouble, delivery)
    }

    async fn go_on(
        &self,
        drawing: &mut Drawing,
        resumed: Option<Generation>,
        delivery: &Delivery,
    ) -> Result<(), Trouble> {
        let mut generation = match resumed {
            Some(generation) => generation,
            None => self.start(&drawing.task.attempt.settings).await?,
        };
        loop {
            if self.is_interrupted(drawing, &generation, delivery).await? {
                return Ok(());
            }
            let began = Instant::now();
            let (stepped, result) = on_a_thread(generation, Generation::advance).await?;
            generation = stepped;
            let progress = match result {
                Ok(Some(progress)) => progress,
                Ok(None) => break,
                Err(error) => {
                    // The generation is as it was before the step, for whoever tries next.
                    self.keep(&drawing.task, &generation, &mut drawing.pace).await;
                    return Err(error.into());
                }
            };
            drawing.pace.stepped(began.elapsed());
            drawing.vigil.stepped(drawing.pace.longest_step());
            let last = progress.step == progress.total;
            let mut preview = None;
            if drawing.vigil.wants_news() || last {
                let look = |generation: &mut Generation| generation.preview(0).and_then(|rgb| encoding::preview(&rgb));
                (generation, preview) = on_a_thread(generation, look).await?;
            }
            drawing.tell(&progress, preview);
            if last {
                drawing.vigil.write().await;
            }
            let due = last || progress.step.is_multiple_of(self.options.checkpoint_every);
            if due && drawing.pace.is_worth_saving() && !drawing.vigil.has_moved() {
                self.keep(&drawing.task, &generation, &mut drawing.pace).await;
            }
            self.report().await;
        }
        self.finish(drawing, generation, delivery).await
    }

    /// Reads the prompt and draws the noise, or reads the picture to start from.
    async fn start(&self, settings: &Settings) -> Result<Generation, Trouble> {
        let init = match &settings.init_image {
            Some(key) => Some(self.init_image(key).await?),
            None => None,
        };
        let request = self.studio.request(settings, init)?;
        let model = self.studio.model.clone();
        Ok(tokio::task::spawn_blocking(move || model.start(request)).await??)
    }

    async fn init_image(&self, key: &str) -> Result<RgbImage, Trouble> {
        let refused = |reason: String| Trouble::Request(format!("init_image: {reason}"));
        let object = match self.workflow.gallery.read(key, LARGEST_FILE).await {
            Ok(object) => {
                object.ok_or_else(|| refused(format!("nothing was uploaded as {key}: upload it and retry")))?
            }
            Err(easel_core::Error::TooLong { length, .. }) => {
                let limit = LARGEST_FILE >> 20;
                return Err(refused(format!("{key} has {} MiB, the limit is {limit}: make it smaller", length >> 20)));
            }
            Err(error) => return Err(error.into()),
        };
        let name = Path::new(key).to_owned();
        let decoded = tokio::task::spawn_blocking(move || picture::decode(&name, &object.bytes)).await?;
        decoded.map_err(|error| refused(error.to_string()))
    }

    /// Whether the drawing ends here: because the task moved, the worker is to stop, or its time is short.
    async fn is_interrupted(
        &self,
        drawing: &Drawing,
        generation: &Generation,
        delivery: &Delivery,
    ) -> Result<bool, Trouble> {
        if drawing.vigil.has_moved() {
            self.step_aside(&drawing.task, generation).await?;
            return Ok(true);
        }
        let stopping = delivery.stop.is_cancelled().then(|| "the worker is stopping".to_owned());
        let reason = stopping.or_else(|| drawing.pace.too_late(delivery.deadline, self.options.margin));
        if let Some(reason) = reason {
            self.hand_on(&drawing.task, generation, reason, delivery).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Leaves the rest to the next worker: checkpoint, request, move.
    async fn hand_on(
        &self,
        task: &Task,
        generation: &Generation,
        reason: String,
        delivery: &Delivery,
    ) -> Result<(), Trouble> {
        self.keep_patiently(task, generation, delivery).await?;
        let step = u32::try_from(generation.step()).unwrap_or(u32::MAX);
        tracing::info!(step, reason, "handing the rest on");
        let (moved, event) = task.after(Change::HandOn { step, reason }, &self.identity(), Timestamp::now())?;
        let request = DrawRequest { task: moved.id, version: moved.version };
        self.patiently(delivery, || self.workflow.gallery.request_drawing(request)).await?;
        match self.patiently(delivery, || self.workflow.store.save(&moved, &event)).await? {
            Saved::Done => Ok(()),
            Saved::Stale => self.step_aside(task, generation).await,
        }
    }

    /// Somebody moved the task: leaves what they need, and nothing else.
    pub(super) async fn step_aside(&self, task: &Task, generation: &Generation) -> Result<(), Trouble> {
        let now = self.workflow.store.find(task.id).await?;
        let status = now.as_ref().map(|now| now.status);
        tracing::info!(status = status.map(Status::as_str), "the task has moved on");
        let same = now.is_some_and(|now| now.attempt.claim == task.attempt.claim);
        match status {
            Some(Status::Paused | Status::Pending) if same => {
                self.keep(task, generation, &mut Pace::default()).await;
            }
            None | Some(Status::Cancelled | Status::Deleted) => self.forget(task).await,
            _ => {}
        }
        Ok(())
    }
}

impl Drawing {
    /// Tells how far it is; without a `preview` the one before stays.
    fn tell(&self, progress: &easel_model::Progress, preview: Option<Vec<u8>>) {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.vigil.tell(|told| {
            told.step = small(progress.step);
            told.total = small(progress.total);
            told.stage = progress.stage.name().to_owned();
            told.remaining_seconds = Some(progress.remaining.as_secs_f64());
            if preview.is_some() {
                told.preview = preview;
            }
        });
    }

    /// Time on the easel.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Computes where nobody else waits for the thread.
pub(super) async fn on_a_thread<T: Send + 'static>(
    mut generation: Generation,
    work: impl FnOnce(&mut Generation) -> T + Send + 'static,
) -> Result<(Generation, T), Trouble> {
    let done = tokio::task::spawn_blocking(move || {
        let result = work(&mut generation);
        (generation, result)
    });
    Ok(done.await?)
}
