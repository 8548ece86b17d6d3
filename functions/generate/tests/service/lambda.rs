//! The program as Lambda starts it, with the events of `events/`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use easel_domain::task::Status;
use easel_system::environment::{CACHE, DEVICE, LORAS, MODEL};
use easel_test_support::embedded::BUCKET;
use easel_test_support::lambda_runtime::LambdaRuntime;
use easel_worker::validation::{CheckOutcome, ReadinessReport};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::support::{TestServices, heart};

/// What stands in the events for a task's id.
const ID: &str = "019ab5c2-7d40-7e11-9c53-0f4c8a6b2d19";
const TIME: Duration = Duration::from_secs(900);

/// A function and what runs it.
struct RunningFunction {
    runtime: LambdaRuntime,
    child: Child,
}

impl RunningFunction {
    async fn start(services: &TestServices) -> Self {
        Self::start_with(services, &[]).await
    }

    async fn start_with(services: &TestServices, more: &[(&str, &str)]) -> Self {
        let runtime = LambdaRuntime::start().await;
        let child = spawn(&runtime, services, more);
        Self { runtime, child }
    }

    /// The messages that are to come again.
    async fn failures(&self, event: String, time: Duration) -> Vec<String> {
        let answer = self.runtime.invoke(event, time).await.expect("no error");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let failures = answer["batchItemFailures"].as_array().expect("a list");
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("an id").to_owned()).collect()
    }
}

impl Drop for RunningFunction {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with nothing in its environment but what it needs.
fn spawn(runtime: &LambdaRuntime, services: &TestServices, more: &[(&str, &str)]) -> Child {
    let cache =
        std::env::vars().filter(|(name, _)| ["HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME"].contains(&name.as_str()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_generate"));
    command.env_clear().envs(cache).env(DEVICE, "flex").stdout(Stdio::null());
    command.envs(runtime.environment()).envs(services.environment()).envs(more.iter().copied());
    command.spawn().expect("the program starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_does_what_the_events_say() {
    let services = TestServices::start().await;
    let function = RunningFunction::start(&services).await;
    let id = services.order(&heart(3)).await.id;
    assert_eq!(function.failures(requested(id), TIME).await, [""; 0]);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
    // Queues may deliver twice.
    assert_eq!(function.failures(requested(id), TIME).await, [""; 0]);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
    assert_eq!(function.failures(event("s3-test-event"), TIME).await, [""; 0]);

    let prompt = b"a red lighthouse on a cliff at night".to_vec();
    services.workflow.gallery.write("uploads/red lighthouse.txt", prompt, "text/plain").await.expect("written");
    assert_eq!(function.failures(event("upload-created"), TIME).await, [""; 0]);
    let bad = function.failures(event("one-bad-record"), TIME).await;
    assert_eq!(bad, ["059f36b4-87a3-44ab-83d2-661975830a05"]);
    let drawn = services.all(Status::AwaitingApproval).await;
    let mut sources: Vec<_> = drawn.iter().map(|task| task.source.as_deref()).collect();
    sources.sort_unstable();
    assert_eq!(sources, [None, Some("uploads/red lighthouse.txt")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_fetches_the_loras_of_a_bucket_by_name() {
    let services = TestServices::start().await;
    let loras = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/tests/data/adapters/files/lora");
    let put = async |name: &str| {
        let bytes = std::fs::read(loras.join(name)).expect("a LoRA");
        let key = "loras/styles/ink.safetensors";
        services.workflow.gallery.write(key, bytes, "application/octet-stream").await.expect("written");
    };
    put("kohya.safetensors").await;
    let cache = tempfile::tempdir().expect("a folder");
    let (address, cache) = (format!("s3://{BUCKET}/loras"), cache.path().to_str().expect("a path").to_owned());
    let function = RunningFunction::start_with(&services, &[(LORAS, &address), (CACHE, &cache)]).await;
    let mut order = heart(3);
    (order["steps"], order["loras"]) = (json!(2), json!([{"name": "ink", "weight": 0.5}]));
    let draw = async |id: Uuid| {
        assert_eq!(function.failures(requested(id), TIME).await, [""; 0]);
        services.message().await;
        services.task(id).await
    };
    let first = draw(services.order(&order).await.id).await;
    assert_eq!(first.status, Status::AwaitingApproval, "{:?}", first.attempt.failure);
    let digest = |name: &str| hex::encode(Sha256::digest(std::fs::read(loras.join(name)).expect("a LoRA")));
    assert_eq!(first.attempt.used[1].digest, digest("kohya.safetensors"));
    let [offers] = &services.workflow.store.offers().await.expect("offers")[..] else { panic!("one row") };
    assert!(offers.on_demand);
    assert_eq!(offers.loras.iter().map(|lora| lora.name.as_str()).collect::<Vec<_>>(), ["ink"]);

    // Another file by the same name: new tasks use it, and the version before goes from the cache.
    put("peft.safetensors").await;
    let second = draw(services.order(&order).await.id).await;
    assert_eq!(second.attempt.used[1].digest, digest("peft.safetensors"));
    assert_ne!(services.images(&second).await, services.images(&first).await);
    let mut folders = vec![PathBuf::from(&cache).join("offered")];
    let mut kept = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() { folders.push(entry) } else { kept.push(entry) }
        }
    }
    kept.retain(|path| path.file_name().is_some_and(|name| name == "ink.safetensors"));
    assert_eq!(kept.len(), 1, "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_short_of_time_hands_on_and_the_image_is_the_same() {
    let services = TestServices::start().await;
    let mut order = heart(11);
    order["steps"] = json!(4);
    order["scheduler"] = json!("euler_a");
    let expected = services.undisturbed(&order).await;
    let id = services.order(&order).await.id;
    let function = RunningFunction::start(&services).await;
    // Too little for a second step.
    let time = Duration::from_secs(8);
    let mut invocations = 0;
    while services.task(id).await.status != Status::AwaitingApproval {
        services.message().await;
        assert_eq!(function.failures(requested(id), time).await, [""; 0]);
        invocations += 1;
    }
    assert!(invocations >= 4, "{invocations}");
    assert_eq!(services.images(&services.task(id).await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_open_its_model_says_why() {
    let services = TestServices::start().await;
    let runtime = LambdaRuntime::start().await;
    let mut function = spawn(&runtime, &services, &[(MODEL, "/nowhere/at-all")]);
    assert!(!function.wait().expect("it ends").success());
    let report = services.workflow.store.workers().await.expect("DynamoDB answers").remove(0);
    let reason = report.fallback_reason.expect("a reason");
    assert!(!report.sdxl_available && reason.contains("/nowhere/at-all"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_says_whether_it_is_ready() {
    let services = TestServices::start().await;
    let function = RunningFunction::start(&services).await;
    let answer = function.runtime.invoke(event("validate"), TIME).await.expect("no error");
    let report: ReadinessReport = serde_json::from_str(&answer).expect("a report");
    let subjects = ["configuration", "device", "model", "image", "table", "bucket"];
    assert!(subjects.iter().all(|subject| report.checks.iter().any(|check| check.subject == *subject)), "{report:#?}");
    // How long it takes is not for a test.
    let failed: Vec<_> = report.checks.iter().filter(|check| check.outcome == CheckOutcome::Fail).collect();
    assert!(failed.iter().all(|check| check.what.starts_with("time and memory")), "{failed:#?}");
    assert_eq!(services.all(Status::Pending).await.len(), 0);
}

/// From S3 the first time; the second time it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_fetches_its_model_once() {
    let services = TestServices::start().await;
    let cache = tempfile::tempdir().expect("a folder");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/demo/base");
    let (mut folders, mut keys) = (vec![base.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&base).expect("below it").to_str().expect("a name in UTF-8");
            let (key, content) = (format!("models/base/{name}"), std::fs::read(&path).expect("a file"));
            services.workflow.gallery.write(&key, content, "binary/octet-stream").await.expect("written");
            keys.push(key);
        }
    }
    let folder = cache.path().to_str().expect("a name in UTF-8");
    let environment = [(MODEL, "s3://easel/models/base"), (CACHE, folder)];
    for seed in [5, 6] {
        let runtime = LambdaRuntime::start().await;
        let child = spawn(&runtime, &services, &environment);
        let function = RunningFunction { runtime, child };
        let id = services.order(&heart(seed)).await.id;
        assert_eq!(function.failures(requested(id), TIME).await, [""; 0]);
        assert_eq!(services.task(id).await.status, Status::AwaitingApproval);
        let report = services.workflow.store.workers().await.expect("DynamoDB answers").remove(0);
        assert_eq!((report.model.as_str(), report.refiner_model_loaded), ("base", false));
        for key in keys.drain(..) {
            services.client.delete_object().bucket("easel").key(key).send().await.expect("deleted");
        }
    }
}

fn event(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn requested(id: Uuid) -> String {
    event("request-created").replace(ID, &id.to_string())
}
