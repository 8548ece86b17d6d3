//! Files of ControlNets, image encoders and IP-Adapters that mean harm: errors, never panics, and memory stays bounded.
//! `HOSTILE_FILES` says how many are tried.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use easel_model::{
    Control, ControlModel, DevicePreference, ImageEncoderFiles, ImagePrompt, IpAdapter, Model, Request,
    ResolvedSettings,
};
use rand_mt::Mt64;
use serde_json::{Map, Value, json};

use crate::adapter_cases::{control_folder, image_prompt, reference_image};
use crate::common::{adapters, demo_model};

const FORMATS: [(&str, u64); 6] = [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("U8", 1)];
const SIDES: [u64; 16] = [0, 1, 2, 3, 4, 9, 16, 31, 64, 96, 128, 768, 1024, 5000, 1 << 20, 1 << 40];
/// Files have holes, but no more than this.
const LONGEST: u64 = 1 << 34;
/// Of those that open, this many are computed with.
const MOST_RUNS: usize = 6;

struct Maker(Mt64);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Another shape and format for some tensors, and other names.
    fn disturb(&mut self, tensors: &mut Map<String, Value>) {
        for _ in 0..=self.below(3) {
            let names: Vec<String> = tensors.keys().cloned().collect();
            let name = names[self.below(names.len())].clone();
            let mut entry = tensors[&name].clone();
            match self.below(8) {
                0 => drop(tensors.remove(&name)),
                1 => {
                    let digit = self.one_of(&["7", "8", "64", "4294967296", "99999999999999999999", "-1", ""]);
                    let renamed = name.replacen(['0', '1', '2'], digit, 1);
                    drop(tensors.insert(renamed, entry));
                }
                2 => {
                    let prefix = self.one_of(&["control_model.", "model.", "module.", "lllite_", "lora_"]);
                    let all = std::mem::take(tensors);
                    tensors.extend(all.into_iter().map(|(name, entry)| (format!("{prefix}{name}"), entry)));
                }
                3 => {
                    entry["dtype"] = json!(self.one_of(&FORMATS).0);
                    tensors.insert(name, entry);
                }
                4 => {
                    let shape: Vec<u64> = (0..self.below(6)).map(|_| self.one_of(&SIDES)).collect();
                    entry["shape"] = json!(shape);
                    tensors.insert(name, entry);
                }
                _ => {
                    let axes = entry["shape"].as_array().map_or(0, Vec::len);
                    if axes > 0 {
                        let axis = self.below(axes);
                        entry["shape"][axis] = json!(self.one_of(&SIDES));
                        tensors.insert(name, entry);
                    }
                }
            }
            if tensors.is_empty() {
                tensors.insert("x".into(), json!({ "dtype": "F16", "shape": [1] }));
            }
        }
    }

    fn value(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!(0),
            2 => json!(u64::MAX),
            3 => json!(-1),
            4 => json!(self.0.next_u64() >> self.below(64)),
            5 => json!(1e300),
            6 => json!("DownBlock2D"),
            7 => (0..self.below(6)).map(|_| json!(1_u64 << (self.0.next_u64() % 15))).collect(),
            _ => json!([["CrossAttnDownBlock2D"], {}]),
        }
    }
}

/// The tensors of the file `path`, each with format and shape.
fn tensors_of(path: &Path) -> Map<String, Value> {
    let bytes = std::fs::read(path).expect("the weights are there");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let mut header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    header.remove("__metadata__");
    header
}

/// Writes a file of these tensors, whose numbers are a hole; none if it would be too long.
fn write(tensors: &Map<String, Value>, path: &Path) -> Option<()> {
    let mut at = 0_u64;
    let mut header = Map::new();
    for (name, entry) in tensors {
        let dtype = entry["dtype"].as_str().unwrap_or_default();
        let size = FORMATS.iter().find(|(format, _)| *format == dtype).map_or(2, |(_, size)| *size);
        let sides = entry["shape"].as_array().into_iter().flatten();
        let mut length = Some(size);
        for side in sides {
            length = length.and_then(|length| length.checked_mul(side.as_u64()?));
        }
        let end = at.checked_add(length?).filter(|end| *end < LONGEST)?;
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": entry["shape"], "data_offsets": [at, end] }));
        at = end;
    }
    let mut text = Value::Object(header).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    let mut file = File::create(path).expect("it is made");
    file.write_all(&(text.len() as u64).to_le_bytes()).expect("it is written");
    file.write_all(text.as_bytes()).expect("it is written");
    file.set_len(8 + text.len() as u64 + at).expect("it gets longer");
    Some(())
}

fn count() -> usize {
    std::env::var("HOSTILE_FILES").ok().map_or(300, |count| count.parse().expect("a number"))
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

fn settings() -> ResolvedSettings {
    ResolvedSettings { steps: 1, width: Some(64), height: Some(64), use_refiner: false, ..ResolvedSettings::new("x") }
}

/// Tries `open` on disturbed copies of the file `sound`, and computes with some of what opens.
fn try_files<T>(
    sound: &Path,
    seed: u64,
    open: impl Fn(&Path) -> easel_model::Result<T>,
    request: impl Fn(T) -> Request,
) {
    let model: Model = demo_model(DevicePreference::Flex, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hostile.safetensors");
    let whole = tensors_of(sound);
    let mut maker = Maker(Mt64::new(seed));
    let (mut opened, mut runs) = (0, 0);
    let before = peak_memory();
    for _ in 0..count() {
        let mut tensors = whole.clone();
        maker.disturb(&mut tensors);
        if write(&tensors, &path).is_none() {
            continue;
        }
        match open(&path) {
            Ok(found) => {
                opened += 1;
                if runs < MOST_RUNS {
                    runs += 1;
                    let run = model.start(request(found)).and_then(|mut run| run.advance());
                    run.err().iter().for_each(check_message);
                }
            }
            Err(error) => check_message(&error),
        }
    }
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        let taken = after.saturating_sub(before);
        assert!(taken < 1 << 30, "took {} MiB", taken >> 20);
    }
    println!("{opened} of {} opened", count());
}

#[test]
fn a_control_net_for_text_of_no_width_is_refused() {
    let sound = control_folder("controlnet_a").join("diffusion_pytorch_model.safetensors");
    let mut tensors = tensors_of(&sound);
    for (name, entry) in &mut tensors {
        if name.ends_with("attn2.to_k.weight") || name.ends_with("attn2.to_v.weight") {
            entry["shape"][1] = json!(0);
        }
    }
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().expect("a temporary file");
    write(&tensors, file.path()).expect("it is short");
    let error = ControlModel::open(file.path()).expect_err("it is refused").to_string();
    assert!(error.contains("another model than SDXL"), "{error}");
}

#[test]
fn hostile_control_nets_are_refused() {
    for (seed, name) in [(1, "controlnet_a"), (2, "controlnet_union")] {
        let sound = control_folder(name).join("diffusion_pytorch_model.safetensors");
        try_files(&sound, seed, ControlModel::open, |model| {
            let kind = model.is_union().then_some(0);
            let control = Control::new(Arc::new(model), reference_image("pictures/lines_a.png"));
            Request { controls: vec![Control { kind, ..control }], ..settings().into() }
        });
    }
}

#[test]
fn hostile_ip_adapters_are_refused() {
    for (seed, name) in [(3, "ip/ip-adapter.safetensors"), (4, "ip/ip-adapter-plus.safetensors")] {
        try_files(&adapters(&format!("files/{name}")), seed, IpAdapter::open, |adapter| {
            let prompt = image_prompt(name, &["pictures/prompt_a.png"], 1.0);
            let prompt = ImagePrompt { adapter: Arc::new(adapter), ..prompt };
            Request { image_prompts: vec![prompt], ..settings().into() }
        });
    }
}

#[test]
fn hostile_image_encoders_are_refused() {
    let sound = adapters("files/ip/image_encoder/model.safetensors");
    // A width that is known, so that more is looked at.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wide = folder.path().join("wide.safetensors");
    let mut tensors = tensors_of(&sound);
    for entry in tensors.values_mut() {
        for side in entry["shape"].as_array_mut().into_iter().flatten().filter(|side| **side == json!(32)) {
            *side = json!(1024);
        }
    }
    write(&tensors, &wide).expect("it is short");
    assert!(ImageEncoderFiles::open(&wide).is_ok());
    for (seed, sound) in [(5, sound), (6, wide)] {
        try_files(&sound, seed, ImageEncoderFiles::open, |encoder| {
            let prompt = image_prompt("ip/ip-adapter.safetensors", &["pictures/prompt_a.png"], 1.0);
            let prompt = ImagePrompt { encoder: Arc::new(encoder), ..prompt };
            Request { image_prompts: vec![prompt], ..settings().into() }
        });
    }
}

#[test]
fn hostile_configurations_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut maker = Maker(Mt64::new(7));
    for (sound, weights) in [
        (control_folder("controlnet_union"), "diffusion_pytorch_model.safetensors"),
        (adapters("files/ip/image_encoder"), "model.safetensors"),
    ] {
        let to = folder.path().join(weights);
        std::fs::copy(sound.join(weights), &to).expect("the weights are copied");
        let text = std::fs::read_to_string(sound.join("config.json")).expect("it has one");
        let whole: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        let fields: Vec<&String> = whole.keys().collect();
        for _ in 0..count() {
            let mut config = whole.clone();
            for _ in 0..=maker.below(2) {
                config.insert(fields[maker.below(fields.len())].clone(), maker.value());
            }
            std::fs::write(folder.path().join("config.json"), Value::Object(config).to_string()).expect("written");
            ControlModel::open(folder.path()).err().iter().for_each(check_message);
            ImageEncoderFiles::open(folder.path()).err().iter().for_each(check_message);
        }
        std::fs::remove_file(to).expect("it is there");
    }
}
