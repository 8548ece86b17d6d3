//! The packaged functions: how large they are, how soon a new one answers, how fast one answers after that.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use easel_test_support::lambda_runtime::LambdaRuntime;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique};
use serde_json::Value;
use tempfile::TempDir;

use crate::numbers::{CallTimes, row};

const STARTS: usize = 15;
const CALLS: usize = 300;
const TIME: Duration = Duration::from_secs(30);

pub(crate) async fn run(folder: &Path) {
    let service = Service::without_worker();
    let task = service.person(Who::Creator).create(small("functions")).await;
    row(["function", "package, MB", "start to first answer, ms", "99 %, ms", "warm, ms", "99 %, ms"]);
    row(["---", "---:", "---:", "---:", "---:", "---:"]);
    for name in ["create", "review", "read"] {
        let package = folder.join(name).join("bootstrap.zip");
        let size = std::fs::metadata(&package).unwrap_or_else(|error| panic!("{}: {error}", package.display())).len();
        let unpacked = TempDir::new().expect("a folder");
        let program = unpack(&package, unpacked.path());
        let (mut cold, mut warm) = (CallTimes::default(), CallTimes::default());
        let mut number = 0;
        for start in 0..STARTS {
            let runtime = LambdaRuntime::start().await;
            let started = Instant::now();
            let mut child = spawn(&program, &runtime, &service);
            call(&runtime, name, &task, number).await;
            cold.add(started.elapsed());
            number += 1;
            for _ in 0..if start + 1 == STARTS { CALLS } else { 0 } {
                let started = Instant::now();
                call(&runtime, name, &task, number).await;
                warm.add(started.elapsed());
                number += 1;
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let megabytes = format!("{:.2}", size as f64 / 1e6);
        row([name, &megabytes, &cold.within(50), &cold.within(99), &warm.within(50), &warm.within(99)]);
    }
}

/// Unpacks a package with the tools that anybody has who packs them.
fn unpack(package: &Path, folder: &Path) -> PathBuf {
    let python = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(package).arg(folder).status();
    assert!(python.is_ok_and(|status| status.success()), "{} cannot be unpacked", package.display());
    let program = folder.join("bootstrap");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("it is ours");
    program
}

fn spawn(program: &Path, runtime: &LambdaRuntime, service: &Service) -> Child {
    let addresses = &service.addresses;
    Command::new(program)
        .env_clear()
        .envs(runtime.environment())
        .env("AWS_ENDPOINT_URL_S3", &addresses.s3_endpoint)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &addresses.dynamodb_endpoint)
        .env("AWS_REGION", &addresses.region)
        .env("AWS_ACCESS_KEY_ID", &addresses.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &addresses.secret_access_key)
        .env("EASEL_TABLE", &addresses.table)
        .env("EASEL_BUCKET", &addresses.bucket)
        .stdout(Stdio::null())
        .spawn()
        .expect("the function starts")
}

/// Sends the function a call of its own kind and checks that it is answered.
async fn call(runtime: &LambdaRuntime, function: &str, task: &str, number: usize) {
    let (mut event, expected) = match function {
        "create" => (event("create"), 201),
        "review" => (event("approve"), 200),
        _ => (event("list"), 200),
    };
    match function {
        "create" => event["headers"]["idempotency-key"] = unique("call").into(),
        "review" => {
            let step = if number.is_multiple_of(2) { "pause" } else { "resume" };
            let path = format!("/v1/tasks/{task}/{step}");
            event["requestContext"]["http"]["path"] = path.as_str().into();
            event["rawPath"] = path.into();
            event["body"] = "{}".into();
        }
        _ => {}
    }
    let answer = runtime.invoke(event.to_string(), TIME).await.expect("no error");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["statusCode"], expected, "{answer:#}");
}

fn event(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("an event")).expect("JSON")
}
