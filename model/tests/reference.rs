//! Every number on the way from a prompt to an image against the reference implementation.

use easel_model::DevicePreference;

use crate::common::{Case, cases, check_cases, expected, on_each_device};

on_each_device!(compare_all);

fn compare_all(device: DevicePreference) {
    let of = |case: Case| (case.name.clone(), case.request(), expected(&case.name));
    check_cases(device, cases().into_iter().map(of));
}
