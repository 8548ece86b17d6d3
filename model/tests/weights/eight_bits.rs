//! Weights in 8 bits, with and without factors, and in f64: what is read is what a plain decoder makes of them, and the image
//! is that of a file with these numbers in f32.

use std::collections::BTreeMap;

use easel_model::weights::{Component, ExportFormat, ModelFiles, WeightType, save_folder, save_single_file};
use easel_model::{ModelOptions, Precision};
use half::f16;

use super::support::{AnyTensor, demo, fails, image, single_file, tensors_of, try_image, write_any};

/// A format of 8 bits: bits of the mantissa, bias of the exponent, and the largest number.
#[derive(Clone, Copy)]
struct Eight {
    dtype: &'static str,
    mantissa: u32,
    bias: i32,
    largest: f64,
}

const E4M3: Eight = Eight { dtype: "F8_E4M3", mantissa: 3, bias: 7, largest: 448.0 };
const E5M2: Eight = Eight { dtype: "F8_E5M2", mantissa: 2, bias: 15, largest: 57344.0 };

impl Eight {
    /// By the definition: sign, exponent, mantissa; nothing if it is no finite number.
    fn decode(self, byte: u8) -> Option<f64> {
        let (bits, exponent) = (u32::from(byte & 0x7f), i32::from(byte & 0x7f) >> self.mantissa);
        let fraction = f64::from(bits & ((1 << self.mantissa) - 1)) / f64::from(1 << self.mantissa);
        let size = match exponent {
            0 => fraction * 2_f64.powi(1 - self.bias),
            _ => (1.0 + fraction) * 2_f64.powi(exponent - self.bias),
        };
        let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
        (size <= self.largest).then_some(sign * size)
    }

    /// The byte of the nearest number, of two that are as near the one with an even mantissa.
    fn encode(self, number: f64) -> u8 {
        let size = |byte: u8| self.decode(byte).unwrap_or(f64::INFINITY);
        // Of positive numbers, the larger has the larger byte.
        let (mut low, mut high) = (0, 0x7f_u8);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if size(middle) <= number.abs() { low = middle } else { high = middle }
        }
        let (below, above) = (number.abs() - size(low), size(high) - number.abs());
        let nearest = if below < above || (below == above && low % 2 == 0) { low } else { high };
        if number.is_sign_negative() { nearest | 0x80 } else { nearest }
    }
}

#[test]
fn the_plain_encoder_agrees_with_every_value() {
    for format in [E4M3, E5M2] {
        let finite: Vec<_> = (0..=u8::MAX).filter_map(|byte| Some((byte, format.decode(byte)?))).collect();
        assert_eq!(finite.len(), if format.mantissa == 3 { 254 } else { 248 });
        for (byte, number) in finite {
            assert_eq!(format.encode(number), byte, "{}: {number}", format.dtype);
        }
        assert_eq!((format.decode(0), format.decode(0x7f)), (Some(0.0), None));
    }
    assert_eq!([E4M3.decode(0x7e), E4M3.decode(1), E4M3.decode(0x38)], [Some(448.0), Some(2_f64.powi(-9)), Some(1.0)]);
    assert_eq!(
        [E5M2.decode(0x7b), E5M2.decode(1), E5M2.decode(0x3c)],
        [Some(57344.0), Some(2_f64.powi(-16)), Some(1.0)]
    );
    assert_eq!((E4M3.encode(1e9), E4M3.encode(-1e-9), E4M3.encode(1.0625)), (0x7e, 0x80, 0x38));
}

fn numbers(tensor: &AnyTensor) -> Vec<f64> {
    assert_eq!(tensor.1, "F16");
    tensor.3.as_chunks().0.iter().map(|bytes| f64::from(f16::from_le_bytes(*bytes).to_f32())).collect()
}

fn f32_bytes(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// The layers that files in 8 bits have in 8 bits: matrices of the UNet and of the text encoders.
fn is_narrowed(tensor: &AnyTensor) -> bool {
    let (name, _, shape, _) = tensor;
    shape.len() >= 2 && name.ends_with("weight") && !name.starts_with("first_stage_model.")
}

#[test]
fn weights_in_8_bits_are_widened_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, metadata, tensors) = single_file(folder.path());
    for format in [E4M3, E5M2] {
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for tensor in &tensors {
            if !is_narrowed(tensor) {
                narrow.push(tensor.clone());
                wide.push(tensor.clone());
                continue;
            }
            let bytes: Vec<_> = numbers(tensor).into_iter().map(|number| format.encode(number)).collect();
            let numbers = bytes.iter().map(|byte| format.decode(*byte).expect("finite") as f32);
            wide.push((tensor.0.clone(), "F32", tensor.2.clone(), f32_bytes(numbers)));
            narrow.push((tensor.0.clone(), format.dtype, tensor.2.clone(), bytes));
        }
        let [narrow_path, wide_path] = ["narrow", "wide"].map(|name| folder.path().join(format!("{name}.safetensors")));
        write_any(&narrow_path, &metadata, &narrow);
        write_any(&wide_path, &metadata, &wide);
        let (narrow, wide) =
            (ModelFiles::open(&narrow_path).expect("8 bits"), ModelFiles::open(&wide_path).expect("f32"));
        let mut narrowed = 0;
        for component in Component::ALL {
            let found = tensors_of(&narrow, component);
            for (name, (_, dtype, shape, data)) in tensors_of(&wide, component) {
                let found = &found[&name];
                assert_eq!(found.2, shape);
                if dtype == WeightType::F32 {
                    assert_eq!(found.1, WeightType::BF16, "{name}");
                    let zeros_before = found.3.as_chunks::<2>().0.iter().flat_map(|bytes| [0, 0, bytes[0], bytes[1]]);
                    assert!(zeros_before.eq(data.iter().copied()), "{name} is not widened exactly");
                    narrowed += 1;
                }
            }
        }
        assert!(narrowed > 200, "{narrowed}");
        assert_eq!(image(&narrow_path), image(&wide_path), "{}", format.dtype);
    }
}

/// Files that scale each layer, with names as ComfyUI and as others write them, with one factor or one for each row.
#[test]
fn factors_are_applied() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, metadata, tensors) = single_file(folder.path());
    for (factor_name, input_name, by_row) in [
        ("scale_weight", "scale_input", false),
        ("weight_scale", "input_scale", false),
        ("weight_scale", "input_scale", true),
    ] {
        let mut scaled = vec![("model.diffusion_model.scaled_fp8".to_owned(), "F8_E4M3", vec![2], vec![0, 0])];
        let mut clean = Vec::new();
        for tensor in &tensors {
            if !is_narrowed(tensor) {
                scaled.push(tensor.clone());
                clean.push(tensor.clone());
                continue;
            }
            let (name, _, shape, _) = tensor;
            let numbers = numbers(tensor);
            let rows = if by_row { shape[0] } else { 1 };
            let (mut factors, mut bytes, mut products) = (Vec::new(), Vec::new(), Vec::new());
            for row in numbers.chunks(numbers.len() / rows) {
                let largest = row.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
                let factor = (largest / E4M3.largest).max(1e-12) as f32;
                factors.push(factor);
                for number in row {
                    let byte = E4M3.encode(number / f64::from(factor));
                    bytes.push(byte);
                    products.push(E4M3.decode(byte).expect("finite") as f32 * factor);
                }
            }
            let layer = name.strip_suffix("weight").expect("a weight");
            let factor_shape = if by_row { vec![rows, 1] } else { vec![] };
            scaled.push((format!("{layer}{factor_name}"), "F32", factor_shape, f32_bytes(factors)));
            scaled.push((format!("{layer}{input_name}"), "F32", vec![], f32_bytes([1.0])));
            scaled.push((name.clone(), "F8_E4M3", shape.clone(), bytes));
            clean.push((name.clone(), "F32", shape.clone(), f32_bytes(products)));
        }
        let [path, clean_path] = ["scaled", "clean"].map(|name| folder.path().join(format!("{name}.safetensors")));
        write_any(&path, &metadata, &scaled);
        write_any(&clean_path, &metadata, &clean);
        let (model, wide) = (ModelFiles::open(&path).expect("scaled"), ModelFiles::open(&clean_path).expect("clean"));
        for component in Component::ALL {
            assert_eq!(tensors_of(&model, component), tensors_of(&wide, component), "{component:?}, {factor_name}");
        }
        assert_eq!(image(&path), image(&clean_path));
        if by_row {
            continue;
        }
        // Written in other formats and layouts, they are the same numbers.
        let place = |name: &str| folder.path().join(format!("{name}-{factor_name}"));
        save_folder(&model, &place("folder"), ExportFormat::Same).expect("a saved folder");
        save_folder(&model, &place("packed"), ExportFormat::Packed(Precision::Int8)).expect("a packed folder");
        save_folder(&wide, &place("packed-clean"), ExportFormat::Packed(Precision::Int8)).expect("a packed folder");
        save_single_file(&model, &place("single"), Some(WeightType::F32)).expect("a saved file");
        for name in ["folder", "single"] {
            assert_eq!(image(&place(name)), image(&clean_path), "{name}");
        }
        let in_int8 =
            |name: &str| try_image(&place(name), &ModelOptions::default(), Precision::Int8).expect("an image");
        assert_eq!(in_int8("packed"), in_int8("packed-clean"));
    }
}

#[test]
fn factors_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, metadata, tensors) = single_file(folder.path());
    let weight = "model.diffusion_model.middle_block.1.proj_in.weight";
    let factor = "model.diffusion_model.middle_block.1.proj_in.scale_weight";
    for (dtype, shape, bytes, complaint) in [
        ("F32", vec![], f32_bytes([f32::NAN]), "NaN"),
        ("F32", vec![1], f32_bytes([f32::INFINITY]), "inf"),
        ("F32", vec![2], f32_bytes([1.0, 1.0]), "one factor, or one for each row"),
        ("F32", vec![0], vec![], "one factor, or one for each row"),
        ("I64", vec![], vec![0; 8], "factors are floats"),
    ] {
        let more: AnyTensor = (factor.to_owned(), dtype, shape, bytes);
        write_any(&path, &metadata, &[&tensors[..], &[more]].concat());
        fails(ModelFiles::open(&path), &["demo.safetensors", factor, complaint]);
    }
    // A factor without its weight has no place.
    let orphan: AnyTensor = (factor.replace("proj_in", "proj_up"), "F32", vec![], f32_bytes([1.0]));
    write_any(&path, &metadata, &[&tensors[..], &[orphan]].concat());
    fails(ModelFiles::open(&path), &["demo.safetensors", "proj_up.scale_weight", "no place for it"]);
    assert!(tensors.iter().any(|(name, ..)| name == weight));
}

#[test]
fn doubles_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, metadata, tensors) = single_file(folder.path());
    let doubles = |tensor: &AnyTensor| {
        let bytes = numbers(tensor).into_iter().flat_map(f64::to_le_bytes).collect();
        (tensor.0.clone(), "F64", tensor.2.clone(), bytes)
    };
    let mut wide: Vec<_> = tensors.iter().map(doubles).collect();
    write_any(&path, &BTreeMap::clone(&metadata), &wide);
    assert_eq!(image(&path), image(&demo("base")));
    // One that f32 cannot hold is found.
    let broken = wide.iter_mut().find(|(name, ..)| name.ends_with("middle_block.1.proj_in.weight")).expect("it");
    broken.3[..8].copy_from_slice(&1e300_f64.to_le_bytes());
    write_any(&path, &metadata, &wide);
    let result = try_image(&path, &ModelOptions::default(), Precision::F32);
    fails(result, &["demo.safetensors", "middle_block.1.proj_in.weight", "infinite"]);
}
