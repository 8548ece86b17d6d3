//! Drivers are probed in a process of their own: what comes of good ones, missing ones and ones that end it. A program
//! without a test harness, because it is that other process, too; `make test-vulkan` runs it.

use std::path::Path;
use std::process::{Command, ExitCode};

use easel_model::{Requirement, answer_probe, examine};
use serde_json::Value;

/// The variable by which Vulkan's loader is told which drivers there are.
const DRIVERS: &str = "VK_DRIVER_FILES";
/// A driver that ends the process as soon as it is asked for anything.
const BROKEN_DRIVER: &str = "#include <stdlib.h>\nvoid *vk_icdGetInstanceProcAddr(void *a, const char *b) { abort(); }\n\
                             int vk_icdNegotiateLoaderICDInterfaceVersion(unsigned *version) { return 0; }\n";

fn main() -> ExitCode {
    if let Some(answered) = answer_probe() {
        return answered;
    }
    if let Some(device) = std::env::args().nth(1).filter(|argument| !argument.starts_with('-')) {
        let (ladder, choice) = examine(device.parse().expect("a device"), Requirement::default());
        let choice = choice.map(|choice| choice.backend);
        println!("{}", serde_json::json!({ "ladder": ladder, "backend": choice.as_ref().ok() }));
        return ExitCode::SUCCESS;
    }
    a_driver_by_name_is_used();
    auto_takes_no_software();
    without_a_driver_the_cpu_computes();
    a_driver_that_ends_the_process_is_a_reason();
    ExitCode::SUCCESS
}

/// What this program finds, called anew with `device`, and what it says if it has other drivers than the system's.
fn find(device: &str, drivers: Option<&Path>) -> Value {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(device);
    if let Some(drivers) = drivers {
        command.env(DRIVERS, drivers);
    }
    let output = command.output().expect("it runs");
    let found = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}: {found}", output.status);
    serde_json::from_str(&found).expect("JSON")
}

fn vulkan(found: &Value) -> &Value {
    let rungs = found["ladder"].as_array().expect("a ladder");
    rungs.iter().find(|rung| rung["backend"] == "vulkan").expect("Vulkan was asked")
}

fn a_driver_by_name_is_used() {
    let found = find("vulkan", None);
    let rung = vulkan(&found);
    assert!(found["backend"] == "vulkan" && rung["is_used"] == true, "install mesa-vulkan-drivers: {found:#}");
    let probes: Vec<_> = rung["probes"].as_array().expect("probes").iter().map(|probe| &probe["probe"]).collect();
    assert_eq!(
        probes,
        ["build", "driver", "device", "buffers", "memory", "matrix product", "convolution", "attention"],
        "{found:#}"
    );
}

fn auto_takes_no_software() {
    let found = find("auto", None);
    let rung = vulkan(&found);
    let is_gpu = rung["is_used"] == true;
    assert!(is_gpu || rung["reason"].as_str().expect("a reason").contains("computes on the CPU"), "{found:#}");
    assert_eq!(found["backend"], if is_gpu { "vulkan" } else { "flex" });
    assert_eq!(found["ladder"].as_array().expect("a ladder").len(), 3);
}

fn without_a_driver_the_cpu_computes() {
    let found = find("auto", Some(Path::new("/nowhere.json")));
    assert_eq!(found["backend"], "flex");
    let reason = vulkan(&found)["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("no Vulkan driver"), "{reason}");
}

fn a_driver_that_ends_the_process_is_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("driver.c"), folder.path().join("libdriver.so"));
    std::fs::write(&source, BROKEN_DRIVER).expect("written");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    assert!(compiler.status().expect("there is a C compiler").success());
    let manifest = folder.path().join("driver.json");
    let described = serde_json::json!({
        "file_format_version": "1.0.0", "ICD": { "library_path": library, "api_version": "1.3.0" },
    });
    std::fs::write(&manifest, described.to_string()).expect("written");
    let found = find("auto", Some(&manifest));
    assert_eq!(found["backend"], "flex");
    let reason = vulkan(&found)["reason"].as_str().expect("a reason");
    assert!(reason.contains("SIGABRT"), "{reason}");
}
