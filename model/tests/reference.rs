//! Every number on the way from a prompt to an image against the reference implementation.

use easel_model::{DevicePreference, Trace};
use safetensors::Dtype;

use crate::common::{Expected, cases, demo_model, deviation, expected, largest_difference};

/// How far a tensor may be from the reference, in standard deviations of the reference.
fn tolerance(name: &str) -> f64 {
    let is_latents = name.contains("latents");
    if is_latents { 1e-3 } else { 1e-4 }
}

#[test]
fn flex_gives_what_the_reference_gives() {
    compare_all(DevicePreference::Flex);
}

#[test]
fn ndarray_gives_what_the_reference_gives() {
    compare_all(DevicePreference::NdArray);
}

#[test]
#[ignore = "needs a CUDA device"]
fn cuda_gives_what_the_reference_gives() {
    compare_all(DevicePreference::Cuda(None));
}

fn compare_all(device: DevicePreference) {
    let model = demo_model(device, None);
    let mut faults = Vec::new();
    for case in cases() {
        let mut run = model.start_traced(case.request()).expect("the request is good");
        let images = run.finish().expect("the run ends well");
        let trace = run.trace().expect("the run is traced");
        for expected in expected(&case.name) {
            let fault = match expected.dtype {
                Dtype::U8 => {
                    let found: Vec<u8> = images.iter().flat_map(|image| image.as_raw().clone()).collect();
                    compare_images(&found, &expected)
                }
                _ => compare(trace, &expected),
            };
            faults.extend(fault.map(|fault| format!("{}: {}: {fault}", case.name, expected.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How a tensor of `trace` differs from `expected` more than it may.
pub(crate) fn compare(trace: &Trace, expected: &Expected) -> Option<String> {
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
pub(crate) fn compare_images(found: &[u8], expected: &Expected) -> Option<String> {
    assert_eq!(found.len(), expected.values.len());
    let differences: Vec<f64> =
        found.iter().zip(&expected.values).map(|(&found, expected)| (f64::from(found) - expected).abs()).collect();
    let worst = differences.iter().copied().fold(0.0, f64::max);
    let beyond_one = differences.iter().filter(|&&difference| difference > 1.0).count();
    (worst > 2.0 || beyond_one * 100 > differences.len())
        .then(|| format!("worst pixel is {worst} levels off, {beyond_one} of {} more than one", differences.len()))
}
