//! A masked generation put aside after any step gives the same bytes, and each of several images is what it is alone.

use easel_model::scheduler::{Sampler, SchedulerName};
use easel_model::{Checkpoint, DevicePreference, Mask, Model, Request, ResolvedSettings};
use easel_settings::MaskContent;
use image::RgbImage;

use super::{half, nine_channels, small};
use crate::common::{adapters, demo_model};

/// What is changed of a request, and how that is called.
type Change = (&'static str, fn(&mut Request));

/// Two images of the right half of another, with everything that steps can differ by.
fn request(scheduler: SchedulerName) -> Request {
    let settings = ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        count: 2,
        high_noise_frac: 0.6,
        scheduler: Some(scheduler),
        mask_blur: 2,
        ..small("a large red heart on a blue background")
    };
    let (init, mask) = half();
    Request { init_image: Some(init), mask: Some(mask), ..settings.into() }
}

fn finish(model: &Model, request: Request) -> Vec<RgbImage> {
    model.start(request).and_then(|mut run| run.finish()).expect("the run ends well")
}

/// Draws the images together, each of them alone, and again from every checkpoint; what is not masked keeps its bytes.
fn check(model: &Model, request: &Request, what: &str) {
    let together = finish(model, request.clone());
    let init = request.init_image.as_ref().expect("it has an image");
    for (index, image) in (0..).zip(&together) {
        let alone = Request { settings: request.settings.alone(index), ..request.clone() };
        assert!(finish(model, alone) == [image.clone()], "{what}: image {index} is another than alone");
        assert!((0..20).all(|x| image.get_pixel(x, 9) == init.get_pixel(x, 9)), "{what}: it changed");
        assert_ne!(image.get_pixel(60, 9), init.get_pixel(60, 9), "{what}: it did not change");
    }
    let mut run = model.start(request.clone()).expect("the run starts");
    loop {
        let saved = run.checkpoint().to_bytes().expect("it can be saved");
        let checkpoint = Checkpoint::from_bytes(&saved).expect("it can be read");
        let resumed = model.resume_with(checkpoint, request.clone()).and_then(|mut run| run.finish());
        assert!(resumed.expect("it fits") == together, "{what}: resumed after step {}", run.step());
        if run.advance().expect("the step is done").is_none() {
            break;
        }
    }
}

#[test]
fn every_scheduler_holds_what_is_not_masked() {
    let model = demo_model(DevicePreference::Flex, None);
    for name in Sampler::ALL.iter().copied().map(SchedulerName::from) {
        let mut request = request(name);
        request.settings.steps = 3;
        request.settings.mask_paste = true;
        check(&model, &request, &name.to_string());
    }
}

#[test]
fn nine_channels_a_refiner_and_everything_else_go_together() {
    let (nine, _folder) = nine_channels(DevicePreference::Flex, None, true);
    let four = demo_model(DevicePreference::Flex, None);
    let changes: [Change; 6] = [
        ("as it is", |_| {}),
        ("from noise", |request| request.settings.strength = 1.0),
        ("reused features, guided in part", |request| {
            request.settings.steps = 8;
            request.settings.reuse_features = 3;
            request.settings.guidance_interval = Some((0.2, 0.8));
        }),
        ("cut out", |request| {
            (request.settings.width, request.settings.height) = (Some(64), Some(64));
            request.settings.mask_crop = Some(4);
        }),
        ("by gray", |request| request.settings.mask_differential = true),
        ("from noise under the mask", |request| request.settings.mask_content = MaskContent::Noise),
    ];
    for (what, change) in changes {
        let mut request = request("euler_ancestral".parse().expect("a scheduler"));
        change(&mut request);
        check(&four, &request, what);
        check(&nine, &request, &format!("nine channels, {what}"));
    }
}

#[test]
fn a_lora_changes_what_is_painted_and_nothing_else() {
    let model = demo_model(DevicePreference::Flex, None);
    let mut request = request("euler".parse().expect("a scheduler"));
    let plain = finish(&model, request.clone());
    let file = easel_model::LoraFile::open(&adapters("files/lora/kohya.safetensors")).expect("the LoRA opens");
    let weights = easel_model::LoraWeights::parse("1").expect("a weight");
    request.loras = vec![easel_model::RequestedLora { file: std::sync::Arc::new(file), weights }];
    check(&model, &request, "a LoRA");
    assert!(finish(&model, request) != plain);
}

#[test]
fn a_checkpoint_wants_its_own_image_and_mask() {
    let model = demo_model(DevicePreference::Flex, None);
    let request = request("euler".parse().expect("a scheduler"));
    let checkpoint = model.start(request.clone()).expect("the run starts").checkpoint();
    let mut other = request.clone();
    other.init_image.as_mut().expect("it has one").get_pixel_mut(0, 0).0[0] ^= 1;
    let mut inverted = request.clone();
    inverted.mask = inverted.mask.map(|mut mask: Mask| {
        mask.image.iter_mut().for_each(|value| *value = 255 - *value);
        mask
    });
    let without = Request { mask: None, ..request.clone() };
    for wrong in [other, inverted, without] {
        let error = model.resume_with(checkpoint.clone(), wrong).err().expect("it is refused").to_string();
        assert!(error.contains("another init image or mask"), "{error}");
    }
    let error = model.resume(checkpoint).err().expect("it is refused").to_string();
    assert!(error.contains("another init image or mask"), "{error}");
    let unmasked = model.start(Request { mask: None, ..request.clone() }).expect("the run starts").checkpoint();
    assert!(model.resume_with(unmasked, request).is_err());
}
