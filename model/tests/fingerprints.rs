//! A checkpoint is never continued on another model, however little the two differ.

use std::path::{Path, PathBuf};

use easel_model::weights::{Component, ModelFiles, SafetensorsFile};
use easel_model::{
    Checkpoint, DeviceChoice, DevicePreference, Error, Model, ModelOptions, Precision, Requirement, ResolvedSettings,
};

use crate::common::{copy, demo, reference};

/// A copy of the demo model, its refiner and a tiny VAE.
struct Copies(tempfile::TempDir);

impl Copies {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy(&demo("base"), &folder.path().join("base"));
        copy(&demo("refiner"), &folder.path().join("refiner"));
        copy(&reference("tiny_vae"), &folder.path().join("tiny_vae"));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, with_refiner: bool, with_tiny_vae: bool) -> Model {
        let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
        let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
        let options = ModelOptions {
            refiner: with_refiner.then(|| self.path("refiner")),
            tiny_vae: with_tiny_vae.then(|| self.path("tiny_vae")),
            ..ModelOptions::default()
        };
        Model::open(&self.path("base"), &options, &choice).expect("the model opens")
    }

    fn checkpoint(&self, with_refiner: bool, with_tiny_vae: bool) -> Checkpoint {
        let request =
            ResolvedSettings { width: Some(64), height: Some(64), steps: 2, ..ResolvedSettings::new("a red heart") };
        self.open(with_refiner, with_tiny_vae).start(request).expect("the run starts").checkpoint()
    }
}

/// The one file of weights in `folder`.
fn weights_in(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("the folder is read");
    let mut files = entries.map(|entry| entry.expect("the folder is read").path());
    let is_safetensors = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
    files.find(|path| is_safetensors(path) && !path.ends_with("case.safetensors")).expect("there are weights")
}

/// Changes the lowest bit of the number `share` of the way through the tensor `name`.
fn change_one_number(file: &Path, name: &str, share: f64) {
    let entry = {
        let opened = SafetensorsFile::open(file).expect("the file opens");
        opened.header().tensors.get(name).unwrap_or_else(|| panic!("there is a tensor {name}")).clone()
    };
    let bytes = entry.weight_type().expect("a number format of weights").bytes();
    let count = entry.range.len() / bytes;
    let place = entry.range.start + (share * count as f64) as usize * bytes;
    let mut content = std::fs::read(file).expect("the file is read");
    content[place] ^= 1;
    std::fs::write(file, content).expect("the file is written");
}

/// A tensor of `file` whose name has `part` in it.
fn tensor_with(file: &Path, part: &str) -> String {
    let opened = SafetensorsFile::open(file).expect("the file opens");
    let found = opened.header().tensors.keys().find(|name| name.contains(part)).cloned();
    found.unwrap_or_else(|| panic!("there is a tensor with {part}"))
}

#[test]
fn one_number_anywhere_makes_another_model() {
    let original = Copies::new();
    let checkpoint = original.checkpoint(true, true);
    let unchanged = Copies::new();
    unchanged.open(true, true).resume(checkpoint.clone()).expect("a copy of the same model continues");
    for (folder, part, share) in [
        ("base/unet", "attn1.to_q.weight", 0.0),
        ("base/unet", "attn2.to_v.weight", 0.371),
        ("base/unet", "conv_out.bias", 0.5),
        ("base/text_encoder", "self_attn.k_proj.weight", 0.642),
        ("base/text_encoder_2", "token_embedding.weight", 0.499),
        ("base/vae", "decoder.mid_block.attentions.0.to_k.weight", 0.813),
        ("base/vae", "encoder.conv_in.weight", 0.9999),
        ("refiner/unet", "attn1.to_out.0.weight", 0.287),
        ("tiny_vae", "decoder.layers", 0.333),
    ] {
        let changed = Copies::new();
        let file = weights_in(&changed.path(folder));
        change_one_number(&file, &tensor_with(&file, part), share);
        match changed.open(true, true).resume(checkpoint.clone()) {
            Err(Error::Checkpoint(message)) => assert!(message.contains("another model"), "{folder} {part}: {message}"),
            other => panic!("{folder} {part}: {:?}", other.map(|_| "it continues")),
        }
    }
}

#[test]
fn a_model_with_other_parts_is_another_one() {
    let copies = Copies::new();
    for made in [(true, true), (true, false), (false, true), (false, false)] {
        let checkpoint = copies.checkpoint(made.0, made.1);
        for with in [(true, true), (true, false), (false, true), (false, false)] {
            let resumed = copies.open(with.0, with.1).resume(checkpoint.clone());
            assert_eq!(resumed.is_ok(), made == with, "made with {made:?}, continued with {with:?}");
        }
    }
}

#[test]
fn a_component_is_shared_only_if_every_number_is_the_same() {
    let copies = Copies::new();
    let original = ModelFiles::open(demo("base")).expect("the demo model opens");
    let same = |component| {
        let copied = ModelFiles::open(copies.path("base")).expect("the copy opens");
        original.is_same_component_as(&copied, component).expect("they are compared")
    };
    assert!(Component::ALL.into_iter().all(same));
    for component in Component::ALL {
        let file = weights_in(&copies.path("base").join(component.folder()));
        change_one_number(&file, &tensor_with(&file, "weight"), 0.618);
        assert!(!same(component), "{component:?}");
    }
}

/// Workers with other processors compute in other precisions, with the same model.
#[test]
fn the_weights_are_the_same_in_every_precision() {
    let options = ModelOptions { refiner: Some(demo("refiner")), ..ModelOptions::default() };
    let fingerprints = Precision::ALL.map(|precision| {
        let requirement = Requirement { precision: Some(precision), ..Requirement::default() };
        let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
        let model = Model::open(&demo("base"), &options, &choice).expect("the model opens");
        model.weights_fingerprint().to_owned()
    });
    assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]), "{fingerprints:?}");
}
