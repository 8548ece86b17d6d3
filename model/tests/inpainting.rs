//! Inpainting with UNets of four and of nine channels: what the reference implementation gives, what keeps its bytes,
//! putting aside, and what is refused.

mod demo;
mod differential;
mod refusals;
mod resuming;
mod whole;

use easel_model::{
    DeviceChoice, DevicePreference, Mask, Model, ModelOptions, Precision, Request, Requirement, ResolvedSettings,
    Retention,
};
use image::{GrayImage, RgbImage};
use serde::Deserialize;
use tempfile::TempDir;

use crate::common::{
    self, Expected, ROUNDED, adapters, check_cases_with, check_rounding, copy, demo_model, expected_in, on_each_device,
};
use crate::overlay::assemble;

/// A case of the adapters' `cases.json` that has a mask.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    prompt: String,
    negative_prompt: Option<String>,
    seed: u64,
    steps: u32,
    guidance_scale: f64,
    scheduler: String,
    unet: Option<String>,
    init: Option<String>,
    mask: Option<String>,
    mask_crop: Option<u32>,
    strength: Option<f64>,
    num_images: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
}

/// Every case with a mask, for a UNet of four channels or of nine.
fn cases(nine: bool) -> Vec<Case> {
    let text = std::fs::read_to_string(adapters("cases.json")).expect("the cases are there");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the cases are well formed");
    cases.into_iter().filter(|case| case.mask.is_some() && case.unet.is_some() == nine).collect()
}

fn reference_image(name: &str) -> image::DynamicImage {
    image::open(adapters(&format!("files/{name}"))).expect("the image is there")
}

impl Case {
    /// As diffusers draws it, which puts back only what it cuts out.
    fn request(&self) -> Request {
        let settings = ResolvedSettings {
            negative_prompt: self.negative_prompt.clone(),
            seed: self.seed,
            steps: self.steps,
            guidance_scale: self.guidance_scale,
            scheduler: Some(self.scheduler.parse().expect("the scheduler has its usual name")),
            use_refiner: false,
            high_noise_frac: 1.0,
            count: self.num_images.unwrap_or(1),
            strength: self.strength.unwrap_or(1.0),
            width: self.width,
            height: self.height,
            mask_crop: self.mask_crop,
            mask_paste: false,
            ..ResolvedSettings::new(&self.prompt)
        };
        let init_image = self.init.as_ref().map(|name| reference_image(name).to_rgb8());
        let mask = self.mask.as_ref().map(|name| Mask { image: reference_image(name).to_luma8() });
        Request { init_image, mask, ..settings.into() }
    }

    fn with_expected(&self) -> (String, Request, Vec<Expected>) {
        let expected = expected_in(&adapters(&format!("expected/{}.safetensors", self.name)));
        (self.name.clone(), self.request(), expected)
    }
}

/// The demo model with the UNet of nine channels, whose weights are random, and the folder that it is in.
fn nine_channels(device: DevicePreference, precision: Option<Precision>, refiner: bool) -> (Model, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&common::demo("base"), folder.path());
    assemble(&common::demo("base/unet"), &adapters("files/unet_inpaint"), &folder.path().join("unet"));
    let requirement = Requirement { precision: precision.or(Some(Precision::F32)), ..Requirement::default() };
    let choice = DeviceChoice::select(device, requirement).expect("the device is there");
    let options = ModelOptions {
        refiner: refiner.then(|| common::demo("refiner")),
        retention: Retention::KeepWarm,
        ..ModelOptions::default()
    };
    (Model::open(folder.path(), &options, &choice).expect("the model opens"), folder)
}

/// An image, and a mask of its right half with a soft edge.
pub(crate) fn half() -> (RgbImage, Mask) {
    let init = RgbImage::from_fn(72, 64, |x, y| image::Rgb([(3 * x) as u8, (2 * y) as u8, 90]));
    let mask = GrayImage::from_fn(72, 64, |x, _| image::Luma([(x.saturating_sub(28) * 20).min(255) as u8]));
    (init, Mask { image: mask })
}

pub(crate) fn small(prompt: &str) -> ResolvedSettings {
    ResolvedSettings { steps: 4, seed: 7, strength: 0.8, ..ResolvedSettings::new(prompt) }
}

/// Checks every case with the model that it is for.
fn compare_all(device: DevicePreference) {
    let (four, nine) = (cases(false), cases(true));
    assert_eq!((four.len(), nine.len()), (5, 2));
    check_cases_with(&demo_model(device, None), four.iter().map(Case::with_expected));
    let (model, _folder) = nine_channels(device, None, false);
    check_cases_with(&model, nine.iter().map(Case::with_expected));
}

on_each_device!(compare_all);

/// bf16 and int8 stay as close to the reference as they do without masks.
#[test]
fn rounding_stays_close() {
    for (precision, bound) in ROUNDED {
        let model = demo_model(DevicePreference::Flex, Some(precision));
        check_rounding(&model, bound, cases(false).iter().map(Case::with_expected));
        let (model, _folder) = nine_channels(DevicePreference::Flex, Some(precision), false);
        check_rounding(&model, bound, cases(true).iter().map(Case::with_expected));
    }
}
