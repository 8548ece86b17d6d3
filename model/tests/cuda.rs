//! What only a machine with a CUDA device can show; `make gpu-test` runs it.

use easel_model::{DevicePreference, Precision, Requirement, examine};

use crate::common::{case, demo_model, expected};

#[test]
#[ignore = "needs a CUDA device"]
fn cuda_passes_every_probe() {
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        let requirement = Requirement { memory: 1 << 30, precision: Some(precision), ..Requirement::default() };
        let (ladder, choice) = examine(DevicePreference::Cuda(None), requirement);
        assert!(choice.is_ok() && ladder[0].probes.len() > 4, "{precision}: {ladder:?}");
    }
}

/// 16 bits round every activation, so an image drifts from the reference's; what must hold is that it is the same
/// image: f16 has 11 bits of mantissa and bf16 has 8, and the mean difference is bounded accordingly.
#[test]
#[ignore = "needs a CUDA device"]
fn cuda_draws_the_same_images_in_16_bits() {
    for (precision, allowed) in [(Precision::F16, 1.0), (Precision::Bf16, 6.0)] {
        let model = demo_model(DevicePreference::Cuda(None), Some(precision));
        for name in ["plain", "negative", "refined"] {
            let images = model.start(case(name).request()).expect("the run starts").finish().expect("it ends well");
            let reference = expected(name).into_iter().find(|tensor| tensor.name == "image").expect("an image");
            let difference: f64 =
                images[0].as_raw().iter().zip(&reference.values).map(|(&a, b)| (f64::from(a) - b).abs()).sum();
            let mean = difference / reference.values.len() as f64;
            println!("{precision}: {name}: mean difference {mean:.3} levels");
            assert!(mean <= allowed, "{precision}: {name}: mean difference {mean:.3} levels");
        }
    }
}

#[test]
#[ignore = "needs a CUDA device"]
fn cuda_gives_the_same_bytes_again() {
    let model = demo_model(DevicePreference::Cuda(None), None);
    let draw = || model.start(case("plain").request()).expect("the run starts").finish().expect("it ends well");
    assert!(draw() == draw());
}
