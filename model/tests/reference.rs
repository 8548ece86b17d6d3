//! Every number on the way from a prompt to an image against the reference implementation.

use easel_model::DevicePreference;

use crate::common::{Case, cases, check_cases, expected};

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
    let of = |case: Case| (case.name.clone(), case.request(), expected(&case.name));
    check_cases(device, cases().into_iter().map(of));
}
