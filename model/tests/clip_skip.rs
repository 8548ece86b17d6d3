//! Layers that the text encoders leave out.

use std::path::Path;

use easel_model::{
    DeviceChoice, DevicePreference, Error, Model, ModelOptions, Precision, Requirement, ResolvedSettings, Trace,
};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::common::{copy, demo};

/// The demo model of the folder `base`, and what it makes of a prompt with `clip_skip`.
fn encoded(base: &Path, clip_skip: u32) -> Result<[Vec<f64>; 4], Error> {
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
    let model = Model::open(base, &ModelOptions::default(), &choice).expect("the model opens");
    let settings = ResolvedSettings {
        negative_prompt: Some("a blue square".into()),
        width: Some(64),
        height: Some(64),
        steps: 1,
        clip_skip,
        ..ResolvedSettings::new("a large red heart")
    };
    let generation = model.start_traced(settings)?;
    let trace = generation.trace().expect("it is traced");
    let numbers = |name: &str| Trace::numbers(trace, name).expect("the reference has it, too");
    Ok(["prompt_embeds", "pooled", "negative_prompt_embeds", "negative_pooled"].map(numbers))
}

/// Takes the last layer of the text encoder in `folder` away.
fn shorten(folder: &Path) {
    let config = folder.join("config.json");
    let mut fields: Value =
        serde_json::from_slice(&std::fs::read(&config).expect("the file is read")).expect("it is JSON");
    let layers = fields["num_hidden_layers"].as_u64().expect("a number") - 1;
    fields["num_hidden_layers"] = layers.into();
    std::fs::write(&config, fields.to_string()).expect("the file is written");
    let weights = folder.join("model.safetensors");
    let bytes = std::fs::read(&weights).expect("the file is read");
    let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let last = format!("text_model.encoder.layers.{layers}.");
    let kept = tensors.tensors().into_iter().filter(|(name, _)| !name.starts_with(&last));
    std::fs::write(&weights, safetensors::serialize(kept, None).expect("it can be written")).expect("it is written");
}

/// The state that a model with one layer fewer takes is the one that is taken one layer further back.
#[test]
fn skipping_a_layer_is_what_diffusers_calls_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (whole, short) = (demo("base"), folder.path().join("short"));
    copy(&whole, &short);
    shorten(&short.join("text_encoder"));
    shorten(&short.join("text_encoder_2"));
    let [prompt, pooled, negative, negative_pooled] = encoded(&whole, 0).expect("encoded");
    let [skipped, pooled_too, negative_too, negative_pooled_too] = encoded(&whole, 1).expect("encoded");
    let [expected, ..] = encoded(&short, 0).expect("encoded");
    assert!(skipped == expected && skipped != prompt);
    // The pooled states and the negative prompt are as they were.
    assert!(pooled_too == pooled && negative_too == negative && negative_pooled_too == negative_pooled);
    let error = encoded(&whole, 12).expect_err("there are not so many").to_string();
    assert!(error.starts_with("clip_skip: 12 is more") && error.contains("at most 2"), "{error}");
}
