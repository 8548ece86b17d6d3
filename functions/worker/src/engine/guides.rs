//! The files that look at images or enlarge them: opened, and kept open for the next tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use easel_images::{ControlRecord, ImagePromptRecord};
use easel_model::{ControlModel, DeviceChoice, Error, ImageEncoderFiles, IpAdapter, Result, Upscaler, UpscalerFile};
use easel_models::offers::OfferedFile;
use easel_settings::Settings;
use parking_lot::Mutex;

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
                preprocessor: None,
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

/// Files that are open, the ones that were used last first.
#[derive(Default)]
pub(super) struct OpenedGuides {
    controls: Shelf<ControlModel>,
    image_adapters: Shelf<IpAdapter>,
    image_encoders: Shelf<ImageEncoderFiles>,
    upscalers: Shelf<Upscaler>,
}

impl OpenedGuides {
    /// The control model in a file.
    ///
    /// # Errors
    /// Returns [`Error::InvalidRequest`], with the name, if it is none that this model can use; so do the others.
    pub(super) fn control(&self, offered: OfferedFile) -> Result<OpenedFile<ControlModel>> {
        self.controls.open(offered, "controls", |file| ControlModel::open(&file.path))
    }

    /// The IP-Adapter in a file.
    pub(super) fn image_adapter(&self, offered: OfferedFile) -> Result<OpenedFile<IpAdapter>> {
        self.image_adapters.open(offered, "image_adapter", |file| IpAdapter::open(&file.path))
    }

    /// The image encoder in a file or folder.
    pub(super) fn image_encoder(&self, offered: OfferedFile) -> Result<OpenedFile<ImageEncoderFiles>> {
        self.image_encoders.open(offered, "image_adapter", |file| ImageEncoderFiles::open(&file.path))
    }

    /// The upscaler in a file, on the device.
    pub(super) fn upscaler(
        &self,
        offered: OfferedFile,
        field: &'static str,
        device: &DeviceChoice,
    ) -> Result<OpenedFile<Upscaler>> {
        let key = format!("{} {}", offered.sha256, device.precision);
        self.upscalers.open_as(key, offered, field, |file| Upscaler::load(UpscalerFile::open(&file.path)?, device))
    }
}

/// Contents by the digests of their files.
struct Shelf<T>(Mutex<Vec<(String, Arc<T>)>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    fn open(
        &self,
        offered: OfferedFile,
        field: &'static str,
        open: impl FnOnce(&OfferedFile) -> Result<T>,
    ) -> Result<OpenedFile<T>> {
        self.open_as(offered.sha256.clone(), offered, field, open)
    }

    fn open_as(
        &self,
        key: String,
        offered: OfferedFile,
        field: &'static str,
        open: impl FnOnce(&OfferedFile) -> Result<T>,
    ) -> Result<OpenedFile<T>> {
        let mut opened = self.0.lock();
        let content = match opened.iter().position(|(known, _)| *known == key) {
            Some(place) => opened.remove(place).1,
            None => Arc::new(open(&offered).map_err(|error| {
                // Who asks for it by name learns nothing of where the worker has it.
                let place = offered.path.display().to_string();
                Error::invalid(field, format!("`{}`: {}", offered.name, error.to_string().replace(&place, "its file")))
            })?),
        };
        opened.insert(0, (key, content.clone()));
        opened.truncate(KEPT);
        Ok(OpenedFile { offered, content })
    }
}
