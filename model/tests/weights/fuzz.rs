//! Mutated headers, configurations and whole checkpoints: errors, never panics, and memory stays bounded.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use easel_model::config::{ModelConfigs, ModelIndex, TextEncoderConfig, UNetConfig, VaeConfig};
use easel_model::weights::manifest::{text_encoder_manifest, unet_manifest, vae_manifest};
use easel_model::weights::{
    Component, ModelFiles, SafetensorsFile, Stored, TensorToWrite, VaeFiles, WeightType, parse_header,
    save_single_file, write_safetensors,
};
use rand_mt::Mt64;
use serde_json::{Value, json};

use super::support::{demo, open_bytes, small_file, stored, write_any};

/// Pieces that parsers trip over.
const PIECES: [&str; 24] = [
    "0",
    "-1",
    "1e999",
    "18446744073709551615",
    "9223372036854775807",
    "4611686018427387904",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "[0,0]",
    "\"F64\"",
    "\"BOOL\"",
    "\"F4\"",
    "\"data_offsets\"",
    "\"shape\"",
    ",",
    ":",
    "\\u0000",
    "\u{feff}",
    "__metadata__",
    "[[[[[[[[",
    "1.5",
];

struct Mutator(Mt64);

impl Mutator {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    /// A few random changes within the first `limit` bytes.
    fn bytes(&mut self, bytes: &mut Vec<u8>, limit: usize) {
        for _ in 0..=self.below(4) {
            let length = bytes.len().min(limit);
            let at = self.below(length);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => {
                    let end = (at + self.below(8)).min(bytes.len());
                    bytes.drain(at..end);
                }
                4 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..at, piece.bytes());
                }
                _ => {
                    let end = (at + 1 + self.below(6)).min(bytes.len());
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..end, piece.bytes());
                }
            }
        }
    }

    fn value(&mut self) -> Value {
        match self.below(10) {
            0 => Value::Null,
            1 => json!(0),
            2 => json!(u64::MAX),
            3 => json!(-1),
            4 => json!(self.0.next_u64() >> self.below(64)),
            5 => json!(1e300),
            6 => json!("CrossAttnDownBlock2D"),
            7 => (0..self.below(6)).map(|_| json!(1_u64 << (self.0.next_u64() % 12))).collect(),
            8 => json!(self.below(2) == 0),
            _ => json!({ "a": [] }),
        }
    }
}

fn check_message(error: &easel_model::Error) {
    let length = error.to_string().len();
    assert!(length < 4000, "a message of {length} bytes");
}

/// The most memory that this process has held, in bytes, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn within_memory(run: impl FnOnce()) {
    let before = peak_memory();
    run();
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 1 << 30, "took {} MiB", (after - before) >> 20);
    }
}

#[test]
fn mutated_headers_never_panic() {
    within_memory(|| {
        let mut mutator = Mutator(Mt64::new(1));
        let seed = small_file();
        let (mut sound, mut refused) = (0, 0);
        for _ in 0..150_000 {
            let mut file = seed.clone();
            let limit = file.len();
            mutator.bytes(&mut file, limit);
            // Half of them get a length that fits, so that the damage is further inside.
            if file.len() > 40 && mutator.below(2) == 0 {
                let length = (file.len() - 8 - 32) as u64;
                file[..8].copy_from_slice(&length.to_le_bytes());
            }
            match parse_header(&file) {
                Ok(header) => {
                    sound += 1;
                    let bytes: usize = header.tensors.values().map(|entry| entry.range.len()).sum();
                    assert!(bytes <= file.len());
                    assert!(header.tensors.values().all(|entry| entry.range.end <= file.len()));
                    assert!(open_bytes(file).is_ok());
                }
                Err(fault) => {
                    refused += 1;
                    assert!(fault.message.len() < 2000);
                    check_message(&open_bytes(file).expect_err("the same answer"));
                }
            }
        }
        assert!(sound > 500 && refused > 50_000, "{sound} sound, {refused} refused: the mutations miss the point");
    });
}

#[test]
fn mutated_configurations_never_panic() {
    within_memory(|| {
        let mut mutator = Mutator(Mt64::new(2));
        let read = |file: &str| std::fs::read_to_string(demo("base").join(file)).expect("a configuration");
        let files = ["unet/config.json", "vae/config.json", "text_encoder/config.json", "model_index.json"].map(read);
        let label = Path::new("config.json");
        let (mut sound, mut refused) = (0, 0);
        for round in 0..60_000 {
            let kind = round % 4;
            let text = if mutator.below(2) == 0 {
                let mut bytes = files[kind].clone().into_bytes();
                mutator.bytes(&mut bytes, usize::MAX);
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                let mut config: Value = serde_json::from_str(&files[kind]).expect("JSON");
                let fields: Vec<_> = config.as_object().expect("an object").keys().cloned().collect();
                for _ in 0..=mutator.below(3) {
                    config[&fields[mutator.below(fields.len())]] = mutator.value();
                }
                config.to_string()
            };
            // What is accepted must be small enough to be listed.
            let parameters = |manifest: Vec<(String, Vec<usize>)>| {
                assert!(manifest.len() < 500_000);
                let product =
                    |shape: &Vec<usize>| shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
                assert!(manifest.iter().all(|(_, shape)| product(shape).is_some_and(|count| count < 1 << 40)));
            };
            let result = match kind {
                0 => UNetConfig::from_json(&text, label).map(|config| parameters(unet_manifest(&config))),
                1 => VaeConfig::from_json(&text, label).map(|config| parameters(vae_manifest(&config))),
                2 => TextEncoderConfig::from_json(&text, label).map(|c| parameters(text_encoder_manifest(&c, true))),
                _ => ModelIndex::from_json(&text, label).map(|_| ()),
            };
            match result {
                Ok(()) => sound += 1,
                Err(error) => {
                    refused += 1;
                    check_message(&error);
                }
            }
        }
        assert!(sound > 5_000 && refused > 20_000, "{sound} sound, {refused} refused: the mutations miss the point");
    });
}

/// A model with every part, as small as the topology allows, saved as one file.
fn tiny_checkpoint(folder: &Path) -> Vec<u8> {
    let mut configs = ModelConfigs::sdxl_base();
    for config in [&mut configs.text_encoder, &mut configs.text_encoder_2].into_iter().flatten() {
        config.hidden_size = 2;
        config.num_hidden_layers = 2;
        config.num_attention_heads = 1;
        config.intermediate_size = 2;
        config.vocab_size = 5;
        config.projection_dim = 2;
    }
    configs.unet.block_out_channels = vec![2, 2];
    configs.unet.down_block_types.remove(1);
    configs.unet.up_block_types.remove(1);
    configs.unet.transformer_layers_per_block = vec![1, 1];
    configs.unet.attention_head_dim = vec![1, 1];
    configs.unet.layers_per_block = 1;
    configs.unet.norm_num_groups = 1;
    configs.unet.cross_attention_dim = 4;
    configs.unet.addition_time_embed_dim = 2;
    configs.unet.projection_class_embeddings_input_dim = 14;
    let vae = configs.vae.as_mut().expect("there");
    vae.block_out_channels = vec![2; 4];
    vae.norm_num_groups = 1;
    let parts = [
        (
            Component::TextEncoder,
            configs.text_encoder.as_ref().map(|c| (c.to_json(false), text_encoder_manifest(c, false))),
        ),
        (
            Component::TextEncoder2,
            configs.text_encoder_2.as_ref().map(|c| (c.to_json(true), text_encoder_manifest(c, true))),
        ),
        (Component::UNet, Some((configs.unet.to_json(), unet_manifest(&configs.unet)))),
        (Component::Vae, configs.vae.as_ref().map(|config| (config.to_json(), vae_manifest(config)))),
    ];
    for (component, part) in parts {
        let (config, manifest) = part.expect("every part");
        let part = folder.join(component.folder());
        std::fs::create_dir(&part).expect("a folder");
        std::fs::write(part.join("config.json"), config.to_string()).expect("written");
        let tensors = manifest.into_iter().map(|(name, shape)| {
            let bytes = 2 * shape.iter().product::<usize>();
            let produce = Box::new(move || Ok(Bytes::from(vec![0; bytes])));
            TensorToWrite { name, stored: Stored::Numbers(WeightType::F16), shape, produce }
        });
        write_safetensors(&part.join("model.safetensors"), &BTreeMap::new(), tensors.collect()).expect("written");
    }
    std::fs::write(folder.join("model_index.json"), configs.model_index.to_json().to_string()).expect("written");
    let model = ModelFiles::open(folder).expect("a tiny model");
    assert_eq!(model.configs(), &configs);
    let path = folder.join("tiny.safetensors");
    save_single_file(&model, &path, None).expect("saved");
    std::fs::read(path).expect("a file")
}

/// The same with weights of the UNet in 8 bits, factors beside them and tensors that are left over.
fn scaled(seed: &[u8], path: &Path) -> Vec<u8> {
    std::fs::write(path, seed).expect("written");
    let metadata = SafetensorsFile::open(path).expect("a sound file").header().metadata.clone();
    let mut tensors = vec![("v_pred".to_owned(), "F32", vec![0], Vec::new())];
    for (index, (name, dtype, shape, data)) in stored(path).into_values().enumerate() {
        let is_scaled = name.starts_with("model.diffusion_model.") && name.ends_with(".weight");
        if !is_scaled {
            tensors.push((name, dtype.name(), shape, data.to_vec()));
            continue;
        }
        let layer = name.trim_end_matches("weight");
        let factors = if index % 2 == 0 { 1 } else { shape[0] };
        tensors.push((format!("{layer}scale_weight"), "F32", vec![factors], 0.5_f32.to_le_bytes().repeat(factors)));
        tensors.push((format!("{layer}scale_input"), "F32", vec![], 1_f32.to_le_bytes().to_vec()));
        tensors.push((name, if index % 3 == 0 { "F8_E5M2" } else { "F8_E4M3" }, shape, vec![0x38; data.len() / 2]));
    }
    write_any(path, &metadata, &tensors);
    std::fs::read(path).expect("a file")
}

#[test]
fn mutated_checkpoints_never_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = tiny_checkpoint(folder.path());
    mutated_checkpoints(3, &seed, folder.path());
}

#[test]
fn mutated_checkpoints_in_8_bits_never_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = scaled(&tiny_checkpoint(folder.path()), &folder.path().join("scaled.safetensors"));
    mutated_checkpoints(4, &seed, folder.path());
}

fn mutated_checkpoints(random: u64, seed: &[u8], folder: &Path) {
    within_memory(|| {
        let mut mutator = Mutator(Mt64::new(random));
        let path = folder.join("mutated.safetensors");
        let header = u64::from_le_bytes(seed[..8].try_into().expect("eight bytes")) as usize;
        let (mut sound, mut refused) = (0, 0);
        for _ in 0..4_000 {
            // The numbers stay where they are, so that what is tested is the header and the configurations in it.
            let mut json = seed[8..8 + header].to_vec();
            mutator.bytes(&mut json, usize::MAX);
            let mut file = (json.len() as u64).to_le_bytes().to_vec();
            file.extend_from_slice(&json);
            file.extend_from_slice(&seed[8 + header..]);
            std::fs::write(&path, file).expect("written");
            if let Err(error) =
                VaeFiles::open(&path, None).and_then(|vae| vae.tensors()?.read("decoder.conv_in.weight"))
            {
                check_message(&error);
            }
            match ModelFiles::open(&path) {
                Ok(model) => {
                    sound += 1;
                    for component in Component::ALL {
                        let Some(source) = model.component(component).expect("readable") else { continue };
                        for name in source.names() {
                            let raw = source.tensor(&name).expect("a tensor");
                            assert_eq!(raw.data.len(), raw.shape.iter().product::<usize>() * raw.dtype.bytes());
                            let middle = raw.data.len() / 3..raw.data.len() / 2;
                            assert_eq!(
                                source.read_range(&name, middle.clone()).expect("a range"),
                                raw.data.slice(middle)
                            );
                        }
                    }
                }
                Err(error) => {
                    refused += 1;
                    check_message(&error);
                }
            }
        }
        assert!(sound > 10 && refused > 1_000, "{sound} sound, {refused} refused: the mutations miss the point");
    });
}
