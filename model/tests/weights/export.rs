//! Models saved in other layouts and number formats, and read back.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use easel_model::Error;
use easel_model::config::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use easel_model::weights::{
    Component, ExportFormat, ModelFiles, RawTensor, Stored, TensorToWrite, WeightType, convert, save_folder,
    save_single_file, write_safetensors,
};
use half::{bf16, f16};

use super::support::{Named, copy_of_demo, demo, fails, stored, tensors_of, write};

const TYPES: [WeightType; 3] = [WeightType::F32, WeightType::F16, WeightType::BF16];

/// An f16 tensor in another format, one number at a time.
fn converted(tensor: &Named, dtype: WeightType) -> Named {
    let (name, from, shape, data) = tensor.clone();
    assert_eq!(from, WeightType::F16);
    let number = |bytes: &[u8]| {
        let number = f16::from_le_bytes([bytes[0], bytes[1]]);
        match dtype {
            WeightType::F32 => number.to_f32().to_le_bytes().to_vec(),
            WeightType::F16 => number.to_le_bytes().to_vec(),
            WeightType::BF16 => bf16::from_f32(number.to_f32()).to_le_bytes().to_vec(),
        }
    };
    (name, dtype, shape, data.chunks_exact(2).flat_map(number).collect())
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_layout_and_format_reads_back() {
    for (name, parts) in [("base", &Component::ALL[..]), ("refiner", &[Component::UNet])] {
        let model = ModelFiles::open(demo(name)).expect("the demo model");
        let expected: BTreeMap<_, _> = parts.iter().map(|part| (*part, tensors_of(&model, *part))).collect();
        for dtype in TYPES {
            let place = tempfile::tempdir().expect("a folder");
            let (folder, file) = (place.path().join("folder"), place.path().join("file.safetensors"));
            save_folder(&model, &folder, ExportFormat::Converted(dtype)).expect("a saved folder");
            save_single_file(&model, &file, Some(dtype)).expect("a saved file");
            assert_eq!(listing(place.path()), ["file.safetensors", "folder"], "nothing else is left");
            for path in [&folder, &file] {
                let saved = ModelFiles::open(path).expect("the saved model");
                assert_eq!(saved.configs(), model.configs());
                let json =
                    |text: Option<&str>| serde_json::from_str::<serde_json::Value>(text.expect("text")).expect("JSON");
                assert_eq!(json(saved.scheduler_config()), json(model.scheduler_config()));
                for (part, tensors) in &expected {
                    let wanted: BTreeMap<_, _> =
                        tensors.iter().map(|(name, tensor)| (name.clone(), converted(tensor, dtype))).collect();
                    assert_eq!(tensors_of(&saved, *part), wanted, "{part:?} as {dtype:?} in {}", path.display());
                }
                let present = Component::ALL.iter().filter(|part| saved.component(**part).expect("readable").is_some());
                assert_eq!(present.count(), parts.len());
                // And back again: f16 fits into f32 without loss.
                if dtype == WeightType::F32 {
                    let back = place.path().join(if path == &folder { "back" } else { "file_back" });
                    save_folder(&saved, &back, ExportFormat::Converted(WeightType::F16)).expect("a saved folder");
                    let back = ModelFiles::open(&back).expect("the saved model");
                    for (part, tensors) in &expected {
                        assert_eq!(&tensors_of(&back, *part), tensors);
                        assert!(back.is_same_component_as(&model, *part).expect("comparable"));
                    }
                }
            }
        }
    }
}

#[test]
fn saved_folder_is_complete() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("saved");
    save_folder(&model, &folder, ExportFormat::Converted(WeightType::BF16)).expect("a saved folder");
    for part in ["", "scheduler", "tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", "unet", "vae"] {
        assert_eq!(listing(&folder.join(part)), listing(&demo("base").join(part)), "{part}");
    }
    for file in ["tokenizer/vocab.json", "tokenizer_2/merges.txt", "unet/config.json", "model_index.json"] {
        let read = |root: &Path| std::fs::read(root.join(file)).expect("a file");
        assert_eq!(read(&folder), read(&demo("base")), "{file}");
    }
    let config = std::fs::read_to_string(folder.join("text_encoder/config.json")).expect("a file");
    assert!(config.contains("\"dtype\": \"bfloat16\""), "{config}");
    let again = save_folder(&model, &folder, ExportFormat::Same);
    fails(again, &["saved", "is there already"]);
}

#[test]
fn single_file_has_the_original_layout() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("demo.safetensors");
    save_single_file(&model, &path, None).expect("a saved file");
    let stored = stored(&path);
    let shape = |name: &str| stored[name].2.clone();
    assert_eq!(shape("conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight"), [192, 64]);
    assert_eq!(shape("first_stage_model.decoder.mid.attn_1.q.weight"), [64, 64, 1, 1]);
    let second = tensors_of(&model, Component::TextEncoder2);
    for end in ["weight", "bias"] {
        let part = |part: &str| &second[&format!("text_model.encoder.layers.1.self_attn.{part}_proj.{end}")].3[..];
        let fused = &stored[&format!("conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_{end}")].3;
        assert_eq!(*fused, [part("q"), part("k"), part("v")].concat());
    }
    // The projection is stored the other way round.
    let projection = &second["text_projection.weight"].3;
    let original = &stored["conditioner.embedders.1.model.text_projection"].3;
    let at = |data: &Bytes, row: usize, column: usize| data.slice(2 * (row * 64 + column)..2 * (row * 64 + column) + 2);
    for (row, column) in [(0, 1), (3, 60), (63, 0), (17, 17)] {
        assert_eq!(at(original, row, column), at(projection, column, row));
    }
    // Saved over itself, it stays readable while it is replaced.
    let saved = ModelFiles::open(&path).expect("the saved model");
    save_single_file(&saved, &path, Some(WeightType::F32)).expect("saved in place");
    assert_eq!(ModelFiles::open(&path).expect("the model").configs(), model.configs());
}

#[test]
fn vae_attention_may_be_linear_in_a_single_file() {
    let model = ModelFiles::open(demo("base")).expect("the demo model");
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("demo.safetensors");
    save_single_file(&model, &path, None).expect("a saved file");
    let metadata = easel_model::weights::SafetensorsFile::open(&path).expect("a file").header().metadata.clone();
    let tensors = stored(&path).into_values().map(|(name, dtype, mut shape, data)| {
        if name.contains("attn_1") {
            shape.truncate(2);
        }
        TensorToWrite { name, stored: Stored::Numbers(dtype), shape, produce: Box::new(move || Ok(data)) }
    });
    write_safetensors(&path, &metadata, tensors.collect()).expect("written");
    let linear = ModelFiles::open(&path).expect("linear attention");
    assert_eq!(tensors_of(&linear, Component::Vae), tensors_of(&model, Component::Vae));
}

#[test]
fn numbers_that_do_not_fit_are_errors() {
    let copy = copy_of_demo("base");
    let path = copy.path().join("vae/diffusion_pytorch_model.safetensors");
    let mut tensors = stored(&path);
    let tensor = tensors.get_mut("decoder.conv_in.bias").expect("a bias");
    let numbers: Vec<f32> = vec![70_000.0; tensor.2[0]];
    *tensor = (
        tensor.0.clone(),
        WeightType::F32,
        tensor.2.clone(),
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
    );
    write(&path, tensors.into_values());
    let model = ModelFiles::open(copy.path()).expect("mixed formats");
    let place = tempfile::tempdir().expect("a folder");
    let parts = ["diffusion_pytorch_model.safetensors", "decoder.conv_in.bias", "70000", "bf16 or f32"];
    fails(save_folder(&model, &place.path().join("folder"), ExportFormat::Converted(WeightType::F16)), &parts);
    fails(save_single_file(&model, &place.path().join("file.safetensors"), Some(WeightType::F16)), &parts);
    assert_eq!(listing(place.path()), [] as [&str; 0], "nothing is left of a failure");
    // Without a format each tensor keeps its own.
    save_single_file(&model, &place.path().join("file.safetensors"), None).expect("a saved file");
    let saved = ModelFiles::open(place.path().join("file.safetensors")).expect("the saved model");
    assert_eq!(tensors_of(&saved, Component::Vae), tensors_of(&model, Component::Vae));
}

#[test]
fn every_number_converts_as_one_number_does() {
    // All of f16 and bf16, and what lies around the limits of f16 in f32.
    let all: Bytes = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let limits = [65504.0_f32, 65519.99, -65504.0, 6e-8, 2.9e-8, -0.0, f32::INFINITY, f32::NEG_INFINITY, 1.0 / 3.0];
    let wide: Bytes = limits.iter().flat_map(|number| number.to_le_bytes()).collect();
    for (dtype, data) in [(WeightType::F16, &all), (WeightType::BF16, &all), (WeightType::F32, &wide)] {
        let raw = RawTensor { dtype, shape: vec![data.len() / dtype.bytes()], data: data.clone() };
        let numbers: Vec<f32> = match dtype {
            WeightType::F16 => data.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            WeightType::BF16 => data.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            WeightType::F32 => limits.to_vec(),
        };
        let same =
            |found: f32, expected: f32| found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        let widened = convert(&raw, WeightType::F32).expect("f32 holds all");
        for (bytes, number) in widened.chunks_exact(4).zip(&numbers) {
            assert!(same(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]), *number));
        }
        let brains = convert(&raw, WeightType::BF16).expect("bf16 holds all of these");
        for (bytes, number) in brains.chunks_exact(2).zip(&numbers) {
            assert!(same(bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32(), bf16::from_f32(*number).to_f32()));
        }
        match convert(&raw, WeightType::F16) {
            Ok(halves) => {
                assert_ne!(dtype, WeightType::BF16, "bf16 reaches further than f16");
                for (bytes, number) in halves.chunks_exact(2).zip(&numbers) {
                    assert!(same(f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(), f16::from_f32(*number).to_f32()));
                }
            }
            Err(message) => assert!(dtype == WeightType::BF16 && message.contains("65504"), "{message}"),
        }
    }
}

#[test]
fn a_failed_write_leaves_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("file.safetensors");
    let tensor = |name: &str, result: fn() -> easel_model::Result<Bytes>| TensorToWrite {
        name: name.to_owned(),
        stored: Stored::Numbers(WeightType::F32),
        shape: vec![2],
        produce: Box::new(result),
    };
    let good: fn() -> _ = || Ok(Bytes::from_static(&[0; 8]));
    let write = |tensors| write_safetensors(&path, &BTreeMap::new(), tensors);
    fails(
        write(vec![tensor("a", good), tensor("b", || Err(Error::Checkpoint("made to fail".to_owned())))]),
        &["made to fail"],
    );
    fails(write(vec![tensor("a", || Ok(Bytes::from_static(&[0; 7])))]), &["file.safetensors", "`a`", "7 bytes", "8"]);
    fails(write(vec![tensor("a", good), tensor("a", good)]), &["file.safetensors", "`a`", "twice"]);
    let mut impossible = tensor("a", good);
    impossible.shape = vec![usize::MAX, 2];
    fails(write(vec![impossible]), &["file.safetensors", "`a`", "impossible shape"]);
    assert_eq!(listing(place.path()), [] as [&str; 0]);
    let nowhere = place.path().join("no/such/folder/file.safetensors");
    fails(write_safetensors(&nowhere, &BTreeMap::new(), vec![tensor("a", good)]), &["writing", "file.safetensors"]);
    write(vec![tensor("a", good)]).expect("a written file");
    assert_eq!(stored(&path)["a"].3, Bytes::from_static(&[0; 8]));
}

/// Configurations written from values, as for models that are made rather than read, mean the same when read.
#[test]
fn configurations_survive_being_written() {
    let file = Path::new("config.json");
    for configs in [ModelConfigs::sdxl_base(), ModelConfigs::sdxl_refiner()] {
        let unet = configs.unet.to_json().to_string();
        assert_eq!(UNetConfig::from_json(&unet, file).expect("valid"), configs.unet);
        let index = configs.model_index.to_json().to_string();
        assert_eq!(ModelIndex::from_json(&index, file).expect("valid"), configs.model_index);
        let second = configs.text_encoder_2.clone().expect("there");
        let text = second.to_json(true).to_string();
        assert_eq!(TextEncoderConfig::from_json(&text, file).expect("valid"), second);
        configs.check(file).expect("the official configurations agree");
    }
    let mut vae = VaeConfig::sdxl();
    vae.latents_mean = Some(vec![0.5, -0.25, 0.0, 1.0]);
    vae.latents_std = Some(vec![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(VaeConfig::from_json(&vae.to_json().to_string(), file).expect("valid"), vae);
}
