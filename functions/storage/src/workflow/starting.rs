//! The images that tasks are made with: whose they are, and copies of other tasks' images.
//!
//! A task that starts from another task's image gets a copy of it among the uploads of whoever asks. The copy belongs to them
//! like any upload, so that it stays when the other task goes, and goes with the last task that needs it. Its key follows from
//! the image's, and says where it is from.

use easel_domain::identity::Identity;
use easel_domain::task::{Settings, Status};
use easel_domain::{self as domain, TaskImage};
use easel_settings::{FieldError, SIDES, quoted};

use super::Workflow;
use crate::error::Result;
use crate::gallery::keys::{self, Origin};

/// A copy that has to be made before the task that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageCopy {
    from: String,
    to: String,
}

impl Workflow {
    /// Checks that each image that settings name is an upload of one of `uploaders`, or another task's image that `by` may
    /// see; to everybody else it does not exist. A task's image is replaced by its copy, which is yet to be made. Images among
    /// `before` are those of an earlier attempt, and stay.
    ///
    /// # Errors
    /// Returns [`Invalid`](domain::Error::Invalid) with every image that is not there, [`Unavailable`](crate::Error::Unavailable) if a
    /// service fails.
    pub(super) async fn take_images(
        &self,
        settings: &mut Settings,
        by: &Identity,
        uploaders: &[&str],
        before: &[&str],
    ) -> Result<Vec<ImageCopy>> {
        let (mut copies, mut errors) = (Vec::new(), Vec::new());
        for (field, key) in settings.images_mut() {
            if before.contains(&key.as_str()) {
                continue;
            }
            let taken = match TaskImage::named(key) {
                Some(Ok(image)) => self.copy_of(image, by).await?,
                Some(Err(wrong)) => Err(wrong),
                None => self.check_upload(key, uploaders).await?.map(|()| None),
            };
            match taken {
                Ok(copy) => copies.extend(copy.inspect(|copy| key.clone_from(&copy.to))),
                Err(message) => errors.push(FieldError::new(field, message)),
            }
        }
        if errors.is_empty() {
            errors.extend(self.wrong_size(settings, &copies).await?);
        }
        if errors.is_empty() { Ok(copies) } else { Err(domain::Error::Invalid(errors).into()) }
    }

    /// What is wrong with the size of an init image, or of its mask, as far as their files say how large they are. `copies` are
    /// yet to be made.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub(crate) async fn wrong_size(&self, settings: &Settings, copies: &[ImageCopy]) -> Result<Option<FieldError>> {
        let Some(init) = &settings.init_image else { return Ok(None) };
        let there = |key: &String| copies.iter().find(|copy| copy.to == *key).map_or(key, |copy| &copy.from).clone();
        let Some(init) = self.gallery.image_size(&there(init)).await? else { return Ok(None) };
        // Nothing is drawn where it is enlarged as it is, and the model's own size is drawn where a part is cut out.
        let is_drawn = settings.strength != Some(0.0) && settings.mask_crop.is_none();
        for (side, asked, name) in [(init.0, settings.width, "width"), (init.1, settings.height, "height")] {
            if is_drawn && asked.is_none() && !SIDES.contains(&(side / 8 * 8)) {
                let (least, most) = (SIDES.start(), SIDES.end());
                let message = format!(
                    "is {}×{} pixels, and {side} is out of bounds ({least} to {most}): give a {name}, or another image",
                    init.0, init.1
                );
                return Ok(Some(FieldError::new("init_image", message)));
            }
        }
        let Some(mask) = &settings.mask else { return Ok(None) };
        let Some(mask) = self.gallery.image_size(&there(mask)).await? else { return Ok(None) };
        // A photo may be turned as its metadata say.
        if mask == init || mask == (init.1, init.0) {
            return Ok(None);
        }
        let message = format!(
            "is {}×{} pixels, but the init image is {}×{}: give a mask of the init image's size",
            mask.0, mask.1, init.0, init.1
        );
        Ok(Some(FieldError::new("mask", message)))
    }

    /// Makes the copies.
    ///
    /// # Errors
    /// Returns [`Conflict`](domain::Error::Conflict) if an image went meanwhile, [`Unavailable`](crate::Error::Unavailable) if S3 fails.
    pub(super) async fn copy_images(&self, copies: &[ImageCopy]) -> Result<()> {
        for ImageCopy { from, to } in copies {
            self.gallery.copy(from, to).await?;
        }
        Ok(())
    }

    /// The copy of a task's image for `by`; in words why there is none. Another's task and one that is not there are the same.
    async fn copy_of(&self, image: TaskImage, by: &Identity) -> Result<Result<Option<ImageCopy>, String>> {
        let TaskImage { task: id, index } = image;
        let task = self.store.find(id).await?;
        let seen = task.filter(|task| by.may_see(task).is_ok() && task.status != Status::Deleted);
        let Some(task) = seen else { return Ok(Err(format!("there is no task {id}"))) };
        let images = &task.attempt.images;
        let Some(image) = images.iter().find(|image| image.index == index) else {
            return Ok(Err(match images.len() {
                0 => format!("task {id} has no images yet: wait until it is drawn"),
                count => format!("task {id} has {count} images, which are counted from 0: there is no {index}"),
            }));
        };
        if self.gallery.facts(&image.key).await?.is_none() {
            return Ok(Err(format!("the image of task {id} is gone: it was not approved in time")));
        }
        let origin = Origin { task: id, attempt: task.attempt.number, index };
        Ok(Ok(Some(ImageCopy { from: image.key.clone(), to: keys::copied(&by.name, origin) })))
    }

    /// Whether one of `uploaders` has uploaded something under `key`; in words why not.
    async fn check_upload(&self, key: &str, uploaders: &[&str]) -> Result<Result<(), String>> {
        if !key.starts_with(keys::INPUTS) {
            let message =
                "is not the key of an upload, which `POST /v1/uploads` gives, nor another task's image, task:ID/0";
            return Ok(Err(format!("`{}` {message}", quoted(key))));
        }
        let is_theirs = uploaders.iter().any(|name| key.starts_with(&keys::inputs_of(name)));
        if !is_theirs || self.gallery.facts(key).await?.is_none() {
            return Ok(Err(format!("nothing has been uploaded as `{}` yet", quoted(key))));
        }
        Ok(Ok(()))
    }
}
