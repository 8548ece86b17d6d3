//! What only a machine with a Vulkan driver can show; `make test-vulkan` runs it, on a driver in software where there is no
//! GPU. The kernels are CubeCL's, as on CUDA.

use easel_model::{Backend, DevicePreference, Precision, Requirement, examine};

use crate::common::{Case, case, check_cases, demo_model, expected};

const VULKAN: DevicePreference = DevicePreference::Vulkan(None);
/// Cases without guidance, of sizes that no kernel's tiles divide, and of a prompt in several portions.
const SMALL: [&str; 3] = ["few_steps_no_guidance", "odd_size", "overlong_prompt"];

#[test]
#[ignore = "needs a Vulkan driver"]
fn vulkan_passes_every_probe() {
    for precision in [Some(Precision::F32), Some(Precision::F16), None] {
        let requirement = Requirement { memory: 1 << 28, largest_tensor: 1 << 26, precision, is_packed: false };
        let (ladder, choice) = examine(VULKAN, requirement);
        assert!(ladder.len() == 1 && ladder[0].is_used && ladder[0].probes.len() > 6, "{precision:?}: {ladder:?}");
        let choice = choice.expect("it is chosen");
        assert_eq!(
            (choice.backend, choice.kind(), choice.fallback_reason.is_none()),
            (Backend::Vulkan, "vulkan", true)
        );
        assert_eq!(choice.precision, precision.unwrap_or(Precision::F16));
        assert!(choice.free_memory() >= requirement.memory);
    }
}

#[test]
#[ignore = "needs a Vulkan driver"]
fn vulkan_is_refused_with_the_reason() {
    let refused = |requirement: Requirement| {
        let (ladder, choice) = examine(VULKAN, requirement);
        assert!(!ladder[0].is_used && choice.is_err());
        ladder[0].reason.clone()
    };
    let requirement = Requirement::default();
    let reason = refused(Requirement { memory: 1 << 50, ..requirement });
    assert!(reason.contains("1048576.0 GiB needed"), "{reason}");
    let reason = refused(Requirement { largest_tensor: 1 << 50, ..requirement });
    assert!(reason.contains("tensors of up to"), "{reason}");
    let reason = refused(Requirement { precision: Some(Precision::Bf16), ..requirement });
    assert!(reason.contains("no kernels for bf16"), "{reason}");
    let (ladder, _) = examine(DevicePreference::Vulkan(Some(1000)), requirement);
    assert!(ladder[0].reason.starts_with("there is no Vulkan device 1000"), "{ladder:?}");
}

/// The small cases, or those that `EASEL_TEST_VULKAN_CASES` names: a driver in software is slow.
#[test]
#[ignore = "needs a Vulkan driver"]
fn vulkan_gives_what_the_reference_gives() {
    let named = std::env::var("EASEL_TEST_VULKAN_CASES").ok();
    let names: Vec<_> = named.as_deref().map_or(SMALL.to_vec(), |names| names.split(',').collect());
    let of = |case: Case| (case.name.clone(), case.request(), expected(&case.name));
    check_cases(VULKAN, names.into_iter().map(case).map(of));
}

/// f16 rounds every activation, so an image drifts from the reference's; what must hold is that it is the same image.
#[test]
#[ignore = "needs a Vulkan driver"]
fn vulkan_draws_the_same_images_in_f16() {
    let model = demo_model(VULKAN, Some(Precision::F16));
    let name = "few_steps_no_guidance";
    let images = model.start(case(name).request()).expect("the run starts").finish().expect("it ends well");
    let reference = expected(name).into_iter().find(|tensor| tensor.name == "image").expect("an image");
    let levels = images[0].as_raw().iter().zip(&reference.values).map(|(&a, b)| (f64::from(a) - b).abs());
    let mean = levels.sum::<f64>() / reference.values.len() as f64;
    println!("{name}: mean difference {mean:.3} levels");
    assert!(mean <= 1.0, "{name}: mean difference {mean:.3} levels");
}

#[test]
#[ignore = "needs a Vulkan driver"]
fn vulkan_gives_the_same_bytes_again() {
    let model = demo_model(VULKAN, None);
    let draw = || model.start(case("odd_size").request()).expect("the run starts").finish().expect("it ends well");
    assert!(draw() == draw());
}
