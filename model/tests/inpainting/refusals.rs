//! What is refused of masks, and what it says.

use easel_model::{DevicePreference, Error, Mask, Request, ResolvedSettings};
use image::{GrayImage, Luma, RgbImage};

use super::{half, nine_channels, small};
use crate::common::demo_model;

/// A change of a good request, and what the refusal must say.
type Wrong = (fn(&mut Request), &'static [&'static str]);

const WRONG: [Wrong; 8] = [
    (|request| request.init_image = None, &["mask", "init image"]),
    (|request| request.mask = Some(Mask { image: GrayImage::new(72, 72) }), &["mask", "72×72", "72×64"]),
    (|request| request.mask = Some(Mask { image: GrayImage::new(72, 64) }), &["mask", "empty", "mask_invert"]),
    (
        |request| {
            request.settings.mask_invert = true;
            request.mask = Some(Mask { image: GrayImage::from_pixel(72, 64, Luma([255])) });
        },
        &["mask", "inverted"],
    ),
    (
        |request| {
            let mut image = GrayImage::new(72, 64);
            image.put_pixel(3, 3, Luma([255]));
            request.mask = Some(Mask { image });
        },
        &["mask", "8×8", "mask_grow"],
    ),
    (
        |request| {
            request.init_image = Some(RgbImage::new(1, 1));
            request.mask = Some(Mask { image: GrayImage::from_pixel(1, 1, Luma([255])) });
        },
        &["width", "1 is out of bounds", "--width"],
    ),
    (|request| request.settings.mask_blur = 65, &["mask_blur", "0 to 64"]),
    (|request| request.settings.strength = 0.1, &["strength", "less than one step"]),
];

#[test]
fn every_wrong_mask_is_named() {
    let model = demo_model(DevicePreference::Flex, None);
    let (init, mask) = half();
    let good =
        Request { init_image: Some(init), mask: Some(mask), ..small("a red circle on a blue background").into() };
    for (change, words) in WRONG {
        let mut request = good.clone();
        change(&mut request);
        let error = model.start(request).err().expect("the request is refused");
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
        }
    }
}

#[test]
fn a_whole_mask_is_said_and_a_single_pixel_is_worked_on_if_cut_out() {
    let model = demo_model(DevicePreference::Flex, None);
    let settings = ResolvedSettings { mask_crop: Some(8), ..small("a red circle on a blue background") };
    let white = Mask { image: GrayImage::from_pixel(1, 1, Luma([255])) };
    let request = Request { init_image: Some(RgbImage::new(1, 1)), mask: Some(white), ..settings.into() };
    let mut run = model.start(request).expect("the request is good");
    assert!(run.warnings().iter().any(|warning| warning.contains("white everywhere")), "{:?}", run.warnings());
    assert_eq!(run.settings().width, Some(128));
    assert_eq!(run.finish().expect("the run ends well")[0].dimensions(), (1, 1));
}

#[test]
fn a_model_for_inpainting_paints_everything_where_there_is_no_mask() {
    let (model, _folder) = nine_channels(DevicePreference::Flex, None, false);
    let (init, mask) = half();
    let white = Mask { image: GrayImage::from_pixel(72, 64, Luma([255])) };
    let settings = ResolvedSettings { mask_paste: false, ..small("a red circle on a blue background") };
    let draw = |request: Request| model.start(request).and_then(|mut run| run.finish()).expect("it ends well");
    let with = |mask: Option<Mask>| Request { init_image: Some(init.clone()), mask, ..settings.clone().into() };
    assert_eq!(draw(with(None)), draw(with(Some(white))));
    assert_ne!(draw(with(None)), draw(with(Some(mask))));
    let alone = ResolvedSettings { width: Some(64), height: Some(72), ..settings };
    assert_eq!(draw(alone.into())[0].dimensions(), (64, 72));
}
