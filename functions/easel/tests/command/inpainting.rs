//! Painting over and around images.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;

use crate::support::*;

fn init() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, 80]))
}

fn is_masked(x: u32) -> bool {
    x >= 48
}

/// An init image, its mask, the same with a hole, and what is wrong in several ways.
fn files(folder: &Path) -> Vec<&'static str> {
    let at = |name: &str| folder.join(name);
    let init = init();
    init.save(at("init.png")).unwrap();
    GrayImage::from_fn(96, 64, |x, _| Luma([if is_masked(x) { 255 } else { 0 }])).save(at("mask.png")).unwrap();
    GrayImage::new(96, 64).save(at("empty.png")).unwrap();
    GrayImage::from_pixel(100, 80, Luma([255])).save(at("other.png")).unwrap();
    let hole = |x: u32, y: u32| {
        let [red, green, blue] = init.get_pixel(x, y).0;
        Rgba([red, green, blue, if is_masked(x) { 0 } else { 255 }])
    };
    RgbaImage::from_fn(96, 64, hole).save(at("hole.png")).unwrap();
    RgbImage::new(1, 1).save(at("single.png")).unwrap();
    GrayImage::from_pixel(1, 1, Luma([255])).save(at("single-mask.png")).unwrap();
    fs::write(at("broken.png"), b"\x89PNG\r\n\x1a\nnot really").unwrap();
    vec!["broken.png", "empty.png", "hole.png", "init.png", "mask.png", "other.png", "single-mask.png", "single.png"]
}

/// The image that the command draws with `arguments`, and its infotext and record.
fn painted(folder: &Path, arguments: &[&str]) -> (RgbImage, String, Value) {
    let plain = ["generate", PROMPT, "--json", "--device", "flex", "--steps", "3", "--seed", "1", "--init"];
    let outcome = run(folder, &[&plain, arguments, &["-o", "out.png"]].concat());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let path = folder.join("out.png");
    let chunks = text_chunks(&path);
    let text = |keyword: &str| chunks.iter().find(|(found, _)| found == keyword).unwrap().1.clone();
    (image::open(&path).unwrap().into_rgb8(), text("parameters"), serde_json::from_str(&text("easel")).unwrap())
}

#[test]
fn what_is_white_is_painted_and_the_rest_keeps_its_bytes() {
    let folder = folder();
    files(folder.path());
    let init = init();
    let keeps = |image: &RgbImage| {
        image.dimensions() == init.dimensions()
            && image.enumerate_pixels().all(|(x, y, pixel)| is_masked(x) || pixel == init.get_pixel(x, y))
    };
    let (masked, infotext, record) = painted(folder.path(), &["init.png", "--mask", "mask.png"]);
    assert!(keeps(&masked) && masked != init);
    assert!(infotext.contains("Denoising strength: 1,"), "{infotext}");
    assert_eq!((&record["mask"], &record["request"]["strength"]), (&"mask.png".into(), &1.0.into()));
    assert_eq!((&record["init"], record.get("extend")), (&"init.png".into(), None));

    let (holed, _, record) = painted(folder.path(), &["hole.png"]);
    assert!(keeps(&holed), "where it is transparent");
    assert_eq!(record["mask"], "transparency");

    let cropped = ["init.png", "--mask", "mask.png", "--mask-crop", "8", "--mask-content", "fill", "--strength", "0.7"];
    let (image, infotext, record) = painted(folder.path(), &cropped);
    assert!(keeps(&image) && image != masked);
    let words = "Denoising strength: 0.7, Inpaint area: Only masked, Masked area padding: 8, Masked content: fill";
    assert!(infotext.contains(words), "{infotext}");
    assert_eq!((&record["request"]["mask_crop"], &record["request"]["width"]), (&8.into(), &128.into()));

    let inverted = ["init.png", "--mask", "mask.png", "--mask-invert", "--mask-blur", "2"];
    let (image, infotext, _) = painted(folder.path(), &inverted);
    assert!((64..96).all(|x| image.get_pixel(x, 30) == init.get_pixel(x, 30)));
    assert!(infotext.contains("Mask blur: 2, Mask mode: Inpaint not masked"), "{infotext}");
}

#[test]
fn a_canvas_grows() {
    let folder = folder();
    files(folder.path());
    let (image, _, record) = painted(folder.path(), &["init.png", "--extend", "left=32,bottom=16"]);
    assert_eq!(image.dimensions(), (128, 80));
    let init = init();
    // But for the seam, a quarter of the side at most.
    for (x, y) in [(24, 0), (60, 20), (95, 47)] {
        assert_eq!(image.get_pixel(32 + x, y), init.get_pixel(x, y));
    }
    assert_eq!(record["extend"], "left=32,bottom=16");
    assert_eq!((&record["request"]["width"], &record["request"]["height"]), (&128.into(), &80.into()));
}

#[test]
fn what_is_wrong_with_a_mask_is_said_before_anything_is_drawn() {
    let folder = folder();
    let files = files(folder.path());
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["--mask", "mask.png"], 2, &["--init"]),
        (&["--extend", "left=8"], 2, &["--init"]),
        (&["--init", "init.png", "--extend", "up=8"], 2, &["--extend", "`up`", "left=256"]),
        (&["--init", "init.png", "--extend", "left=4096"], 2, &["--extend", "1 to 2048"]),
        (&["--init", "init.png", "--mask", "other.png"], 2, &["mask", "100×80", "96×64"]),
        (&["--init", "init.png", "--mask", "other.png", "--extend", "top=8"], 2, &["mask", "100×80", "96×64"]),
        (&["--init", "init.png", "--mask", "empty.png"], 2, &["mask", "empty", "mask_invert"]),
        (&["--init", "init.png", "--mask", "broken.png"], 1, &["broken.png", "PNG"]),
        (&["--init", "init.png", "--mask", "nowhere.png"], 1, &["nowhere.png"]),
        (&["--init", "init.png", "--mask-blur", "4"], 2, &["--mask-blur", "no mask", "--extend"]),
        (&["--init", "init.png", "--mask", "mask.png", "--mask-blur", "65"], 2, &["--mask-blur", "0 to 64"]),
        (&["--init", "init.png", "--mask", "mask.png", "--mask-content", "x"], 2, &["--mask-content", "nothing"]),
        (&["--init", "single.png", "--mask", "single-mask.png"], 2, &["width", "1 is out of bounds", "--width"]),
    ];
    for (arguments, code, words) in cases {
        let outcome = run(folder.path(), &[&["generate", PROMPT, "--device", "flex"], *arguments].concat());
        assert_refused(&outcome, *code, words, folder.path(), &files);
    }
}
