//! `easel validate` against the service.

use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use serde_json::Value;

fn validate(service: &Service, arguments: &[&str]) -> (CommandOutput, Vec<Value>) {
    let endpoint = ["validate", "--json", "--endpoint", service.addresses.api.as_str()];
    let mut command = program::easel(&[&endpoint, arguments].concat());
    let addresses = &service.addresses;
    command.envs([
        ("EASEL_TABLE", &addresses.table),
        ("EASEL_BUCKET", &addresses.bucket),
        ("AWS_ENDPOINT_URL_S3", &addresses.s3_endpoint),
        ("AWS_ENDPOINT_URL_DYNAMODB", &addresses.dynamodb_endpoint),
        ("AWS_REGION", &addresses.region),
        ("AWS_ACCESS_KEY_ID", &addresses.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &addresses.secret_access_key),
    ]);
    let outcome = program::run(&mut command);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:#?}"));
    let checks = report["checks"].as_array().expect("checks").clone();
    (outcome, checks)
}

fn outcomes<'a>(checks: &'a [Value], subject: &str) -> Vec<&'a str> {
    let about = checks.iter().filter(|check| check["subject"] == subject);
    about.map(|check| check["outcome"].as_str().expect("a word")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_draws_is_ready_and_keeps_nothing_of_it() {
    let service = Service::shared();
    let (outcome, checks) = validate(&service, &["--token", service.token(Who::Creator)]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(outcomes(&checks, "image"), ["pass"], "{checks:#?}");
    let table = [["pass"; 13].as_slice(), &["not_checked"]].concat();
    assert_eq!(outcomes(&checks, "table"), table, "{checks:#?}");
    assert_eq!(outcomes(&checks, "bucket"), ["pass"; 10], "{checks:#?}");
    let tasks = service.person(Who::Reviewer).get("/v1/tasks?limit=100").await.expect(200);
    let left = tasks["tasks"].as_array().expect("a list").iter().filter(|task| task["title"] == "easel validate");
    assert_eq!(left.count(), 0, "{tasks:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_no_image_is_drawn() {
    let service = Service::without_worker();
    let (outcome, checks) = validate(&service, &[]);
    assert_eq!(outcomes(&checks, "image"), ["not_checked"], "{outcome:#?}");
    if service.is_local() {
        assert_eq!(outcome.code, Some(1), "nobody draws there: {outcome:#?}");
        assert_eq!(outcomes(&checks, "device"), ["fail"], "{checks:#?}");
    }
}
