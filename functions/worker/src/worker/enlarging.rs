//! Tasks that enlarge an image as it is: nothing is drawn.

use easel_domain::task::GenerationReport;
use easel_settings::ResolvedSettings;

use super::finishing::record;
use super::generating::RunningTask;
use super::generation_error::GenerationError;
use super::image_files::encode;
use super::{Delivery, Worker};

impl Worker {
    /// Enlarges the init image, stores it in the gallery and makes the move.
    pub(super) async fn enlarge_alone(
        &self,
        running: &mut RunningTask,
        delivery: &Delivery,
    ) -> Result<(), GenerationError> {
        running.heartbeat.report(|report| report.stage = "enlarge".to_owned());
        let asked = running.task.attempt.settings.clone();
        let init = self.images(&asked, delivery).await?.into_init();
        let init = init.ok_or_else(|| GenerationError::Request("init_image: there is none to enlarge".to_owned()))?;
        let (chosen, settings) = (running.chosen.clone(), asked.clone());
        let image = tokio::task::spawn_blocking(move || chosen.enlarge(&settings, init)).await??;
        let (width, height) = image.dimensions();
        let resolved = ResolvedSettings { width: Some(width), height: Some(height), ..asked.resolve() };
        let mut images = Vec::new();
        for index in 0..resolved.count {
            let files = encode(&image, &record(running, &resolved.alone(index)))?;
            images.push(self.store_image(&running.task, index, files, delivery).await?);
        }
        let report = self.generation_report(running, &resolved, &[], &images);
        let report = GenerationReport { steps: 0, refined: false, ..report };
        if !self.save_finished(running, images, report, delivery).await? {
            tracing::info!("the task was moved meanwhile");
        }
        Ok(())
    }
}
