//! Files that mean harm: errors, never panics, and memory stays within a small multiple of what the model's largest layer
//! takes. `HOSTILE_FILES` says how many are tried.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand_mt::Mt64;
use serde_json::{Map, Value, json};

use super::{LoraFile, LoraWeights, Merge, MergedTensors, Places, RequestedLora};
use crate::ops::{Arithmetic, PackedShape};
use crate::weights::{Component, ModelFiles, TensorSource};

const MODULES: [&str; 9] = [
    "lora_unet_conv_in",
    "lora_unet_input_blocks_4_1_proj_in",
    "lora_unet_down_blocks_1_attentions_0_proj_in",
    "unet.mid_block.resnets.0.conv1",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out",
    "lora_te1_text_model_encoder_layers_0_mlp_fc1",
    "text_encoder_2.text_projection",
    "lora_unet_out_0",
    "lora_te3_nowhere",
];
const PARTS: [&str; 25] = [
    ".lora_down.weight",
    ".lora_up.weight",
    ".lora_mid.weight",
    ".lora_A.weight",
    ".lora_B.default.weight",
    ".alpha",
    ".dora_scale",
    ".hada_w1_a",
    ".hada_w1_b",
    ".hada_w2_a",
    ".hada_w2_b",
    ".hada_t1",
    ".hada_t2",
    ".lokr_w1",
    ".lokr_w1_a",
    ".lokr_w1_b",
    ".lokr_w2",
    ".lokr_w2_a",
    ".lokr_w2_b",
    ".lokr_t2",
    ".diff",
    ".diff_b",
    ".lora_magnitude_vector",
    ".oft_blocks",
    "_lora.up.weight",
];
/// Which of these make a change together.
const TOGETHER: [&[usize]; 9] = [
    &[0, 1, 5],
    &[3, 4, 22],
    &[0, 1, 2],
    &[7, 8, 9, 10, 5],
    &[7, 8, 9, 10, 11, 12],
    &[13, 17, 18, 5],
    &[14, 15, 17, 18, 19],
    &[13, 16, 6],
    &[20, 21],
];
const FORMATS: [(&str, usize); 8] =
    [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)];
const SIDES: [usize; 14] = [1, 2, 3, 4, 8, 12, 16, 32, 36, 64, 96, 0, 5000, 1 << 40];

struct Maker(Mt64);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// The shape of `part` in a layer of `outputs` and `inputs`, as it should be, or nearly so.
    fn shape(&mut self, part: &str, rank: usize, outputs: usize, inputs: usize) -> Vec<usize> {
        let mut shape = match part {
            ".alpha" => vec![],
            ".diff_b" => vec![outputs],
            ".dora_scale" | ".lora_magnitude_vector" => vec![outputs, 1],
            ".diff" => vec![outputs, inputs],
            ".lora_mid.weight" | ".hada_t1" | ".hada_t2" | ".lokr_t2" => vec![rank, rank, 1, 1],
            ".lora_down.weight" | ".lora_A.weight" | ".hada_w1_b" | ".hada_w2_b" => vec![rank, inputs],
            ".lokr_w1" | ".lokr_w1_a" | ".lokr_w1_b" => vec![2, 2],
            ".lokr_w2" => vec![outputs / 2, inputs / 2],
            ".lokr_w2_a" => vec![outputs / 2, rank],
            ".lokr_w2_b" => vec![rank, inputs / 2],
            _ => vec![outputs, rank],
        };
        while self.one_in(12) {
            match self.below(4) {
                0 => shape.push(SIDES[self.below(SIDES.len())]),
                1 => drop(shape.pop()),
                2 => shape.reverse(),
                _ => {
                    let place = self.below(shape.len());
                    if let Some(side) = shape.get_mut(place) {
                        *side = SIDES[self.below(SIDES.len())];
                    }
                }
            }
        }
        shape
    }

    fn file(&mut self) -> Vec<u8> {
        let mut header = Map::new();
        let mut data = Vec::new();
        for _ in 0..=self.below(2) {
            let nowhere = usize::from(!self.one_in(8));
            let module = MODULES[self.below(MODULES.len() - nowhere)];
            let (outputs, inputs) = match module {
                "lora_unet_conv_in" => (32, 36),
                "unet.mid_block.resnets.0.conv1" => (96, 864),
                _ => ([32, 64, 96][self.below(3)], [32, 64, 96][self.below(3)]),
            };
            let rank = 1 + self.below(4);
            let mut parts: Vec<_> = TOGETHER[self.below(TOGETHER.len())].iter().map(|&part| PARTS[part]).collect();
            while self.one_in(10) {
                match self.below(2) {
                    0 => parts.push(PARTS[self.below(PARTS.len())]),
                    _ => drop(parts.pop()),
                }
            }
            for part in parts {
                let shape = self.shape(part, rank, outputs, inputs);
                let (format, size) = FORMATS[if self.one_in(12) { self.below(FORMATS.len()) } else { self.below(3) }];
                let count = shape.iter().try_fold(1_usize, |count, &side| count.checked_mul(side));
                let bytes = count.map_or(0, |count| count.saturating_mul(size)).min(1 << 20);
                let start = data.len();
                let kind = self.below(8);
                data.extend((0..bytes).map(|index| match kind {
                    0 => 0xff,
                    1 => self.0.next_u64() as u8,
                    // Small numbers, whatever the format.
                    _ => [0x10, 0x20, 0x30, 0x2c][index % 4],
                }));
                let entry = json!({ "dtype": format, "shape": shape, "data_offsets": [start, data.len()] });
                // Some names are longer than any message should be.
                let module = if self.one_in(40) { module.repeat(100) } else { module.to_owned() };
                header.insert(format!("{module}{part}"), entry);
            }
        }
        if self.one_in(4) {
            let texts =
                ["{}", "[]", "{\"unet.lora_alpha\": 1e300}", "{\"unet.lora_alpha\": \"x\", \"unet.use_rslora\": true}"];
            header.insert("__metadata__".into(), json!({ "lora_adapter_metadata": texts[self.below(texts.len())] }));
        }
        let mut text = Value::Object(header).to_string().into_bytes();
        while self.one_in(6) {
            let place = self.below(text.len());
            text[place] = self.0.next_u64() as u8;
        }
        let mut file = (text.len() as u64).to_le_bytes().to_vec();
        file.extend(text);
        file.extend(data);
        if self.one_in(20) {
            file.truncate(self.below(file.len()));
        }
        file
    }
}

/// The most memory that this process has held, in bytes, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Opens the file and merges everything in it.
fn merge(path: &Path, model: &ModelFiles, places: &Places) -> crate::error::Result<usize> {
    let file = Arc::new(LoraFile::open(path)?);
    let lora = RequestedLora { file, weights: LoraWeights::default() };
    let Some(merge) = Merge::new(&[lora], places)? else { return Ok(0) };
    let mut merged = 0;
    for component in merge.components() {
        let Some(changes) = merge.of(component) else { continue };
        let source = model.component(component)?.expect("the demo model has every component");
        let names: Vec<_> = changes.names().map(str::to_owned).collect();
        let tensors = MergedTensors::new(source, changes.clone());
        for name in names {
            let tensor = tensors.read(&name)?;
            assert_eq!(tensor.data.len(), 4 * tensor.shape.iter().product::<usize>());
            if let [outputs, inputs, ref taps @ ..] = tensor.shape[..] {
                let taps = taps.iter().product();
                let shape = PackedShape { taps, ..PackedShape::linear(Arithmetic::Int8, inputs, outputs) };
                tensors.packed(&name, shape)?;
            }
            merged += 1;
        }
    }
    Ok(merged)
}

#[test]
fn hostile_files_are_errors() {
    let count: usize = std::env::var("HOSTILE_FILES").ok().and_then(|count| count.parse().ok()).unwrap_or(600);
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo/base");
    let model = ModelFiles::open(demo).expect("the demo model opens");
    let places = Places::new(model.configs());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hostile.safetensors");
    let before = peak_memory();
    let mut maker = Maker(Mt64::new(16));
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..count {
        std::fs::write(&path, maker.file()).expect("it is written");
        let outcome = match merge(&path, &model, &places) {
            Ok(0) => "nothing",
            Ok(_) => "merged",
            Err(error) => {
                let text = error.to_string();
                assert!(text.len() < 2000, "{} bytes of {text:.100}", text.len());
                if LoraFile::open(&path).is_ok() { "no place" } else { "refused" }
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    let at_least = |outcome: &str, part: usize| {
        assert!(
            outcomes.get(outcome).copied().unwrap_or(0) * part >= count,
            "the mutations miss the point: {outcomes:?}"
        );
    };
    at_least("merged", 200);
    at_least("refused", 5);
    at_least("no place", 20);
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 1 << 30, "took {} MiB", (after - before) >> 20);
    }
}

#[test]
fn a_file_of_another_model_is_refused_by_name() {
    let places = Places::new(&crate::config::ModelConfigs::sdxl_base());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = |tensors: &[(&str, &[usize])]| {
        let path = folder.path().join("other.safetensors");
        write(&path, tensors);
        let file = Arc::new(LoraFile::open(&path).expect("it is a LoRA"));
        let lora = RequestedLora { file, weights: LoraWeights::default() };
        Merge::new(&[lora], &places).expect_err("it does not fit").to_string()
    };
    let one = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
    let layer = |width: usize| {
        said(&[(&format!("{one}.lora_down.weight"), &[4, width]), (&format!("{one}.lora_up.weight"), &[640, 4])])
    };
    assert!(layer(768).contains("Stable Diffusion 1") && layer(768).contains("640×768"), "{}", layer(768));
    assert!(layer(1024).contains("Stable Diffusion 2"));
    let text = "lora_te_text_model_encoder_layers_0_mlp_fc1";
    let error =
        said(&[(&format!("{text}.lora_down.weight"), &[4, 768]), (&format!("{text}.lora_up.weight"), &[3072, 4])]);
    assert!(error.contains("Stable Diffusion 1") && error.contains("lora_te_text_model"), "{error}");
    let flux = "lora_unet_double_blocks_0_img_attn_proj";
    let error = said(&[(&format!("{flux}.lora_down.weight"), &[4, 8]), (&format!("{flux}.lora_up.weight"), &[8, 4])]);
    assert!(error.contains("Flux") && error.contains("other.safetensors"), "{error}");
}

/// A file of zeros in f16.
fn write(path: &Path, tensors: &[(&str, &[usize])]) {
    use crate::weights::{Stored, TensorToWrite, WeightType, write_safetensors};
    let tensors = tensors.iter().map(|(name, shape)| {
        let bytes = 2 * shape.iter().product::<usize>();
        let produce = Box::new(move || Ok(bytes::Bytes::from(vec![0; bytes])));
        let stored = Stored::Numbers(WeightType::F16);
        TensorToWrite { name: (*name).to_owned(), stored, shape: shape.to_vec(), produce }
    });
    write_safetensors(path, &BTreeMap::new(), tensors.collect()).expect("it is written");
}

#[test]
fn every_component_but_the_vae_can_change() {
    let places = Places::new(&crate::config::ModelConfigs::sdxl_base());
    for component in [Component::TextEncoder, Component::TextEncoder2, Component::UNet] {
        assert!(
            crate::weights::manifest::manifest(component, &crate::config::ModelConfigs::sdxl_base())
                .iter()
                .all(|(name, shape)| places.shape(component, name) == Some(shape))
        );
    }
    assert!(places.find("lora_vae_decoder_conv_in").is_none());
}
