//! The demo model paints into images of its own: what is painted follows its prompt, and nothing else changes.
//! `EASEL_TEST_PROMPTS=50` paints more of them.

use easel_model::{DevicePreference, Extension, Mask, Model, Request, ResolvedSettings};
use image::imageops::crop_imm;
use image::{GrayImage, Luma, RgbImage};

use crate::common::demo_model;
use crate::prompt_score::{Prompt, background_of, prompts, score};

const SIDE: u32 = 128;
/// What is repainted, cut out and worked on at the model's own size.
const CORNER: (u32, u32) = (60, 24);
const PART: u32 = 64;

fn count() -> usize {
    std::env::var("EASEL_TEST_PROMPTS").ok().and_then(|count| count.parse().ok()).unwrap_or(6)
}

fn settings(prompt: &str, seed: u64) -> ResolvedSettings {
    let (width, height) = (Some(SIDE), Some(SIDE));
    ResolvedSettings {
        seed,
        steps: 20,
        use_refiner: false,
        high_noise_frac: 1.0,
        width,
        height,
        ..ResolvedSettings::new(prompt)
    }
}

fn draw(model: &Model, request: impl Into<Request>) -> RgbImage {
    model.start(request).and_then(|mut run| run.finish()).expect("the run ends well").remove(0)
}

/// What is asked for of the part, on the background that is there.
fn asked(prompt: &Prompt, background: &str) -> Prompt {
    let words = [prompt.size.as_str(), &prompt.fg, &prompt.shape, &prompt.place];
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let caption = format!("a {} on a {background} background", words.join(" "));
    Prompt { caption, bg: background.to_owned(), ..prompt.clone() }
}

#[test]
fn a_shape_is_painted_into_a_masked_part_and_nothing_else_changes() {
    let model = demo_model(DevicePreference::Flex, None);
    let is_inside =
        |x: u32, y: u32| (CORNER.0..CORNER.0 + PART).contains(&x) && (CORNER.1..CORNER.1 + PART).contains(&y);
    let mask = GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([if is_inside(x, y) { 255 } else { 0 }]));
    let all = prompts();
    let count = count().min(all.len());
    let mut right = 0;
    for (index, prompt) in (0..).zip(&all[..count]) {
        let other = &all[(index as usize + 1) % all.len()];
        let background = if other.bg == prompt.fg { &prompt.bg } else { &other.bg };
        let on = asked(prompt, background);
        let init = draw(&model, settings(&other.caption, index));
        let settings =
            ResolvedSettings { mask_crop: Some(0), strength: Mask::DEFAULT_STRENGTH, ..settings(&on.caption, index) };
        let request =
            Request { init_image: Some(init.clone()), mask: Some(Mask { image: mask.clone() }), ..settings.into() };
        let result = draw(&model, request);
        for (x, y, pixel) in result.enumerate_pixels().filter(|(x, y, _)| !is_inside(*x, *y)) {
            assert_eq!(pixel, init.get_pixel(x, y), "prompt {index}: {x} {y}");
        }
        right += score(&crop_imm(&result, CORNER.0, CORNER.1, PART, PART).to_image(), &on);
    }
    let score = 100.0 * right as f64 / (5 * count) as f64;
    println!("{count} prompts: score {score:.1}");
    assert!(score >= 80.0, "score {score:.1}");
}

#[test]
fn a_continued_image_keeps_the_bytes_that_it_had() {
    let model = demo_model(DevicePreference::Flex, None);
    let all = prompts();
    let count = count().min(all.len()) / 2;
    let (mut right, by) = (0, 64);
    for (index, prompt) in (0..).zip(&all[..count]) {
        let init = draw(&model, settings(&prompt.caption, index));
        let extension = Extension { right: by, ..Extension::default() };
        let (canvas, mask) = extension.apply(&init, None, false).expect("it is extended");
        assert_eq!(canvas.dimensions(), (SIDE + by, SIDE));
        let settings = ResolvedSettings {
            width: None,
            height: None,
            strength: Mask::DEFAULT_STRENGTH,
            ..settings(&format!("a {} background", background_of(&init)), index)
        };
        let seam = mask.image.rows().next().expect("a row").position(|pixel| pixel.0[0] > 0).expect("a seam") as u32;
        let result = draw(&model, Request { init_image: Some(canvas), mask: Some(mask), ..settings.into() });
        assert_eq!(result.dimensions(), (SIDE + by, SIDE));
        assert!(crop_imm(&result, 0, 0, seam, SIDE).to_image() == crop_imm(&init, 0, 0, seam, SIDE).to_image());
        let new = crop_imm(&result, SIDE, 0, by, SIDE).to_image();
        right += usize::from(background_of(&new) == background_of(&init));
    }
    println!("{right} of {count} are continued on their background");
}
