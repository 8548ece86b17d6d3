#![allow(clippy::unwrap_used)]

use std::fs;

use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, Rgba, RgbaImage};

use super::*;
use crate::encoding::save;
use crate::samples::{image, metadata};

/// What encoders do not write; each chunk is a kind and its data.
fn raw_png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let body = [&kind[..], data].concat();
        bytes.extend(&body);
        bytes.extend(crc32fast::hash(&body).to_be_bytes());
    }
    bytes
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat()
}

#[test]
fn transparent_images_lie_on_white() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let pixels =
        [([10, 20, 30, 255], [10, 20, 30]), ([10, 20, 30, 0], [255; 3]), ([0, 100, 255, 128], [127, 177, 255])];
    let rgba = RgbaImage::from_fn(3, 1, |x, _| Rgba(pixels[x as usize].0));
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(&rgba, 3, 1, ExtendedColorType::Rgba8).unwrap();
    fs::write(&path, bytes).unwrap();
    let rgb = load(&path).unwrap();
    assert_eq!(rgb.pixels().map(|pixel| pixel.0).collect::<Vec<_>>(), pixels.map(|(_, expected)| expected));
}

#[test]
fn masks_are_brightness_on_black_and_holes_are_white() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let written = |pixels: &[[u8; 4]]| {
        let rgba = RgbaImage::from_fn(pixels.len() as u32, 1, |x, _| Rgba(pixels[x as usize]));
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes).write_image(&rgba, rgba.width(), 1, ExtendedColorType::Rgba8).unwrap();
        fs::write(&path, bytes).unwrap();
    };
    let pixels = [[255, 255, 255, 255], [255, 255, 255, 0], [255, 255, 255, 100], [255, 0, 0, 255], [77, 77, 77, 255]];
    written(&pixels);
    assert_eq!(load_mask(&path).unwrap().into_raw(), [255, 0, 100, 76, 77]);
    let (image, holes) = load_with_transparency(&path).unwrap();
    assert_eq!(image, load(&path).unwrap());
    assert_eq!(holes.unwrap().into_raw(), [0, 255, 155, 0, 0]);
    written(&[[1, 2, 3, 255], [1, 2, 3, 128]]);
    assert_eq!(load_with_transparency(&path).unwrap().1, None);
    fs::write(&path, b"no image").unwrap();
    assert!(load_mask(&path).unwrap_err().to_string().contains("a.png"));
}

#[test]
fn images_are_turned_upright() {
    let folder = tempfile::tempdir().unwrap();
    let stored = RgbImage::from_fn(3, 2, |x, y| Rgb([(10 * y + x) as u8; 3]));
    // The eight orientations of EXIF 2.3, section 4.6.4: which stored row and column come first.
    let upright: [&[&[u8]]; 8] = [
        &[&[0, 1, 2], &[10, 11, 12]],
        &[&[2, 1, 0], &[12, 11, 10]],
        &[&[12, 11, 10], &[2, 1, 0]],
        &[&[10, 11, 12], &[0, 1, 2]],
        &[&[0, 10], &[1, 11], &[2, 12]],
        &[&[10, 0], &[11, 1], &[12, 2]],
        &[&[12, 2], &[11, 1], &[10, 0]],
        &[&[2, 12], &[1, 11], &[0, 10]],
    ];
    for (orientation, rows) in (1u8..).zip(upright) {
        let exif = [b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", &[orientation][..], &[0; 6]].concat();
        for name in ["a.png", "a.webp"] {
            let mut bytes = Vec::new();
            if name == "a.png" {
                let mut encoder = PngEncoder::new(&mut bytes);
                encoder.set_exif_metadata(exif.clone()).unwrap();
                encoder.write_image(&stored, 3, 2, ExtendedColorType::Rgb8).unwrap();
            } else {
                let mut encoder = WebPEncoder::new_lossless(&mut bytes);
                encoder.set_exif_metadata(exif.clone()).unwrap();
                encoder.write_image(&stored, 3, 2, ExtendedColorType::Rgb8).unwrap();
            }
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let read = load(&path).unwrap();
            let read: Vec<Vec<u8>> = read.rows().map(|row| row.map(|pixel| pixel.0[0]).collect()).collect();
            assert_eq!(read, rows, "{name}, orientation {orientation}");
        }
    }
}

#[test]
fn broken_and_giant_images_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let encoded = |name: &str| {
        let path = folder.path().join(name);
        save(&path, &image(), &metadata()).unwrap();
        fs::read(path).unwrap()
    };
    let (png, jpeg, webp) = (encoded("a.png"), encoded("a.jpg"), encoded("a.webp"));
    let mut giant_jpeg = jpeg.clone();
    let frame = giant_jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    giant_jpeg[frame + 5..frame + 9].fill(0xFF);
    let header =
        |width, height| raw_png(&[(b"IHDR", png_header(width, height)), (b"IDAT", Vec::new()), (b"IEND", Vec::new())]);
    let cases = [
        ("empty", Vec::new(), "is not a PNG, JPEG or WebP"),
        ("text", b"hello".to_vec(), "is not a PNG, JPEG or WebP"),
        ("gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "is not a PNG, JPEG or WebP"),
        ("cut png", png[..png.len() / 2].to_vec(), "is a broken PNG file"),
        ("cut jpeg", jpeg[..jpeg.len() - 20].to_vec(), "is a JPEG file without its end"),
        ("cut jpeg header", jpeg[..300].to_vec(), "is a broken JPEG file"),
        ("cut webp", webp[..60].to_vec(), "is a broken WebP file"),
        ("two billion pixels a side", header(i32::MAX as u32, i32::MAX as u32), "is too large"),
        ("16,000 pixels a side", header(16_000, 16_000), "is 16000×16000 pixels"),
        ("wide", header(20_000, 8), "is 20000×8 pixels"),
        ("tall jpeg", giant_jpeg, "is 65535×65535 pixels"),
        ("no pixels", header(0, 8), "is a broken PNG file"),
    ];
    for (name, bytes, complaint) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = load(&path).map(drop).expect_err(name);
        let message = error.to_string();
        assert!(message.starts_with(&format!("{}: {complaint}", path.display())), "{message}");
        assert!(!error.is_wrong_use() && !message.contains('\n'), "{message}");
    }
    let message = load(&folder.path().join("nothing.png")).unwrap_err().to_string();
    assert!(message.starts_with("reading ") && message.contains("nothing.png: "), "{message}");
}

/// Random bytes changed and files cut: an error or an image of the size that the header says.
#[test]
fn spoilt_images_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 11u64;
    // Knuth's linear congruential generator (MMIX); its high bits are good enough here.
    let mut below = move |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let mut refused = 0;
    for name in ["a.png", "a.jpg", "a.webp"] {
        let path = folder.path().join(name);
        save(&path, &image(), &metadata()).unwrap();
        let whole = fs::read(&path).unwrap();
        for _ in 0..700 {
            let mut bytes = whole.clone();
            // Headers are where most can go wrong.
            let most = if below(2) == 0 { bytes.len() } else { 300 };
            for _ in 0..=below(4) {
                bytes[below(most)] = below(256) as u8;
            }
            if below(8) == 0 {
                bytes.truncate(below(whole.len()));
            }
            fs::write(&path, bytes).unwrap();
            match load(&path) {
                Ok(image) => assert!(image.width() <= LONGEST_SIDE && image.height() <= LONGEST_SIDE),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
                }
            }
        }
    }
    assert!(refused > 700, "{refused} of 2100 refused");
}
