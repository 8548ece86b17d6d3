//! Masks whose gray says how much may change, and what a mask begins with.

use easel_model::{DevicePreference, Mask, Request, ResolvedSettings};
use easel_settings::MaskContent;
use image::{GrayImage, Luma, RgbImage};

use super::{half, nine_channels, small};
use crate::common::demo_model;

/// The mean change of the columns `from..to`, in levels.
fn change(init: &RgbImage, result: &RgbImage, from: u32, to: u32) -> f64 {
    let pixels = init.enumerate_pixels().filter(|(x, ..)| (from..to).contains(x));
    let differences = pixels.flat_map(|(x, y, pixel)| {
        let other = result.get_pixel(x, y).0;
        pixel.0.into_iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(b))).collect::<Vec<_>>()
    });
    let differences: Vec<f64> = differences.collect();
    differences.iter().sum::<f64>() / differences.len() as f64
}

#[test]
fn what_is_dark_changes_less_and_black_not_at_all() {
    let init = RgbImage::from_pixel(128, 64, image::Rgb([120, 60, 200]));
    let image = GrayImage::from_fn(128, 64, |x, _| Luma([[0, 60, 150, 255][x as usize / 32]]));
    let settings = ResolvedSettings {
        steps: 12,
        strength: 1.0,
        mask_differential: true,
        use_refiner: false,
        high_noise_frac: 1.0,
        ..small("a large red heart on a green background")
    };
    let request = Request { init_image: Some(init.clone()), mask: Some(Mask { image }), ..settings.into() };
    let (nine, _folder) = nine_channels(DevicePreference::Flex, None, false);
    // The weights of the other are random, so that it paints over everything alike.
    for (model, is_trained) in [(demo_model(DevicePreference::Flex, None), true), (nine, false)] {
        let result = model.start(request.clone()).and_then(|mut run| run.finish()).expect("it ends well").remove(0);
        let changes = [0, 1, 2, 3].map(|band| change(&init, &result, 32 * band + 8, 32 * band + 24));
        assert_eq!(changes[0], 0.0);
        assert!(!is_trained || changes[1] < changes[2].min(changes[3]), "{changes:?}");
    }
}

#[test]
fn what_stands_under_the_mask_at_the_start_shows_where_something_of_it_is_left() {
    let model = demo_model(DevicePreference::Flex, None);
    let (init, mask) = half();
    let mut seen = Vec::new();
    for mask_content in [MaskContent::Original, MaskContent::Fill, MaskContent::Noise, MaskContent::Nothing] {
        let settings = ResolvedSettings { mask_content, ..small("a red heart on a green background") };
        let request = Request { init_image: Some(init.clone()), mask: Some(mask.clone()), ..settings.into() };
        let result = model.start(request).and_then(|mut run| run.finish()).expect("it ends well").remove(0);
        assert!(!seen.contains(&result), "{mask_content:?}");
        seen.push(result);
    }
}
