#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Cursor;

use image::{ImageDecoder, ImageReader};

use super::*;
use crate::decoding::load;
use crate::samples::{image, metadata};

fn beyond_latin_1() -> Metadata {
    Metadata { infotext: "桜 🌸, naïve\nSteps: 20".to_owned(), json: r#"{"prompt":"桜 🌸, naïve"}"#.to_owned() }
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
fn images_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    for (name, loss) in [("a.png", 0), ("a.webp", 0), ("a.jpg", 6)] {
        let path = folder.path().join(name);
        save(&path, &image(), &metadata()).unwrap();
        let back = load(&path).unwrap();
        assert_eq!(back.dimensions(), (96, 64));
        let worst = back.iter().zip(image().iter()).map(|(&a, &b)| a.abs_diff(b)).max();
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
    save(&path, &image(), &metadata()).unwrap();
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
        save(&path, &image(), metadata).unwrap();
        png::Decoder::new(Cursor::new(fs::read(&path).unwrap())).read_info().unwrap().info().clone()
    };
    let plain = metadata();
    let read = info(&plain);
    let texts: Vec<_> = read.uncompressed_latin1_text.iter().map(|text| (&*text.keyword, &*text.text)).collect();
    assert_eq!(texts, [("parameters", &*plain.infotext), ("easel", &*plain.json)]);
    assert!(read.utf8_text.is_empty());

    let unicode = beyond_latin_1();
    let read = info(&unicode);
    let texts: Vec<_> = read.utf8_text.iter().map(|text| (&*text.keyword, text.get_text().unwrap())).collect();
    assert_eq!(texts, [("parameters", unicode.infotext.clone()), ("easel", unicode.json.clone())]);
    assert!(read.uncompressed_latin1_text.is_empty());

    let read = info(&Metadata { infotext: "é\0!".to_owned(), json: "{}".to_owned() });
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

/// The user comment and the image description of an image file.
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
            save(&path, &image(), &metadata).unwrap();
            let (comment, description) = exif_texts(&path);
            assert_eq!(comment, metadata.infotext);
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(json(&description.unwrap()), json(&metadata.json));
        }
        // A long record is left out, a long comment cut between characters.
        let long = Metadata { json: format!("{{\"prompt\":\"{}\"}}", "x".repeat(70_000)), ..metadata() };
        save(&path, &image(), &long).unwrap();
        assert_eq!(exif_texts(&path), (long.infotext, None));
        let longer = Metadata { infotext: "a".to_owned() + &"🌸".repeat(40_000), ..metadata() };
        save(&path, &image(), &longer).unwrap();
        let (comment, _) = exif_texts(&path);
        assert!(longer.infotext.starts_with(&comment) && comment.encode_utf16().count() > 32_600, "{}", comment.len());
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
        let error = save(&path, &image(), &metadata()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("writing {}: ", path.display())), "{error}");
        assert!(!error.is_wrong_use());
    }
    let kept = folder.path().join("kept.jpg");
    save(&kept, &image(), &metadata()).unwrap();
    let before = fs::read(&kept).unwrap();
    let too_wide = RgbImage::new(70_000, 1);
    let error = save(&kept, &too_wide, &metadata()).unwrap_err();
    assert!(matches!(error, ImageFileError::Unencodable { .. }), "{error}");
    assert_eq!(fs::read(&kept).unwrap(), before);
    for name in ["a.png", "a.jpg", "a.webp"] {
        assert!(save(&folder.path().join(name), &RgbImage::new(0, 0), &metadata()).is_err(), "{name}");
    }
    assert_eq!(names_in(folder.path()), ["file", "folder.png", "kept.jpg"]);
}
