#![allow(clippy::unwrap_used)]

use std::fs;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, Rgba, RgbaImage};

use super::*;

/// Smooth enough that a JPEG of it is close, and no two sides alike.
fn picture() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, (x + y) as u8]))
}

fn metadata() -> Metadata {
    let settings = [("Steps", "20".to_owned()), ("Sampler", "Euler".to_owned()), ("Version", "easel 0.1.0".to_owned())];
    Metadata {
        parameters: parameters("a large red heart", Some("blurry"), &settings),
        json: r#"{"prompt":"a large red heart","seed":1}"#.to_owned(),
    }
}

fn beyond_latin_1() -> Metadata {
    Metadata {
        parameters: "桜 🌸, naïve\nSteps: 20".to_owned(), json: r#"{"prompt":"桜 🌸, naïve"}"#.to_owned()
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn extensions_choose_the_format() {
    for (name, format) in [
        ("a.png", Format::Png),
        ("a.b.PNG", Format::Png),
        ("a.jpg", Format::Jpeg),
        ("x/a.JPEG", Format::Jpeg),
        ("a.webp", Format::WebP),
    ] {
        assert_eq!(format_of(Path::new(name)).unwrap(), format, "{name}");
    }
    for name in ["a.gif", "a", "png", ".png", "a.png.tmp", ""] {
        let error = format_of(Path::new(name)).unwrap_err();
        assert!(error.is_wrong_use() && error.to_string().starts_with(&format!("{name}: ")), "{error}");
    }
}

#[test]
fn parameters_are_written_as_automatic1111_writes_them() {
    let settings = [
        ("Steps", "20".to_owned()),
        ("CFG scale", "5".to_owned()),
        ("Size", "128x128".to_owned()),
        ("Model", "a, \"b\": c".to_owned()),
    ];
    assert_eq!(
        parameters("a cat,\na dog", Some("ugly"), &settings),
        "a cat,\na dog\nNegative prompt: ugly\nSteps: 20, CFG scale: 5, Size: 128x128, Model: \"a, \\\"b\\\": c\""
    );
    assert_eq!(parameters("a cat", None, &settings[..1]), "a cat\nSteps: 20");
    assert_eq!(parameters("a cat", Some(""), &settings[..1]), "a cat\nSteps: 20");
}

#[test]
fn pictures_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    for (name, loss) in [("a.png", 0), ("a.webp", 0), ("a.jpg", 6)] {
        let path = folder.path().join(name);
        save(&path, &picture(), &metadata()).unwrap();
        let back = load(&path).unwrap();
        assert_eq!(back.dimensions(), (96, 64));
        let worst = back.iter().zip(picture().iter()).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(worst <= Some(loss), "{name}: {worst:?}");
    }
    assert_eq!(names_in(folder.path()), ["a.jpg", "a.png", "a.webp"]);
}

#[cfg(unix)]
#[test]
fn files_have_ordinary_permissions_and_links_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let ordinary = folder.path().join("ordinary");
    fs::write(&ordinary, "").unwrap();
    let (path, link) = (folder.path().join("a.png"), folder.path().join("link.png"));
    save(&path, &picture(), &metadata()).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&ordinary));

    std::os::unix::fs::symlink(&path, &link).unwrap();
    let other = RgbImage::new(8, 8);
    save(&link, &other, &metadata()).unwrap();
    assert!(link.is_symlink());
    assert_eq!(load(&path).unwrap(), other);
}

#[test]
fn png_text_is_latin_1_where_that_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let info = |metadata: &Metadata| {
        save(&path, &picture(), metadata).unwrap();
        png::Decoder::new(Cursor::new(fs::read(&path).unwrap())).read_info().unwrap().info().clone()
    };
    let plain = metadata();
    let read = info(&plain);
    let texts: Vec<_> = read.uncompressed_latin1_text.iter().map(|text| (&*text.keyword, &*text.text)).collect();
    assert_eq!(texts, [("parameters", &*plain.parameters), ("easel", &*plain.json)]);
    assert!(read.utf8_text.is_empty());

    let unicode = beyond_latin_1();
    let read = info(&unicode);
    let texts: Vec<_> = read.utf8_text.iter().map(|text| (&*text.keyword, text.get_text().unwrap())).collect();
    assert_eq!(texts, [("parameters", unicode.parameters.clone()), ("easel", unicode.json.clone())]);
    assert!(read.uncompressed_latin1_text.is_empty());

    let read = info(&Metadata { parameters: "é\0!".to_owned(), json: "{}".to_owned() });
    assert_eq!(read.utf8_text[0].get_text().unwrap(), "é\u{FFFD}!");
}

/// Reads a field of a big-endian TIFF directory: type and bytes, and for a number its value.
fn field(exif: &[u8], directory: usize, wanted: u16) -> Option<(u16, Vec<u8>, u32)> {
    let short = |at: usize| u16::from_be_bytes(exif[at..at + 2].try_into().unwrap());
    let long = |at: usize| u32::from_be_bytes(exif[at..at + 4].try_into().unwrap());
    (0..usize::from(short(directory))).map(|index| directory + 2 + 12 * index).find(|&at| short(at) == wanted).map(
        |at| {
            let (count, value) = (long(at + 4) as usize, long(at + 8));
            let bytes = if short(at + 2) == 4 { Vec::new() } else { exif[value as usize..][..count].to_vec() };
            (short(at + 2), bytes, value)
        },
    )
}

/// The user comment and the image description of a picture file.
fn exif_texts(path: &Path) -> (String, Option<String>) {
    let reader = ImageReader::open(path).unwrap().with_guessed_format().unwrap();
    let exif = reader.into_decoder().unwrap().exif_metadata().unwrap().unwrap();
    assert_eq!(exif[..8], *b"MM\0\x2A\0\0\0\x08");
    let (_, _, directory) = field(&exif, 8, 0x8769).unwrap();
    let (kind, comment, _) = field(&exif, directory as usize, 0x9286).unwrap();
    assert_eq!((kind, &comment[..8]), (7, &b"UNICODE\0"[..]));
    let units: Vec<u16> = comment[8..].chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
    let description = field(&exif, 8, 0x010E).map(|(kind, mut text, _)| {
        assert_eq!((kind, text.pop()), (2, Some(0)));
        assert!(text.is_ascii());
        String::from_utf8(text).unwrap()
    });
    (String::from_utf16(&units).unwrap(), description)
}

#[test]
fn jpeg_and_webp_carry_exif() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "a.webp"] {
        let path = folder.path().join(name);
        for metadata in [metadata(), beyond_latin_1()] {
            save(&path, &picture(), &metadata).unwrap();
            let (comment, description) = exif_texts(&path);
            assert_eq!(comment, metadata.parameters);
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(json(&description.unwrap()), json(&metadata.json));
        }
        // A long record is left out, a long comment cut between characters.
        let long = Metadata { json: format!("{{\"prompt\":\"{}\"}}", "x".repeat(70_000)), ..metadata() };
        save(&path, &picture(), &long).unwrap();
        assert_eq!(exif_texts(&path), (long.parameters, None));
        let longer = Metadata { parameters: "a".to_owned() + &"🌸".repeat(40_000), ..metadata() };
        save(&path, &picture(), &longer).unwrap();
        let (comment, _) = exif_texts(&path);
        assert!(
            longer.parameters.starts_with(&comment) && comment.encode_utf16().count() > 32_600,
            "{}",
            comment.len()
        );
        assert_eq!(load(&path).unwrap().dimensions(), (96, 64));
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    for name in ["nowhere/a.png", "file/a.png", "folder.png"] {
        let path = folder.path().join(name);
        let error = save(&path, &picture(), &metadata()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("writing {}: ", path.display())), "{error}");
        assert!(!error.is_wrong_use());
    }
    let kept = folder.path().join("kept.jpg");
    save(&kept, &picture(), &metadata()).unwrap();
    let before = fs::read(&kept).unwrap();
    let too_wide = RgbImage::new(70_000, 1);
    let error = save(&kept, &too_wide, &metadata()).unwrap_err();
    assert!(matches!(error, PictureError::Unencodable { .. }), "{error}");
    assert_eq!(fs::read(&kept).unwrap(), before);
    for name in ["a.png", "a.jpg", "a.webp"] {
        assert!(save(&folder.path().join(name), &RgbImage::new(0, 0), &metadata()).is_err(), "{name}");
    }
    assert_eq!(names_in(folder.path()), ["file", "folder.png", "kept.jpg"]);
}

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
fn transparent_pictures_lie_on_white() {
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
fn pictures_are_turned_upright() {
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
fn broken_and_giant_pictures_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let encoded = |name: &str| {
        let path = folder.path().join(name);
        save(&path, &picture(), &metadata()).unwrap();
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

/// Random bytes changed and files cut: an error or a picture of the size that the header says.
#[test]
fn spoilt_pictures_never_panic() {
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
        save(&path, &picture(), &metadata()).unwrap();
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
                Ok(picture) => assert!(picture.width() <= LONGEST_SIDE && picture.height() <= LONGEST_SIDE),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
                }
            }
        }
    }
    assert!(refused > 700, "{refused} of 2100 refused");
}
