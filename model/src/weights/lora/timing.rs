//! How long merging and packing a full-size LoRA takes, by one layer of each shape. Prints; asserts nothing about time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{LoraFile, LoraWeights, Merge, MergedTensors, Places, RequestedLora};
use crate::config::ModelConfigs;
use crate::error::Result;
use crate::noise::NoiseGenerator;
use crate::precision::{Precision, WeightType};
use crate::weights::manifest::{TensorForm, listing};
use crate::weights::{Component, RawTensor, Stored, TensorSource, TensorToWrite, packing, write_safetensors};

struct Synthetic(BTreeMap<String, (Vec<usize>, Bytes)>);

impl TensorSource for Synthetic {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
    fn describe(&self, name: &str) -> Result<(WeightType, Vec<usize>)> {
        Ok((WeightType::F16, self.0[name].0.clone()))
    }
    fn tensor(&self, name: &str) -> Result<RawTensor> {
        self.read(name)
    }
    fn read(&self, name: &str) -> Result<RawTensor> {
        let (shape, data) = &self.0[name];
        let mut copy = vec![0_u8; data.len()];
        copy.copy_from_slice(data);
        Ok(RawTensor { dtype: WeightType::F16, shape: shape.clone(), data: copy.into() })
    }
    fn read_range(&self, name: &str, range: Range<usize>) -> Result<Bytes> {
        Ok(self.0[name].1.slice(range))
    }
    fn file_of(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

fn halves(count: usize, scale: f32) -> Bytes {
    let noise = NoiseGenerator::new(1).normal(1 << 16);
    let bytes: Vec<u8> =
        noise.iter().cycle().take(count).flat_map(|n| half::f16::from_f32(n * scale).to_le_bytes()).collect();
    bytes.into()
}

#[test]
#[ignore = "takes long; for measuring"]
fn merging_and_packing() {
    let configs = ModelConfigs::sdxl_base();
    for precision in [Precision::Int8, Precision::Bf16] {
        let is_touched = |name: &str| {
            name.ends_with(".weight")
                && (name.contains(".attn1.")
                    || name.contains(".attn2.")
                    || name.contains(".ff.")
                    || name.contains("attentions.") && name.contains("proj_"))
        };
        let mut kinds: BTreeMap<(Vec<usize>, String), (String, TensorForm, usize)> = BTreeMap::new();
        for listed in listing(Component::UNet, &configs, precision.cpu_format()) {
            if is_touched(&listed.name) && matches!(listed.form, TensorForm::Matrix(_)) {
                let entry = kinds.entry((listed.shape.clone(), format!("{:?}", listed.form)));
                entry.or_insert((listed.name, listed.form, 0)).2 += 1;
            }
        }
        let mut source = BTreeMap::new();
        let mut tensors = Vec::new();
        for ((shape, _), (name, _, _)) in &kinds {
            let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
            source.insert(name.clone(), (shape.clone(), halves(rows * columns, 0.03)));
            let module = format!("unet.{}", name.trim_end_matches(".weight"));
            for (part, shape) in [("lora_A", vec![64, columns]), ("lora_B", vec![rows, 64])] {
                let data = halves(shape.iter().product(), 0.02);
                let stored = Stored::Numbers(WeightType::F16);
                tensors.push(TensorToWrite {
                    name: format!("{module}.{part}.weight"),
                    stored,
                    shape,
                    produce: Box::new(move || Ok(data)),
                });
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lora.safetensors");
        write_safetensors(&path, &BTreeMap::new(), tensors).expect("written");
        let lora =
            RequestedLora { file: Arc::new(LoraFile::open(&path).expect("opens")), weights: LoraWeights::default() };
        let began = Instant::now();
        let places = Places::new(&configs);
        println!("places {:.3} s", began.elapsed().as_secs_f64());
        let merge = Merge::new(&[lora], &places).expect("fits").expect("changes");
        let merge = merge.of(Component::UNet).expect("the UNet changes").clone();
        let plain = Synthetic(source.clone());
        let merged = MergedTensors::new(Box::new(Synthetic(source)), merge);
        let (mut all_plain, mut all_merged, mut all_read, mut numbers) = (0.0, 0.0, 0.0, 0);
        for ((shape, _), (name, form, count)) in &kinds {
            let TensorForm::Matrix(packed) = form else { continue };
            let time = |work: &dyn Fn()| {
                work();
                let began = Instant::now();
                work();
                work();
                began.elapsed().as_secs_f64() / 2.0
            };
            let read = time(&|| drop(merged.read(name).expect("merged")));
            let with = time(&|| drop(packing::pack(*packed, &merged.read(name).expect("merged")).expect("packed")));
            let without = time(&|| drop(packing::pack(*packed, &plain.read(name).expect("read")).expect("packed")));
            println!(
                "{precision} {shape:?} × {count}: merged only {:.1} ms, merged and packed {:.1} ms, packed only {:.1} ms",
                read * 1e3,
                with * 1e3,
                without * 1e3
            );
            all_read += read * *count as f64;
            all_merged += with * *count as f64;
            all_plain += without * *count as f64;
            numbers += count * shape.iter().product::<usize>();
        }
        println!(
            "{precision}: {numbers} numbers: merged {all_read:.2} s, merged and packed {all_merged:.2} s, packed only {all_plain:.2} s"
        );
    }
}
