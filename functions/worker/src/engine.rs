//! The engine: the models on their device, and the files that a service offers beside them. The device is chosen once, before
//! the first image, for the model that draws unless a task names another.

mod adapters;
mod chosen;
mod enlarging;
mod examined;
mod guides;
mod offers;
mod on_demand;
mod opened_model;
mod options;
mod request;
mod room;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use easel_model::{DeviceChoice, Rung};
use easel_models::offers::{Catalogue, NamedModel, OfferKind};
use easel_storage::store::{DeviceRung, ModelDefaults, WorkerReport};
use jiff::Timestamp;
use parking_lot::Mutex;

use adapters::OpenedFiles;
use examined::Examined;
use guides::OpenedGuides;
use on_demand::is_on_demand;
use room::Room;

pub use chosen::Chosen;
pub(crate) use enlarging::draws_nothing;
pub use opened_model::OpenedModel;
pub use options::{EngineOptions, OFFERED};
pub(crate) use request::RequestImages;

use crate::error::{Error, Result};

/// The models on their device.
pub struct Engine {
    options: EngineOptions,
    /// The models by name; the first one draws unless a task names another. None if there is but one, which has a name of its
    /// own.
    named: Vec<NamedModel>,
    pub(crate) device: DeviceChoice,
    /// The models that are open, the one that was used last first; never none.
    opened: Mutex<Vec<Arc<OpenedModel>>>,
    /// The name of the model that draws unless a task names another.
    default_name: String,
    /// What that model does where nothing else is asked for.
    defaults: ModelDefaults,
    /// Bytes that models may take in memory, all together.
    room: u64,
    /// What can be asked for by name, of each kind that is offered.
    catalogues: BTreeMap<OfferKind, Catalogue>,
    files: OpenedFiles,
    guides: OpenedGuides,
    examined: Examined,
    looked: Mutex<Option<Instant>>,
    /// How long opening took, in seconds.
    pub(crate) opening_seconds: f64,
}

impl Engine {
    /// Chooses the device and opens the first model, which is fetched first if it is not on this machine. This takes a while,
    /// so it must not run on a thread of an async runtime.
    ///
    /// # Errors
    /// Fails if the model cannot be fetched or opened, if a device that was named is not available, or if what is to be
    /// offered is in no folder and at no address.
    pub fn open(options: &EngineOptions) -> Result<Self> {
        let began = Instant::now();
        let cache = options.cache.as_deref();
        let mut catalogues = BTreeMap::new();
        for (kind, option) in OFFERED {
            if let Some(named) = options.offered.get(&kind) {
                catalogues.insert(kind, Catalogue::open(kind, option, named, cache)?);
            }
        }
        let named = options.models.clone();
        let (model, device) = OpenedModel::open_first(named.first(), options)?;
        // What the first model takes from now on is counted as its own.
        let room = device.free_memory();
        let opening_seconds = began.elapsed().as_secs_f64();
        tracing::info!(
            model = model.name,
            refiner = model.refiner_name,
            device = device.name,
            opening_seconds,
            "the model is loaded"
        );
        Ok(Self {
            options: options.clone(),
            named,
            device,
            default_name: model.name.clone(),
            defaults: model.defaults(),
            opened: Mutex::new(vec![Arc::new(model)]),
            room,
            catalogues,
            files: OpenedFiles::default(),
            guides: OpenedGuides::default(),
            examined: Examined::default(),
            looked: Mutex::new(None),
            opening_seconds,
        })
    }

    /// The model with this name, or the one that draws unless a task names another. It is opened if it is not, and those that
    /// were used longest ago are closed where all of them would not fit. This takes a while.
    ///
    /// # Errors
    /// Returns [`Error::WrongUse`] if there is none with the name; fails if it cannot be fetched or opened.
    pub fn model(&self, name: Option<&str>) -> Result<Arc<OpenedModel>> {
        let name = name.unwrap_or(&self.default_name);
        let mut opened = self.opened.lock();
        if let Some(place) = opened.iter().position(|model| model.name == name) {
            let model = opened.remove(place);
            opened.insert(0, model.clone());
            return Ok(model);
        }
        let Some(named) = self.named.iter().find(|model| model.name == name) else {
            return Err(Error::WrongUse(format!(
                "there is no model `{name}`: there are {}",
                self.model_names().join(", ")
            )));
        };
        let began = Instant::now();
        let sources = OpenedModel::sources(Some(named), &self.options)?;
        let device = OpenedModel::device(&sources, &self.options, &self.device)?;
        let needed = OpenedModel::memory(&sources, &device);
        let kept = fitting(opened.iter().map(|model| model.expected_memory), needed, self.room);
        for model in opened.drain(kept..) {
            tracing::info!(model = model.name, "closing a model to make room for another");
        }
        let model = Arc::new(OpenedModel::of(name, sources, device));
        tracing::info!(model = name, seconds = began.elapsed().as_secs_f64(), "another model is loaded");
        opened.insert(0, model.clone());
        Ok(model)
    }

    /// Closes the models that were used longest ago where all of them would not fit beside what a task takes.
    fn make_room(&self, model: &OpenedModel, task: &Room) {
        let mut opened = self.opened.lock();
        let is_other = |other: &Arc<OpenedModel>| other.name != model.name;
        let others = opened.iter().filter(|other| is_other(other)).map(|other| other.expected_memory);
        let mut left = fitting(others, task.taken(), self.room);
        opened.retain(|other| {
            let stays = !is_other(other) || left > 0;
            left -= usize::from(is_other(other) && stays);
            stays
        });
    }

    /// The names of all models, the one that draws unless a task names another first.
    #[must_use]
    pub fn model_names(&self) -> Vec<&str> {
        if self.named.is_empty() {
            return vec![&self.default_name];
        }
        self.named.iter().map(|model| model.name.as_str()).collect()
    }

    /// The report of a worker with this engine, for `/health`.
    #[must_use]
    pub fn report(&self, worker: &str) -> WorkerReport {
        let model = self.opened.lock().first().cloned();
        let has_refiner = model.as_ref().is_some_and(|model| model.model.has_refiner());
        WorkerReport {
            worker: worker.to_owned(),
            at: Timestamp::now(),
            sdxl_available: true,
            device: self.device.kind().to_owned(),
            base_model_loaded: true,
            refiner_model_loaded: has_refiner,
            refinement_enabled: has_refiner,
            backend: self.device.backend.to_string(),
            device_name: self.device.name.clone(),
            compute_capability: self.device.compute_capability.clone(),
            precision: self.device.precision.to_string(),
            fallback_reason: self.device.fallback_reason.clone(),
            ladder: self.device.ladder.iter().map(rung).collect(),
            model: model.map_or_else(|| self.default_name.clone(), |model| model.name.clone()),
            defaults: Some(self.defaults.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cold_start_seconds: self.opening_seconds,
            on_demand: is_on_demand(),
        }
    }
}

/// How many of the models that are open, which take these bytes each, may stay open beside one that needs `needed` bytes.
/// What computations take is counted once.
fn fitting(opened: impl Iterator<Item = u64>, needed: u64, room: u64) -> usize {
    let weights = |bytes: u64| bytes.saturating_sub(easel_model::Model::WORKING_MEMORY);
    let mut taken = needed;
    let fits = |bytes: &u64| {
        taken = taken.saturating_add(weights(*bytes));
        taken <= room
    };
    opened.take_while(fits).count()
}

fn rung(rung: &Rung) -> DeviceRung {
    DeviceRung { backend: rung.backend.to_string(), is_used: rung.is_used, reason: rung.reason.clone() }
}

/// The report of a worker whose engine could not be opened.
#[must_use]
pub fn unavailable(worker: &str, error: &Error) -> WorkerReport {
    let none = || "none".to_owned();
    WorkerReport {
        worker: worker.to_owned(),
        at: Timestamp::now(),
        sdxl_available: false,
        device: none(),
        base_model_loaded: false,
        refiner_model_loaded: false,
        refinement_enabled: false,
        backend: none(),
        device_name: none(),
        compute_capability: None,
        precision: none(),
        fallback_reason: Some(error.to_string()),
        ladder: Vec::new(),
        model: none(),
        defaults: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cold_start_seconds: 0.0,
        on_demand: is_on_demand(),
    }
}

#[cfg(test)]
mod tests {
    use easel_model::Model;
    use easel_settings::Settings;

    use super::*;

    #[test]
    fn models_stay_open_where_they_fit() {
        let (working, gigabyte) = (Model::WORKING_MEMORY, 1 << 30);
        let open = [7 * gigabyte + working, 3 * gigabyte + working];
        let kept = |room| fitting(open.into_iter(), 7 * gigabyte + working, room);
        assert_eq!(kept(17 * gigabyte + working), 2);
        assert_eq!(kept(17 * gigabyte + working - 1), 1);
        assert_eq!(kept(14 * gigabyte + working - 1), 0);
        assert_eq!(fitting([].into_iter(), 1, 0), 0);
    }

    #[test]
    fn a_task_that_does_not_fit_is_refused_before_anything_is_loaded() {
        let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/tests/data/adapters/files");
        let encoders = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(encoders.path().join("clip")).expect("made");
        for file in ["config.json", "model.safetensors"] {
            let to = encoders.path().join("clip").join(file);
            std::fs::copy(files.join("ip/image_encoder").join(file), to).expect("copied");
        }
        let offered = [
            (OfferKind::Control, files.clone()),
            (OfferKind::ImageAdapter, files.join("ip")),
            (OfferKind::ImageEncoder, encoders.path().to_owned()),
        ];
        let options = EngineOptions { offered: offered.into(), ..EngineOptions::default() };
        let mut engine = Engine::open(&options).expect("the demo model opens");
        let plain = Settings::new("a heart");
        let controlled = Settings {
            controls: Some(vec!["t2i_adapter=inputs/a.png".parse().expect("a control image")]),
            ..plain.clone()
        };
        let prompted = Settings {
            image_adapter: Some("ip-adapter".to_owned()),
            image_prompts: Some(vec!["inputs/a.png".to_owned()]),
            ..plain.clone()
        };
        for settings in [&plain, &controlled, &prompted] {
            engine.choose(settings, &[]).expect("it fits");
        }
        engine.room = engine.model(None).expect("it is open").expected_memory;
        engine.choose(&plain, &[]).expect("the model alone fits");
        for (settings, words) in
            [(controlled, "controls: `t2i_adapter` needs "), (prompted, "image_adapter: `ip-adapter` needs ")]
        {
            let error = engine.choose(&settings, &[]).err().expect("it does not fit").to_string();
            assert!(error.starts_with(words) && error.contains("this worker has"), "{error}");
        }
    }
}
