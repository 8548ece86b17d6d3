//! Generating a claimed task's images, step by step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use easel_domain::task::{Settings, Task};
use easel_model::Generation;

use super::claiming::ClaimedTask;
use super::generation_error::GenerationError;
use super::heartbeat::Heartbeat;
use super::pace::Pace;
use super::{Delivery, DeliveryOutcome, Worker, image_files};
use crate::engine::{Chosen, draws_nothing};

/// A claimed task that is being generated.
pub(super) struct RunningTask {
    pub(super) task: Task,
    /// What it is drawn with.
    pub(super) chosen: Arc<Chosen>,
    pub(super) heartbeat: Heartbeat,
    pub(super) pace: Pace,
    pub(super) began: Instant,
    /// When it was last seen whether others wait.
    pub(super) looked_for_others: Option<Instant>,
}

impl Worker {
    /// Generates the task's images, or as much of them as there is time for.
    pub(super) async fn generate_claimed(&self, claimed: ClaimedTask, delivery: &Delivery) -> DeliveryOutcome {
        let ClaimedTask { task, progress, chosen, resumed } = claimed;
        let heartbeat = Heartbeat::begin(self.workflow.store.clone(), task.clone(), progress, self.options.clone());
        let (pace, began) = (Pace::default(), Instant::now());
        let mut running = RunningTask { task, chosen, heartbeat, pace, began, looked_for_others: None };
        match self.run_steps(&mut running, resumed, delivery).await {
            Ok(()) => DeliveryOutcome::Done,
            Err(error) => self.leave_failed(running, &error, delivery).await,
        }
    }

    async fn run_steps(
        &self,
        running: &mut RunningTask,
        resumed: Option<Generation>,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        if draws_nothing(&running.task.attempt.settings) {
            return self.enlarge_alone(running, delivery).await;
        }
        let mut generation = match resumed {
            Some(generation) => generation,
            None => self.start(&running.task.attempt.settings, &running.chosen, delivery).await?,
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
                let render = |generation: &mut Generation| {
                    let previews =
                        (0..generation.settings().count as usize).filter_map(|image| generation.preview(image));
                    image_files::preview(&image_files::side_by_side(previews.collect())?)
                };
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

    /// Starts the generation: reads the images that the settings name and encodes the prompt.
    async fn start(
        &self,
        settings: &Settings,
        chosen: &Arc<Chosen>,
        delivery: &Delivery,
    ) -> Result<Generation, GenerationError> {
        let images = self.images(settings, delivery).await?;
        let (chosen, settings) = (chosen.clone(), settings.clone());
        let starting = move || chosen.model.model.start(chosen.request(&settings, images)?);
        Ok(tokio::task::spawn_blocking(starting).await??)
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
