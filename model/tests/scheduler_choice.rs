//! The scheduler and prediction type that a model is opened with.

use std::path::Path;

use easel_model::scheduler::{PredictionChoice, Sampler};
use easel_model::{
    Checkpoint, DeviceChoice, DevicePreference, Error, Generation, Model, ModelOptions, Precision, Requirement,
    ResolvedSettings,
};
use serde_json::{Value, json};

use crate::common::{copy, demo};

fn opened(base: &Path, prediction: Option<PredictionChoice>) -> Model {
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
    let options = ModelOptions { prediction, ..ModelOptions::default() };
    Model::open(base, &options, &choice).expect("the model opens")
}

fn settings() -> ResolvedSettings {
    ResolvedSettings { width: Some(64), height: Some(64), steps: 3, ..ResolvedSettings::new("a red heart") }
}

fn finished(mut generation: Generation) -> Vec<u8> {
    while generation.advance().expect("the step is done").is_some() {}
    generation.finish().expect("the image is decoded").remove(0).into_raw()
}

/// A copy of the demo model with these fields in its scheduler's configuration.
fn with_scheduler(folder: &Path, changes: &Value) {
    copy(&demo("base"), folder);
    let file = folder.join("scheduler/scheduler_config.json");
    let mut fields: Value = serde_json::from_slice(&std::fs::read(&file).expect("it is read")).expect("it is JSON");
    let changes = changes.as_object().expect("an object").clone();
    fields.as_object_mut().expect("an object").extend(changes);
    std::fs::write(&file, fields.to_string()).expect("it is written");
}

#[test]
fn a_scheduler_that_is_not_offered_is_replaced_with_a_warning() {
    let expected = finished(opened(&demo("base"), None).start(settings()).expect("the run starts"));
    for (name, changes, word) in [
        ("class", json!({"_class_name": "SASolverScheduler"}), "SASolverScheduler"),
        ("field", json!({"thresholding": true, "_class_name": "DDIMScheduler"}), "thresholding"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path().join(name);
        with_scheduler(&base, &changes);
        let model = opened(&base, None);
        let warnings = model.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(word) && warnings[0].contains("`euler`"), "{warnings:?}");
        let generation = model.start(settings()).expect("the run starts");
        assert_eq!(generation.warnings(), warnings);
        assert_eq!(generation.settings().scheduler, Some(Sampler::Euler.into()));
        assert!(finished(generation) == expected, "{name}");
        // Who names a scheduler is not told.
        let named = ResolvedSettings { scheduler: Some(Sampler::Lms.into()), ..settings() };
        assert!(model.start(named).expect("the run starts").warnings().is_empty());
    }
    // What the class does not read is not worth a word.
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_scheduler(folder.path(), &json!({"thresholding": true, "solver_order": 7, "predict_x0": false}));
    assert!(opened(folder.path(), None).warnings().is_empty());
}

#[test]
fn a_checkpoint_belongs_to_what_the_model_predicts() {
    let velocity: PredictionChoice = "v_prediction_zsnr".parse().expect("a choice");
    let (plain, told) = (opened(&demo("base"), None), opened(&demo("base"), Some(velocity)));
    let generation = told.start_traced(settings()).expect("the run starts");
    let timesteps = generation.trace().and_then(|trace| trace.numbers("timesteps")).expect("it is traced");
    assert_eq!(timesteps[0], 999.0);
    let saved = generation.checkpoint().to_bytes().expect("it can be saved");
    let checkpoint = || Checkpoint::from_bytes(&saved).expect("it can be read");
    assert!(matches!(plain.resume(checkpoint()), Err(Error::Checkpoint(_))));
    assert!(told.resume(checkpoint()).is_ok());
    let epsilon = "epsilon".parse().ok();
    let again = finished(opened(&demo("base"), epsilon).start(settings()).expect("the run starts"));
    assert!(again == finished(plain.start(settings()).expect("the run starts")));
}
