//! The files that look at images or enlarge them: opened, and kept open for the next tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use easel_images::{ControlRecord, ImagePromptRecord};
use easel_model::{
    ControlModel, DeviceChoice, ImageEncoderFiles, IpAdapter, Result, Upscaler, UpscalerFile, UpscalerShape,
};
use easel_models::offers::OfferedFile;
use easel_settings::Settings;

use super::room::Room;
use super::shelf::Shelf;

/// How many files of a kind stay open for the next tasks.
const KEPT: usize = 4;

/// A file that is offered, and what is in it.
pub(crate) struct OpenedFile<T> {
    pub(crate) offered: OfferedFile,
    pub(crate) content: Arc<T>,
}

/// What a task's images are looked at and enlarged with.
#[derive(Default)]
pub(crate) struct Guides {
    /// By the names that the settings' `controls` give.
    pub(crate) controls: BTreeMap<String, OpenedFile<ControlModel>>,
    pub(crate) image_adapter: Option<OpenedFile<IpAdapter>>,
    pub(crate) image_encoder: Option<OpenedFile<ImageEncoderFiles>>,
    /// What enlarges the finished images; none where nothing is enlarged or no file is needed.
    pub(crate) upscaler: Option<OpenedFile<Upscaler>>,
    /// What enlarges the image before a second pass, likewise.
    pub(crate) hires_upscaler: Option<OpenedFile<Upscaler>>,
}

impl Guides {
    /// What an image's metadata says of the control images that `settings` name.
    pub(super) fn control_records(&self, settings: &Settings) -> Vec<ControlRecord> {
        let record = |asked: &easel_settings::ControlReference| {
            let file = &self.controls.get(&asked.model)?.offered;
            Some(ControlRecord {
                name: file.name.clone(),
                digest: file.sha256.clone(),
                kind: asked.kind.clone(),
                preprocessor: asked.preprocess.map(|preprocessor| preprocessor.to_string()),
                image: file_name(&asked.image),
                scale: asked.scale,
                start: asked.start,
                end: asked.end,
            })
        };
        settings.controls.iter().flatten().filter_map(record).collect()
    }

    /// What it says of their image prompts.
    pub(super) fn image_prompt_records(&self, settings: &Settings) -> Vec<ImagePromptRecord> {
        let (Some(adapter), Some(encoder)) = (&self.image_adapter, &self.image_encoder) else { return Vec::new() };
        vec![ImagePromptRecord {
            name: adapter.offered.name.clone(),
            digest: adapter.offered.sha256.clone(),
            encoder: encoder.offered.sha256.clone(),
            images: settings.image_prompts.iter().flatten().map(|key| file_name(key)).collect(),
            scale: settings.image_prompt_scale.unwrap_or(1.0),
            start: 0.0,
            end: 1.0,
        }]
    }
}

/// The last part of a key.
fn file_name(key: &str) -> String {
    key.rsplit('/').next().unwrap_or(key).to_owned()
}

/// Files that are open.
pub(super) struct OpenedGuides {
    controls: Shelf<ControlModel>,
    image_adapters: Shelf<IpAdapter>,
    image_encoders: Shelf<ImageEncoderFiles>,
    upscalers: Shelf<Upscaler>,
}

impl Default for OpenedGuides {
    fn default() -> Self {
        Self {
            controls: Shelf::keeping(KEPT),
            image_adapters: Shelf::keeping(KEPT),
            image_encoders: Shelf::keeping(KEPT),
            upscalers: Shelf::keeping(KEPT),
        }
    }
}

impl OpenedGuides {
    /// The control model in a file, for which there has to be `room`.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`](easel_model::Error::InvalidRequest), with the name, if it is none that this model
    /// can use or does not fit; so do the others.
    pub(super) fn control(
        &self,
        offered: OfferedFile,
        device: &DeviceChoice,
        room: &mut Room,
    ) -> Result<OpenedFile<ControlModel>> {
        let content =
            self.controls.open(&offered.sha256, &offered, "controls", || ControlModel::open(&offered.path))?;
        room.take("controls", &quoted(&offered), content.count_numbers() * device.precision.bytes() as u64)?;
        Ok(OpenedFile { offered, content })
    }

    /// The IP-Adapter in a file.
    pub(super) fn image_adapter(
        &self,
        offered: OfferedFile,
        device: &DeviceChoice,
        room: &mut Room,
    ) -> Result<OpenedFile<IpAdapter>> {
        let open = || IpAdapter::open(&offered.path);
        let content = self.image_adapters.open(&offered.sha256, &offered, "image_adapter", open)?;
        room.take("image_adapter", &quoted(&offered), content.count_numbers() * sixteen_bits(device))?;
        Ok(OpenedFile { offered, content })
    }

    /// The image encoder in a file or folder.
    pub(super) fn image_encoder(
        &self,
        offered: OfferedFile,
        device: &DeviceChoice,
        room: &mut Room,
    ) -> Result<OpenedFile<ImageEncoderFiles>> {
        let open = || ImageEncoderFiles::open(&offered.path);
        let content = self.image_encoders.open(&offered.sha256, &offered, "image_adapter", open)?;
        let what = format!("the image encoder {}", quoted(&offered));
        room.take("image_adapter", &what, content.count_numbers() * sixteen_bits(device))?;
        Ok(OpenedFile { offered, content })
    }

    /// The upscaler in a file, on the device.
    pub(super) fn upscaler(
        &self,
        offered: OfferedFile,
        field: &'static str,
        device: &DeviceChoice,
        room: &mut Room,
    ) -> Result<OpenedFile<Upscaler>> {
        let key = format!("{} {}", offered.sha256, device.precision);
        let before = room.clone();
        let mut take = |shape: UpscalerShape| {
            *room = before.clone();
            room.take(field, &quoted(&offered), shape.count_numbers() * sixteen_bits(device))
        };
        let content = self.upscalers.open(&key, &offered, field, || {
            let file = UpscalerFile::open(&offered.path)?;
            take(file.shape())?;
            Upscaler::load(file, device)
        })?;
        // Where it was open before, too.
        take(content.shape())?;
        Ok(OpenedFile { offered, content })
    }
}

fn quoted(offered: &OfferedFile) -> String {
    format!("`{}`", offered.name)
}

/// Bytes of a number of what is never held in 8 bits.
fn sixteen_bits(device: &DeviceChoice) -> u64 {
    device.precision.bytes().max(2) as u64
}
