//! Every number on the way from a prompt to an image against the reference implementation.

use easel_model::DevicePreference;

use crate::common::{cases, compare, demo_model, expected};

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
        let found = compare(&run, &images, &expected(&case.name));
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
