//! A generation put aside after any step gives the same bytes as one that was never stopped.

use std::path::Path;
use std::process::Command;

use easel_model::scheduler::{Sampler, SchedulerName};
use easel_model::{Checkpoint, DevicePreference, Model, ModelOptions, ResolvedSettings};

use crate::common::{case, demo, demo_model};
use crate::runs::bytes;

/// With refiner, history, fresh noise at every step, guidance rescale and two images.
fn request() -> ResolvedSettings {
    ResolvedSettings {
        negative_prompt: Some("a small green square".into()),
        width: Some(72),
        height: Some(64),
        steps: 6,
        seed: 7,
        count: 2,
        guidance_rescale: 0.5,
        scheduler: Some("dpmpp_2m_sde_karras".parse().expect("a scheduler")),
        high_noise_frac: 0.6,
        ..ResolvedSettings::new("a large red heart on a blue background")
    }
}

/// Runs `worker` below in a process of its own: from `checkpoint`, or from the start.
fn in_another_process(device: &str, threads: &str, checkpoint: Option<&Path>) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("images");
    let mut command = Command::new(std::env::current_exe().expect("this test's program"));
    command.args(["resuming::worker", "--exact", "--ignored"]);
    command.env("WORKER_DEVICE", device).env("WORKER_OUTPUT", &output);
    command.env("RAYON_NUM_THREADS", threads).env("MATMUL_NUM_THREADS", threads);
    if let Some(checkpoint) = checkpoint {
        command.env("WORKER_CHECKPOINT", checkpoint);
    }
    let ended = command.output().expect("the worker starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    std::fs::read(output).expect("the worker wrote its images")
}

#[test]
#[ignore = "started by the tests of this file, in a process of its own"]
fn worker() {
    let device: DevicePreference = std::env::var("WORKER_DEVICE").expect("a device").parse().expect("a device");
    let model = demo_model(device, None);
    let run = match std::env::var_os("WORKER_CHECKPOINT") {
        Some(path) => {
            let bytes = std::fs::read(path).expect("the checkpoint is there");
            model.resume(Checkpoint::from_bytes(&bytes).expect("the checkpoint is whole"))
        }
        None => model.start(request()),
    };
    let output = std::env::var_os("WORKER_OUTPUT").expect("an output");
    std::fs::write(output, bytes(run.expect("the run starts"))).expect("the images are written");
}

#[test]
fn every_step_can_be_resumed_in_another_process() {
    let model = demo_model(DevicePreference::Flex, None);
    let unbroken = bytes(model.start(request()).expect("the run starts"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = model.start(request()).expect("the run starts");
    let mut steps = 0;
    loop {
        let file = folder.path().join(format!("{steps}.checkpoint"));
        std::fs::write(&file, run.checkpoint().to_bytes().expect("it can be saved")).expect("it can be written");
        assert!(in_another_process("flex", "2", Some(&file)) == unbroken, "resumed after step {steps}");
        if run.advance().expect("the step is done").is_none() {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 6);
}

#[test]
fn every_scheduler_resumes_after_every_step() {
    let model = demo_model(DevicePreference::Flex, None);
    for name in Sampler::ALL.iter().copied().map(SchedulerName::from) {
        let request = ResolvedSettings { steps: 3, width: Some(64), count: 1, scheduler: Some(name), ..request() };
        let unbroken = bytes(model.start(request.clone()).expect("the run starts"));
        let mut run = model.start(request).expect("the run starts");
        while run.advance().expect("the step is done").is_some() {
            let saved = run.checkpoint().to_bytes().expect("it can be saved");
            let checkpoint = Checkpoint::from_bytes(&saved).expect("it can be read");
            assert!(bytes(model.resume(checkpoint).expect("it fits")) == unbroken, "{name}");
        }
    }
}

#[test]
fn a_run_from_an_image_resumes_without_the_image() {
    let model = demo_model(DevicePreference::Flex, None);
    let mut request = case("from_picture").request();
    request.settings.steps = 8;
    let unbroken = bytes(model.start(request.clone()).expect("the run starts"));
    let mut run = model.start(request).expect("the run starts");
    run.advance().expect("the step is done");
    assert!(bytes(model.resume(run.checkpoint()).expect("it fits")) == unbroken);
}

#[test]
fn the_same_bytes_every_time_and_with_any_number_of_threads() {
    for device in ["flex", "ndarray"] {
        let once = in_another_process(device, "1", None);
        assert!(in_another_process(device, "1", None) == once, "{device}, again");
        assert!(in_another_process(device, "2", None) == once, "{device}, with two threads");
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let with_refiner = demo_model(DevicePreference::Flex, None);
    let checkpoint = with_refiner.start(request()).expect("the run starts").checkpoint();
    let alone = Model::open(&demo("base"), &ModelOptions::default(), with_refiner.device());
    let error = alone.expect("the base opens").resume(checkpoint).err().expect("it is refused");
    assert!(error.to_string().contains("another model"), "{error}");
}
