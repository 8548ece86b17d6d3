//! The reference implementation's images and the tensors on the way to them.

use std::path::{Path, PathBuf};

use easel_model::{
    DeviceChoice, DevicePreference, Generation, Model, ModelOptions, Precision, Request, Requirement, ResolvedSettings,
    Retention, Trace,
};
use image::RgbImage;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

/// One test for each kind of device: `$compare` finds on it what the reference gives.
macro_rules! on_each_device {
    ($compare:ident) => {
        #[test]
        fn flex_gives_what_the_reference_gives() {
            $compare(easel_model::DevicePreference::Flex);
        }

        #[test]
        fn ndarray_gives_what_the_reference_gives() {
            $compare(easel_model::DevicePreference::NdArray);
        }

        #[test]
        #[ignore = "needs a CUDA device"]
        fn cuda_gives_what_the_reference_gives() {
            $compare(easel_model::DevicePreference::Cuda(None));
        }
    };
}
pub(crate) use on_each_device;

/// A file of the reference data.
pub(crate) fn reference(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(path)
}

/// A file of the reference data about adapters and prompts.
pub(crate) fn adapters(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/adapters").join(path)
}

/// A folder of the demo model.
pub(crate) fn demo(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo").join(path)
}

/// A case of `cases.json`, as `make_pipeline.py` describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub name: String,
    prompt: String,
    negative_prompt: Option<String>,
    seed: u64,
    steps: u32,
    guidance_scale: f64,
    scheduler: String,
    pub high_noise_frac: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
    original_size: Option<(u32, u32)>,
    crop: Option<(u32, u32)>,
    guidance_rescale: Option<f64>,
    num_images: Option<u32>,
    strength: Option<f64>,
    init: Option<String>,
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(reference("pipeline/cases.json")).expect("the cases are there");
    serde_json::from_str(&text).expect("the cases are well formed")
}

/// The case called `name`.
pub(crate) fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).expect("there is such a case")
}

impl Case {
    pub(crate) fn request(&self) -> Request {
        let init_image = self.init.as_ref().map(|name| {
            image::open(reference(&format!("pipeline/{name}.png"))).expect("the init image is there").to_rgb8()
        });
        let mut settings = ResolvedSettings::new(&self.prompt);
        settings.negative_prompt.clone_from(&self.negative_prompt);
        settings.seed = self.seed;
        settings.steps = self.steps;
        settings.guidance_scale = self.guidance_scale;
        settings.guidance_rescale = self.guidance_rescale.unwrap_or(0.0);
        settings.scheduler = Some(self.scheduler.parse().expect("the scheduler has its usual name"));
        settings.use_refiner = self.high_noise_frac.is_some();
        settings.high_noise_frac = self.high_noise_frac.unwrap_or(1.0);
        (settings.width, settings.height) = (self.width, self.height);
        settings.original_size = self.original_size;
        settings.crop_top_left = self.crop.unwrap_or((0, 0));
        settings.count = self.num_images.unwrap_or(1);
        settings.strength = self.strength.unwrap_or(1.0);
        Request { init_image, ..settings.into() }
    }
}

/// The demo model with its refiner on a device, in f32 unless `precision` says otherwise.
pub(crate) fn demo_model(preference: DevicePreference, precision: Option<Precision>) -> Model {
    let requirement = Requirement { precision: precision.or(Some(Precision::F32)), ..Requirement::default() };
    let choice = DeviceChoice::select(preference, requirement).expect("the device is there");
    let options =
        ModelOptions { refiner: Some(demo("refiner")), retention: Retention::KeepWarm, ..ModelOptions::default() };
    Model::open(&demo("base"), &options, &choice).expect("the demo model opens")
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is made");
    for entry in std::fs::read_dir(from).expect("the folder is read") {
        let entry = entry.expect("the folder is read");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("the file is copied");
        }
    }
}

/// One reference tensor as f64.
pub(crate) struct Expected {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Every tensor of a case.
pub(crate) fn expected(case: &str) -> Vec<Expected> {
    expected_in(&reference(&format!("pipeline/{case}.safetensors")))
}

/// Every tensor of a file.
pub(crate) fn expected_in(path: &Path) -> Vec<Expected> {
    let bytes = std::fs::read(path).expect("the tensors are there");
    let tensors = SafeTensors::deserialize(&bytes).expect("the tensors are well formed");
    let read = |(name, view): (String, safetensors::tensor::TensorView)| {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
            Dtype::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
            Dtype::I64 => data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
            Dtype::U8 => data.iter().map(|&byte| f64::from(byte)).collect(),
            other => panic!("{}: {name} has an unexpected format {other:?}", path.display()),
        };
        Expected { name, dtype: view.dtype(), shape: view.shape().to_vec(), values }
    };
    tensors.tensors().into_iter().map(read).collect()
}

/// Standard deviation of all numbers.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Largest absolute difference; a length that differs is a failure.
pub(crate) fn largest_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

/// Draws every case on one model, and checks each tensor and image against the reference's.
pub(crate) fn check_cases(device: DevicePreference, cases: impl IntoIterator<Item = (String, Request, Vec<Expected>)>) {
    check_cases_with(&demo_model(device, None), cases);
}

/// The same on a model that is open.
pub(crate) fn check_cases_with(model: &Model, cases: impl IntoIterator<Item = (String, Request, Vec<Expected>)>) {
    let mut faults = Vec::new();
    for (name, request, expected) in cases {
        let mut run = model.start_traced(request).expect("the request is good");
        let images = run.finish().expect("the run ends well");
        faults.extend(compare(&run, &images, &expected).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The precisions that round, and by how many levels the images of a few cases may be off the reference's in the mean.
pub(crate) const ROUNDED: [(Precision, f64); 2] = [(Precision::Bf16, 1.0), (Precision::Int8, 1.5)];

/// Checks that rounding leaves the images of the cases as close to the reference's as `bound` levels in the mean.
pub(crate) fn check_rounding(
    model: &Model,
    bound: f64,
    cases: impl IntoIterator<Item = (String, Request, Vec<Expected>)>,
) {
    let mut means = Vec::new();
    for (name, request, expected) in cases {
        let images = model.start(request).and_then(|mut run| run.finish()).expect("the run ends well");
        let found = images.iter().flat_map(|image| image.as_raw().iter().map(|&level| f64::from(level)));
        let image = expected.iter().find(|tensor| tensor.name == "image").expect("there is an image");
        let difference: f64 = found.zip(&image.values).map(|(found, expected)| (found - expected).abs()).sum();
        means.push(difference / image.values.len() as f64);
        println!("{name}: mean {:.3} levels", means[means.len() - 1]);
    }
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    assert!(mean < bound, "mean {mean:.3} levels");
}

/// Where the tensors and images of a traced run are not the reference's.
fn compare(run: &Generation, images: &[RgbImage], expected: &[Expected]) -> Vec<String> {
    let trace = run.trace().expect("the run is traced");
    let faults = expected.iter().filter_map(|expected| {
        let fault = match expected.dtype {
            Dtype::U8 => {
                let found: Vec<u8> = images.iter().flat_map(|image| image.as_raw().clone()).collect();
                compare_images(&found, expected)
            }
            _ => compare_tensors(trace, expected),
        };
        fault.map(|fault| format!("{}: {fault}", expected.name))
    });
    faults.collect()
}

/// How far a tensor may be from the reference, in standard deviations of the reference.
fn tolerance(name: &str) -> f64 {
    if name.contains("latents") { 1e-3 } else { 1e-4 }
}

/// How a tensor of `trace` differs from `expected` more than it may.
fn compare_tensors(trace: &Trace, expected: &Expected) -> Option<String> {
    let Some(found) = trace.numbers(&expected.name) else { return Some("is missing".into()) };
    let allowed = match expected.dtype {
        Dtype::I64 => 0.0,
        // Timesteps of Karras's spacing are interpolated in f32, of 1,000.
        Dtype::F64 => 1e-3,
        // Zeros must be zeros.
        _ => tolerance(&expected.name) * deviation(&expected.values),
    };
    let worst = largest_difference(&found, &expected.values);
    (worst > allowed).then(|| format!("differs by {worst:.2e}, allowed are {allowed:.2e}"))
}

/// Every pixel within 2 levels, 99 % within 1.
fn compare_images(found: &[u8], expected: &Expected) -> Option<String> {
    assert_eq!(found.len(), expected.values.len());
    let differences: Vec<f64> =
        found.iter().zip(&expected.values).map(|(&found, expected)| (f64::from(found) - expected).abs()).collect();
    let worst = differences.iter().copied().fold(0.0, f64::max);
    let beyond_one = differences.iter().filter(|&&difference| difference > 1.0).count();
    (worst > 2.0 || beyond_one * 100 > differences.len())
        .then(|| format!("worst pixel is {worst} levels off, {beyond_one} of {} more than one", differences.len()))
}
