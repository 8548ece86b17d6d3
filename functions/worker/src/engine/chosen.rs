//! What a task is drawn with: the model and the files behind the names in its settings.

use std::sync::Arc;

use easel_domain::task::{MAX_USED_FILES, Settings, UsedFile, UsedKind};
use easel_images::{ControlRecord, EmbeddingRecord, ImagePromptRecord, LoraRecord, UpscaleRecord};
use easel_model::RequestedLora;
use easel_models::offers::{Catalogue, OfferError, OfferKind, OfferedFile};
use easel_settings::{LANCZOS_UPSCALER, LATENT_UPSCALER};

use super::guides::Guides;
use super::room::Room;
use super::{Engine, OpenedModel, adapters};
use crate::error::{Error, Result};

/// Most LoRAs of a task, those that its prompt names included.
const MAX_LORAS: usize = 16;

/// The model and the files that a task is drawn with.
pub struct Chosen {
    pub(crate) model: Arc<OpenedModel>,
    pub(crate) loras: Vec<RequestedLora>,
    /// What an image's metadata says of them.
    pub(crate) lora_records: Vec<LoraRecord>,
    pub(crate) embeddings: Vec<OfferedFile>,
    /// What an image's metadata says of them.
    pub(crate) embedding_records: Vec<EmbeddingRecord>,
    pub(crate) guides: Guides,
    /// What is left of the memory beside all that.
    pub(crate) room: Room,
    /// What an image's metadata says of them.
    pub(crate) control_records: Vec<ControlRecord>,
    pub(crate) image_prompt_records: Vec<ImagePromptRecord>,
    pub(crate) upscale_record: Option<UpscaleRecord>,
    /// What is written down of them.
    pub(crate) used: Vec<UsedFile>,
}

impl Engine {
    /// What a task with these settings is drawn with. `before` are the files that it has been drawn with, or that an earlier
    /// attempt was: where they have the same names, they have to be the same. This takes a while.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if a name is not offered, or stands for another file than before; fails if a file cannot be
    /// fetched or read, and where the memory does not hold all of it at once.
    pub fn choose(&self, settings: &Settings, before: &[UsedFile]) -> Result<Chosen> {
        let model = self.model(settings.model.as_deref())?;
        let mut named: Vec<(String, String)> = Vec::new();
        for lora in settings.loras.iter().flatten() {
            named.push((lora.name.clone(), lora.weight.to_string()));
        }
        named.extend(adapters::named_in_prompt(settings));
        if named.len() > MAX_LORAS {
            let message = format!("the settings and the prompt name {} LoRAs, the limit is {MAX_LORAS}", named.len());
            return Err(Error::WrongUse(message));
        }
        let find_lora = |(name, weights): &(String, String)| -> Result<(OfferedFile, String)> {
            Ok((self.find(OfferKind::Lora, name)?, weights.clone()))
        };
        let found = named.iter().map(find_lora).collect::<Result<Vec<_>>>()?;
        let mut embeddings: Vec<OfferedFile> = Vec::new();
        for name in settings.embeddings.iter().flatten() {
            if embeddings.iter().all(|file| file.name != *name) {
                embeddings.push(self.find(OfferKind::Embedding, name)?);
            }
        }
        let mut room = Room::beside(model.expected_memory, self.room);
        let guides = self.guides(settings, &model, &mut room)?;
        self.make_room(&model, &room);
        let used = used(&model, found.iter().map(|(file, _)| file), &embeddings, &guides);
        for file in &used {
            check_same(file, settings, before)?;
        }
        let open = |(file, weights): &(OfferedFile, String)| self.files.lora(file, weights);
        let (loras, lora_records) =
            found.iter().map(open).collect::<easel_model::Result<Vec<_>>>()?.into_iter().unzip();
        let record = |file: &OfferedFile| EmbeddingRecord { name: file.name.clone(), digest: file.sha256.clone() };
        let embedding_records = embeddings.iter().map(record).collect();
        Ok(Chosen {
            model,
            loras,
            lora_records,
            embeddings,
            embedding_records,
            control_records: guides.control_records(settings),
            image_prompt_records: guides.image_prompt_records(settings),
            upscale_record: guides.upscale_record(settings),
            guides,
            room,
            used,
        })
    }

    /// The files that look at images or enlarge them, each once, as far as there is `room` for them.
    fn guides(&self, settings: &Settings, model: &OpenedModel, room: &mut Room) -> Result<Guides> {
        let (mut guides, device) = (Guides::default(), &model.device);
        for control in settings.controls.iter().flatten() {
            if !guides.controls.contains_key(&control.model) {
                let file = self.guides.control(self.find(OfferKind::Control, &control.model)?, device, room)?;
                guides.controls.insert(control.model.clone(), file);
            }
        }
        if let Some(name) = &settings.image_adapter {
            guides.image_adapter =
                Some(self.guides.image_adapter(self.find(OfferKind::ImageAdapter, name)?, device, room)?);
            guides.image_encoder = Some(self.guides.image_encoder(self.image_encoder(name)?, device, room)?);
        }
        let mut upscaler = |field, name: &String| -> Result<_> {
            Ok(self.guides.upscaler(self.find(OfferKind::Upscaler, name)?, field, device, room)?)
        };
        let of_images = settings.upscaler.as_ref().filter(|name| *name != LANCZOS_UPSCALER);
        guides.upscaler = of_images.map(|name| upscaler("upscaler", name)).transpose()?;
        let of_pass = settings.hires_upscaler.as_ref().filter(|_| settings.hires_scale.is_some());
        let of_pass = of_pass.filter(|name| ![LANCZOS_UPSCALER, LATENT_UPSCALER].contains(&name.as_str()));
        guides.hires_upscaler = of_pass.map(|name| upscaler("hires_upscaler", name)).transpose()?;
        Ok(guides)
    }

    /// What reads images for an adapter: the encoder of the same name, else the only one.
    fn image_encoder(&self, adapter: &str) -> Result<OfferedFile> {
        let kind = OfferKind::ImageEncoder;
        let named = self.find(kind, adapter);
        if named.is_ok() {
            return named;
        }
        let names = self.catalogues.get(&kind).map(Catalogue::names).unwrap_or_default();
        match names.as_slice() {
            [one] => self.find(kind, &one.name),
            [] => Err(Error::WrongUse(format!(
                "image_adapter: no image encoder is offered to read images for `{adapter}`: start the workers with \
                 EASEL_IMAGE_ENCODERS"
            ))),
            _ => Err(Error::WrongUse(format!(
                "image_adapter: several image encoders are offered: call the one of `{adapter}` by the same name"
            ))),
        }
    }

    /// The file with this name.
    fn find(&self, kind: OfferKind, name: &str) -> Result<OfferedFile> {
        let none = || OfferError::Unknown { kind, name: name.to_owned(), names: Vec::new() };
        let found = self.catalogues.get(&kind).ok_or_else(none).and_then(|catalogue| catalogue.find(name));
        found.map_err(|error| match error {
            OfferError::Unreadable { .. } => Error::Failed(error.to_string()),
            OfferError::Unknown { .. } | OfferError::Ambiguous { .. } => Error::WrongUse(error.to_string()),
        })
    }
}

/// Each file once, the model first.
fn used<'f>(
    model: &OpenedModel,
    loras: impl Iterator<Item = &'f OfferedFile>,
    embeddings: &[OfferedFile],
    guides: &Guides,
) -> Vec<UsedFile> {
    let file = |kind, file: &OfferedFile| UsedFile { kind, name: file.name.clone(), digest: file.sha256.clone() };
    let mut used = vec![UsedFile {
        kind: UsedKind::Model,
        name: model.name.clone(),
        digest: model.model.weights_fingerprint().to_owned(),
    }];
    used.extend(loras.map(|lora| file(UsedKind::Lora, lora)));
    used.extend(embeddings.iter().map(|embedding| file(UsedKind::Embedding, embedding)));
    used.extend(guides.controls.values().map(|control| file(UsedKind::Control, &control.offered)));
    used.extend(guides.image_adapter.iter().map(|adapter| file(UsedKind::ImageAdapter, &adapter.offered)));
    used.extend(guides.image_encoder.iter().map(|encoder| file(UsedKind::ImageEncoder, &encoder.offered)));
    let upscalers = [&guides.upscaler, &guides.hires_upscaler];
    used.extend(upscalers.into_iter().flatten().map(|upscaler| file(UsedKind::Upscaler, &upscaler.offered)));
    used.sort_by_key(|file| file.kind);
    used.dedup();
    used.truncate(MAX_USED_FILES);
    used
}

/// Whether a file that was used before under its name is the same. A model that nobody named may be another.
///
/// # Errors
/// Returns [`Error::WrongUse`] if it is another.
fn check_same(file: &UsedFile, settings: &Settings, before: &[UsedFile]) -> Result<()> {
    let was = before.iter().find(|before| before.kind == file.kind && before.name == file.name);
    let Some(was) = was.filter(|was| was.digest != file.digest && was.is_named_by(settings)) else { return Ok(()) };
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    Err(Error::WrongUse(format!(
        "the {} `{}` has been replaced since this task was first drawn with it (it was {}…, it is {}…): put the earlier file \
         back and retry, or make a new task to use this one",
        file.kind.as_str(),
        file.name,
        short(&was.digest),
        short(&file.digest)
    )))
}
