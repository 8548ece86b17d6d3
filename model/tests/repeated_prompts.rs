//! A prompt met again is neither encoded again nor are the text encoders loaded for it.

use std::path::Path;

use easel_model::{DeviceChoice, DevicePreference, Model, ModelOptions, Precision, Requirement, ResolvedSettings};

use crate::common::{copy, demo};

/// The demo model with its refiner in a folder of its own, which lets go of its text encoders after every encoding.
fn model(folder: &Path) -> Model {
    copy(&demo("base"), &folder.join("base"));
    copy(&demo("refiner"), &folder.join("refiner"));
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("flex is there");
    let options = ModelOptions { refiner: Some(folder.join("refiner")), ..ModelOptions::default() };
    Model::open(&folder.join("base"), &options, &choice).expect("the copy opens")
}

/// From here on no text encoder can be loaded.
fn take_text_encoders_away(folder: &Path) {
    for part in ["base/text_encoder", "base/text_encoder_2", "refiner/text_encoder_2"] {
        let part = folder.join(part);
        if part.exists() {
            std::fs::remove_dir_all(part).expect("the folder is removed");
        }
    }
}

fn request(prompt: &str, negative_prompt: &str, seed: u64) -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some(negative_prompt.into()),
        width: Some(64),
        height: Some(64),
        steps: 2,
        high_noise_frac: 0.5,
        seed,
        ..ResolvedSettings::new(prompt)
    }
}

const HEART: &str = "a large red heart on a blue background";
const SQUARE: &str = "a small green square";

#[test]
fn a_new_seed_needs_no_text_encoder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = model(folder.path());
    let whole = |seed| {
        let draw = model.clone().start(request(HEART, SQUARE, seed)).and_then(|mut run| run.finish());
        draw.map(|images| images[0].as_raw().clone())
    };
    let first = whole(1).expect("the first run ends well");
    take_text_encoders_away(folder.path());
    assert_eq!(whole(1).expect("the same prompt is known"), first);
    assert_ne!(whole(2).expect("the same prompt is known"), first);
    // What is the prompt of one run may be the negative prompt of another.
    model.start(request(SQUARE, HEART, 1)).expect("both texts are known");
    let unknown = model.start(request("a large red heart on a green background", SQUARE, 1));
    let error = unknown.err().expect("there is nothing left to encode it with").to_string();
    assert!(error.contains("text_encoder"), "{error}");
}

#[test]
fn a_resumed_run_needs_no_text_encoder_where_its_prompt_is_known() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = model(folder.path());
    let mut run = model.start(request(HEART, SQUARE, 3)).expect("the run starts");
    run.advance().expect("the step is done");
    let checkpoint = run.checkpoint();
    take_text_encoders_away(folder.path());
    let expected = run.finish().expect("the run ends well");
    let resumed = model.resume(checkpoint).and_then(|mut run| run.finish()).expect("the resumed run ends well");
    assert!(resumed == expected);
}

#[test]
fn what_did_not_fit_is_reported_every_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = model(folder.path());
    let long = "a large red heart ".repeat(60);
    let warnings = |seed| model.start(request(&long, SQUARE, seed)).expect("the run starts").warnings().to_vec();
    let first = warnings(1);
    assert!(first.len() == 1 && first[0].contains("ignored everything from"), "{first:?}");
    assert_eq!(warnings(2), first);
}
