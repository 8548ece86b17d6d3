//! Networks that enlarge images, against PyTorch's numbers, in tiles, and what files are refused.

use std::path::{Path, PathBuf};

use easel_model::{
    DeviceChoice, DevicePreference, Enlargement, Error, Precision, Requirement, Upscaler, UpscalerFile, UpscalerShape,
};
use image::{DynamicImage, Rgb, RgbImage, RgbaImage};

use crate::common::{Expected, expected_in, reference};

/// Every case, and the network that its file has.
const CASES: [(&str, UpscalerShape); 8] = [
    ("rrdb.safetensors", UpscalerShape::Rrdb { features: 16, growth: 8, blocks: 2, doublings: 2, unshuffle: 1 }),
    ("rrdb_x2.pth", UpscalerShape::Rrdb { features: 8, growth: 8, blocks: 2, doublings: 2, unshuffle: 2 }),
    ("rrdb_x1.safetensors", UpscalerShape::Rrdb { features: 8, growth: 4, blocks: 1, doublings: 2, unshuffle: 4 }),
    ("rrdb_release.pth", UpscalerShape::Rrdb { features: 10, growth: 6, blocks: 1, doublings: 1, unshuffle: 1 }),
    ("rrdb_old.pth", UpscalerShape::Rrdb { features: 8, growth: 4, blocks: 3, doublings: 2, unshuffle: 1 }),
    ("rrdb_old_x8.safetensors", UpscalerShape::Rrdb { features: 8, growth: 4, blocks: 1, doublings: 3, unshuffle: 1 }),
    ("compact.pth", UpscalerShape::Compact { features: 12, convolutions: 4, scale: 4 }),
    ("compact_x3.safetensors", UpscalerShape::Compact { features: 8, convolutions: 2, scale: 3 }),
];

fn file(name: &str) -> PathBuf {
    reference("upscalers").join(name)
}

fn device(preference: DevicePreference, precision: Precision) -> DeviceChoice {
    let requirement = Requirement { precision: Some(precision), ..Requirement::default() };
    DeviceChoice::select(preference, requirement).expect("the device is there")
}

fn flex() -> DeviceChoice {
    device(DevicePreference::Flex, Precision::F32)
}

/// Says nothing and stops nothing.
fn quiet(_done: usize, _total: usize) -> Result<(), Error> {
    Ok(())
}

/// An image with edges, slopes and fine patterns.
fn patterned(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave =
            |scale: f32, shift: f32| 127.5 + 127.0 * ((x as f32 * scale).sin() * (y as f32 * scale + shift).cos());
        let ring = if (x / 7 + y / 5) % 2 == 0 { 40.0 } else { 200.0 };
        Rgb([wave(0.21, 0.0) as u8, (0.5 * wave(0.07, 1.0) + 0.5 * ring) as u8, ring as u8])
    })
}

#[test]
fn every_network_gives_pytorchs_numbers() {
    let expected = expected_in(&file("expected.safetensors"));
    let numbers =
        |name: String| -> &Expected { expected.iter().find(|found| found.name == name).expect("it is there") };
    for preference in [DevicePreference::Flex, DevicePreference::NdArray] {
        for (name, shape) in CASES {
            let upscaler = Upscaler::open(&file(name), &device(preference, Precision::F32)).expect("it opens");
            assert_eq!(upscaler.shape(), shape, "{name}");
            let case = name.split('.').next().expect("a name");
            let image = numbers(format!("{case}.image"));
            let (height, width) = (image.shape[0], image.shape[1]);
            let floats: Vec<f32> = image.values.iter().map(|&value| value as f32).collect();
            let found = upscaler.enlarge_numbers(&floats, (width, height)).expect("it is computed");
            let wanted = &numbers(format!("{case}.enlarged")).values;
            assert_eq!(found.len(), wanted.len(), "{name}");
            let worst = found.iter().zip(wanted).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-4, "{name} on {preference}: {worst}");
        }
    }
}

#[test]
fn sixteen_bits_change_an_image_by_few_levels() {
    let image = patterned(48, 40);
    for (name, _) in CASES {
        let enlarged = |precision| {
            let upscaler = Upscaler::open(&file(name), &device(DevicePreference::Flex, precision)).expect("it opens");
            upscaler.upscale(&image, &mut quiet).expect("it is computed")
        };
        let (wide, narrow) = (enlarged(Precision::F32), enlarged(Precision::Bf16));
        let differences = wide.as_raw().iter().zip(narrow.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = differences.sum::<f64>() / wide.as_raw().len() as f64;
        assert!(mean < 1.5, "{name}: {mean}");
    }
}

#[test]
fn an_image_in_tiles_is_the_one_in_one_piece() {
    let image = patterned(263, 250);
    for name in ["rrdb_x2.pth", "rrdb_release.pth", "rrdb.safetensors", "compact.pth"] {
        let upscaler = Upscaler::open(&file(name), &flex()).expect("it opens");
        let mut told = Vec::new();
        let whole = upscaler.upscale_in_tiles(&image, usize::MAX, &mut quiet).expect("it is computed");
        let tiled = upscaler
            .upscale_in_tiles(&image, 200 * 200, &mut |done, total| {
                told.push((done, total));
                Ok(())
            })
            .expect("it is computed");
        assert_eq!(whole.dimensions(), (263 * upscaler.scale() as u32, 250 * upscaler.scale() as u32));
        let total = told[0].1;
        assert!(total >= 4, "{name}: {total} tiles");
        assert_eq!(told, (0..=total).map(|done| (done, total)).collect::<Vec<_>>());
        let worst = whole.as_raw().iter().zip(tiled.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(2), "{name}: {worst:?}");
    }
}

#[test]
fn who_is_told_can_stop_the_work() {
    let upscaler = Upscaler::open(&file("rrdb_x2.pth"), &flex()).expect("it opens");
    let stopped = upscaler.upscale_in_tiles(&patterned(300, 300), 200 * 200, &mut |done, _| match done {
        1 => Err(Error::invalid("stop", "now")),
        _ => Ok(()),
    });
    assert!(matches!(stopped, Err(Error::InvalidRequest { field: "stop", .. })));
}

#[test]
fn images_of_any_size_reach_the_size_that_is_asked_for() {
    let double = Enlargement::Network(Upscaler::open(&file("rrdb_x2.pth"), &flex()).expect("it opens").into());
    let once = Enlargement::Network(Upscaler::open(&file("rrdb_x1.safetensors"), &flex()).expect("it opens").into());
    assert_eq!((double.factor(), once.factor(), Enlargement::Lanczos.factor()), (2.0, 1.0, 2.0));
    for size in [(1, 1), (3, 1), (1, 5), (2, 2), (7, 5), (8, 8)] {
        let image = patterned(size.0, size.1);
        for target in [(size.0 * 2, size.1 * 2), (size.0 * 3, size.1 * 3), (size.0 * 5 / 3, size.1 * 4 / 3)] {
            for enlargement in [&double, &once, &Enlargement::Lanczos] {
                let enlarged = enlargement.enlarge(&image, target, &mut quiet).expect("it is computed");
                assert_eq!(enlarged.dimensions(), target, "{}", enlargement.name());
            }
        }
    }
    // Twice, and then smaller.
    assert_eq!(double.passes((10, 10), (30, 30)).expect("small enough"), [(20, 20), (40, 40)]);
    assert_eq!(double.passes((10, 10), (160, 160)).expect("small enough"), [(20, 20), (40, 40), (80, 80)]);
    assert_eq!(double.passes((10, 10), (10, 10)).expect("small enough"), [(20, 20)]);
    assert_eq!(once.passes((10, 10), (30, 30)).expect("small enough"), [(10, 10)]);
    assert!(Enlargement::Lanczos.passes((10, 10), (30, 30)).expect("small enough").is_empty());
    let error = double.passes((9000, 1), (9000, 1)).expect_err("too large").to_string();
    assert!(error.contains("18000×2") && error.contains("smaller"), "{error}");
}

#[test]
fn what_is_transparent_stays_so() {
    let enlargement =
        Enlargement::Network(Upscaler::open(&file("compact_x3.safetensors"), &flex()).expect("it opens").into());
    let half = RgbaImage::from_fn(12, 9, |x, _| image::Rgba([200, 100, 50, if x < 6 { 0 } else { 255 }]));
    let image = DynamicImage::ImageRgba8(half);
    let enlarged = enlargement.enlarge_with_alpha(&image, (36, 27), &mut quiet).expect("it is computed");
    let enlarged = enlarged.as_rgba8().expect("it has alpha");
    assert_eq!((enlarged.get_pixel(2, 13).0[3], enlarged.get_pixel(33, 13).0[3]), (0, 255));
    let opaque = enlargement.enlarge(&image.to_rgb8(), (36, 27), &mut quiet).expect("it is computed");
    assert_eq!(&enlarged.get_pixel(33, 13).0[..3], &opaque.get_pixel(33, 13).0);
    let opaque =
        enlargement.enlarge_with_alpha(&patterned(12, 9).into(), (36, 27), &mut quiet).expect("it is computed");
    assert!(opaque.as_rgb8().is_some());
}

/// What is said of a file with this content.
fn said(content: Vec<u8>) -> String {
    UpscalerFile::from_bytes(Path::new("folder/4x.pth"), content.into()).expect_err("refused").to_string()
}

/// A safetensors file of zeros.
fn safetensors(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut end = 0;
    for (name, shape) in tensors {
        let begin = end;
        end += 4 * shape.iter().product::<usize>();
        entries.push(format!("{name:?}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"));
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; end]].concat()
}

#[test]
fn what_is_no_upscaler_is_told_by_name() {
    for (tensors, part) in [
        (&[("layers.0.residual_group.blocks.0.norm1.weight", &[4][..])][..], "SwinIR"),
        (&[("layers.0.residual_group.overlap_attn.relative_position_bias_table", &[4])], "HAT"),
        (&[("stylegan_decoder.x", &[4])], "GFPGAN"),
        (&[("lora_unet_conv_in.lora_down.weight", &[4, 4])], "a LoRA"),
        (&[("conditioner.embedders.0.x", &[4])], "an SDXL model"),
        (&[("something", &[4])], "none of the upscalers that are computed"),
        (&[], "no tensors"),
        (
            &[("conv_first.weight", &[8, 3, 3, 3]), ("body.0.rdb1.conv1.weight", &[4, 8, 3, 3])],
            "`conv_last.weight`: is missing",
        ),
        (
            &[
                ("conv_first.weight", &[8, 4, 3, 3]),
                ("body.0.rdb1.conv1.weight", &[4, 8, 3, 3]),
                ("conv_last.weight", &[4, 8, 3, 3]),
            ],
            "other colours (4 channels in, 4 out)",
        ),
        (&[("body.0.weight", &[8, 3, 3, 3]), ("body.1.weight", &[8]), ("body.2.weight", &[13, 8, 3, 3])], "13 out"),
    ] {
        let said = said(safetensors(tensors));
        assert!(said.contains(part) && said.starts_with("folder/4x.pth"), "{said}");
    }
    for (content, part) in [
        (&b""[..], "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04 cut", "incomplete archive"),
        (b"\x80\x02cos\nsystem\n(S'echo'\ntR.", "asks for `os.system`"),
        (b"GGUF....", "GGUF"),
    ] {
        let said = said(content.to_vec());
        assert!(said.contains(part), "{said}");
    }
    let missing = UpscalerFile::open(Path::new("nowhere.pth")).expect_err("there is none").to_string();
    assert!(missing.contains("reading nowhere.pth"), "{missing}");
    let folder = UpscalerFile::open(&reference("upscalers")).expect_err("a folder").to_string();
    assert!(folder.contains("is a folder; name the .safetensors or .pth file"), "{folder}");
}

#[test]
fn a_cut_or_changed_file_is_refused() {
    for (name, _) in CASES {
        let content = std::fs::read(file(name)).expect("it is there");
        for length in [0, 4, 100, content.len() / 2, content.len() - 30] {
            said(content[..length].to_vec());
        }
    }
    // A number that is none shows when the weights are packed.
    let path = file("rrdb.safetensors");
    let mut content = std::fs::read(&path).expect("it is there");
    let length = content.len();
    content[length - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let changed = UpscalerFile::from_bytes(&path, content.into()).expect("its shapes are right");
    let error = Upscaler::load(changed, &flex()).expect_err("refused").to_string();
    assert!(error.contains("NaN") && error.contains("rrdb.safetensors"), "{error}");
}
