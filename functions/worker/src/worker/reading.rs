//! Reading the images that a task is made with.

use std::path::Path;

use easel_domain::task::Settings;
use easel_images::{ImageFileError, decode, decode_mask};
use easel_storage::uploads::LARGEST_FILE;

use super::generation_error::GenerationError;
use super::{Delivery, Worker};
use crate::engine::RequestImages;

impl Worker {
    /// Every image that the settings name. What is wrong with one is said with its field.
    pub(super) async fn images(
        &self,
        settings: &Settings,
        delivery: &Delivery,
    ) -> Result<RequestImages, GenerationError> {
        let mut images = RequestImages::default();
        for (field, key) in settings.images() {
            match field.as_str() {
                "mask" => images.mask = Some(self.image(&field, key, delivery, decode_mask).await?),
                "init_image" => images.init = Some(self.image(&field, key, delivery, decode).await?),
                of_control if of_control.starts_with("controls") => {
                    images.controls.push(self.image(&field, key, delivery, decode).await?);
                }
                _ => images.prompts.push(self.image(&field, key, delivery, decode).await?),
            }
        }
        Ok(images)
    }

    async fn image<T: Send + 'static>(
        &self,
        field: &str,
        key: &str,
        delivery: &Delivery,
        decode: fn(&Path, &[u8]) -> Result<T, ImageFileError>,
    ) -> Result<T, GenerationError> {
        let refused = |reason: String| GenerationError::Request(format!("{field}: {reason}"));
        let gallery = &self.workflow.gallery;
        let facts = self.retry(delivery, || gallery.facts(key)).await?;
        let gone = || refused(format!("nothing was uploaded as {key}: upload it and retry"));
        let length = facts.ok_or_else(gone)?.length;
        if length > LARGEST_FILE as u64 {
            let limit = LARGEST_FILE >> 20;
            return Err(refused(format!("{key} has {} MiB, the limit is {limit}: make it smaller", length >> 20)));
        }
        let object = self.retry(delivery, || gallery.read(key, LARGEST_FILE)).await?.ok_or_else(gone)?;
        let name = Path::new(key).to_owned();
        let decoded = tokio::task::spawn_blocking(move || decode(&name, &object.bytes)).await?;
        decoded.map_err(|error| refused(error.to_string()))
    }
}
