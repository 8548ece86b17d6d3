//! The case in which every adapter is at work, as far as LoRAs go.

use super::{adapters, lora};
use crate::common::{demo_model, deviation, expected_in, largest_difference};
use easel_model::{DevicePreference, Request, ResolvedSettings};

#[test]
fn the_changed_layers_are_the_references() {
    let expected = expected_in(&adapters("expected/together.safetensors"));
    let expected = expected.iter().find(|tensor| tensor.name == "lora_norms").expect("it has LoRAs");
    let settings = ResolvedSettings { steps: 1, width: Some(64), height: Some(64), ..ResolvedSettings::new("x") };
    let request = Request { loras: vec![lora("lora/peft.safetensors", "0.6")], ..settings.into() };
    let run = demo_model(DevicePreference::Flex, None).start_traced(request).expect("the run starts");
    let found = run.trace().and_then(|trace| trace.numbers("lora_norms")).expect("traced");
    assert!(largest_difference(&found, &expected.values) < 1e-4 * deviation(&expected.values));
}
