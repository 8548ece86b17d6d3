//! Files of upscalers that mean harm, of either kind: errors, never panics, and memory stays within a small multiple of the
//! files. `HOSTILE_FILES` says how many are tried.

use std::path::Path;

use easel_model::{DeviceChoice, DevicePreference, Error, Precision, Requirement, Upscaler, UpscalerFile, memory};
use image::RgbImage;
use rand_mt::Mt64;

use crate::common::reference;

/// How many are tried unless more are asked for.
const FILES: usize = 400;
/// Numbers of the largest network that is computed with here.
const LARGEST: usize = 200_000;

struct Maker(Mt64);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A real file with damage: mostly to its description, which stands at the beginning of a safetensors file and near both
    /// ends of a pickle.
    fn damaged(&mut self, files: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.of(files).clone();
        for _ in 0..=self.below(6) {
            let length = bytes.len();
            let place = match self.below(4) {
                0 => self.below(length.min(9)),
                1 => self.below(length.min(4000)),
                2 => length - 1 - self.below(length.min(4000)),
                _ => self.below(length),
            };
            bytes[place] = match self.below(3) {
                0 => self.below(256) as u8,
                1 => b'0' + self.below(10) as u8,
                _ => bytes[place] ^ 1 << self.below(8),
            };
        }
        if self.below(8) == 0 {
            bytes.truncate(self.below(bytes.len()));
        }
        bytes
    }

    /// A sound safetensors file with names of upscalers and shapes that are right, or nearly so, or far too large.
    fn crafted(&mut self) -> Vec<u8> {
        let sides = [0, 1, 2, 3, 4, 8, 12, 48, 64];
        let (features, growth) = (*self.of(&sides), *self.of(&sides));
        let mut tensors = Vec::new();
        let mut convolution = |name: String, inputs: usize, outputs: usize| {
            tensors.push((format!("{name}.weight"), vec![outputs, inputs, 3, 3]));
            tensors.push((format!("{name}.bias"), vec![outputs]));
        };
        if self.below(2) == 0 {
            convolution("conv_first".to_owned(), *self.of(&[3, 3, 12, 48, 4]), features);
            for block in 0..self.below(3) {
                for dense in 1..=3 {
                    for layer in 0..5 {
                        let outputs = if layer == 4 { features } else { growth };
                        convolution(
                            format!("body.{block}.rdb{dense}.conv{}", layer + 1),
                            features + layer * growth,
                            outputs,
                        );
                    }
                }
            }
            for doubling in 1..=self.below(5) {
                convolution(format!("conv_up{doubling}"), features, features);
            }
            for name in ["conv_body", "conv_hr"] {
                convolution(name.to_owned(), features, features);
            }
            convolution("conv_last".to_owned(), features, 3);
        } else {
            let convolutions = self.below(3);
            for index in 0..=convolutions {
                convolution(format!("body.{}", 2 * index), if index == 0 { 3 } else { features }, features);
            }
            convolution(format!("body.{}", 2 * convolutions + 2), features, *self.of(&[3, 12, 27, 48, 192, 75, 7]));
            for index in 0..=convolutions {
                tensors.push((format!("body.{}.weight", 2 * index + 1), vec![features]));
            }
        }
        while self.below(3) == 0 && !tensors.is_empty() {
            let place = self.below(tensors.len());
            match self.below(5) {
                0 => drop(tensors.remove(place)),
                1 => tensors[place].0 = format!("body.{}.weight", u64::MAX - self.below(2) as u64),
                2 => tensors[place].0 = format!("conv_up{}.weight", self.below(100)),
                3 => tensors[place].1.reverse(),
                _ => drop(tensors[place].1.pop()),
            }
        }
        let (mut entries, mut data) = (Vec::new(), Vec::new());
        for (name, shape) in tensors {
            let begin = data.len();
            let numbers = shape.iter().product::<usize>();
            for _ in 0..numbers {
                let strange = [f32::NAN, f32::INFINITY, 1e38, 0.0];
                let number =
                    if self.below(5000) == 0 { *self.of(&strange) } else { self.below(100) as f32 * 0.01 - 0.5 };
                data.extend(number.to_le_bytes());
            }
            let end = data.len();
            entries
                .push(format!("{name:?}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"));
        }
        let header = format!("{{{}}}", entries.join(","));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
    }
}

#[test]
fn hostile_files_are_errors_and_take_little_memory() {
    let count = std::env::var("HOSTILE_FILES").ok().and_then(|count| count.parse().ok()).unwrap_or(FILES);
    let names = [
        "rrdb_x2.pth",
        "rrdb_old.pth",
        "rrdb_release.pth",
        "rrdb_x1.safetensors",
        "compact.pth",
        "compact_x3.safetensors",
    ];
    let files = names.map(|name| std::fs::read(reference("upscalers").join(name)).expect("it is there"));
    let requirement = Requirement { precision: Some(Precision::F32), ..Requirement::default() };
    let choice = DeviceChoice::select(DevicePreference::Flex, requirement).expect("the CPU is there");
    let mut maker = Maker(Mt64::new(18));
    let (mut refused, mut computed) = (0, 0);
    let before = memory::peak();
    for _ in 0..count {
        let content = if maker.below(2) == 0 { maker.damaged(&files) } else { maker.crafted() };
        let opened = UpscalerFile::from_bytes(Path::new("hostile.pth"), content.into());
        let Ok(file) = opened.inspect_err(check) else {
            refused += 1;
            continue;
        };
        let work = easel_model::UpscalerWork::of(file.shape(), (5, 4), 4);
        if work.multiply_adds > 20 * LARGEST as u64 * 20 {
            continue;
        }
        let image = RgbImage::from_fn(5, 4, |x, y| image::Rgb([(40 * x) as u8, (60 * y) as u8, 99]));
        let enlarged = Upscaler::load(file, &choice).and_then(|upscaler| upscaler.upscale(&image, &mut |_, _| Ok(())));
        match enlarged.inspect_err(check) {
            Ok(enlarged) => {
                assert_eq!(enlarged.dimensions(), work.size);
                computed += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > count / 4 && computed > count / 20, "{refused} refused, {computed} computed");
    let grown = memory::peak() - before;
    assert!(grown < 2 << 30, "{grown} bytes");
}

/// Every error is about the file, and short.
fn check(error: &Error) {
    let said = error.to_string();
    assert!(!said.contains('\n') && said.len() < 1200, "{said}");
    match error {
        Error::Weights { .. } => assert!(said.starts_with("hostile.pth"), "{said}"),
        Error::Computation { part, .. } => assert!(said.contains("use --precision f32"), "{part}: {said}"),
        other => panic!("not the file is blamed but: {other}"),
    }
}
