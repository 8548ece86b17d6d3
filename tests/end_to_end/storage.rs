//! What happens before the disk is full.

use easel_test_support::person::Person;
use easel_test_support::program::{self, ServeProcess};
use easel_test_support::task_requests::{small, unique};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_refused_and_all_else_goes_on() {
    if std::env::var_os("EASEL_TEST_DEPLOYMENT").is_some() {
        eprintln!("left out: a deployment's bucket has room");
        return;
    }
    let (process, ready) = ServeProcess::start(&["--no-generate", "--storage-limit", "0"]);
    let ready: Value = serde_json::from_str(&ready).expect("JSON");
    let data = process.data();
    let data = data.to_str().expect("UTF-8");
    let token = program::run(&mut program::easel(&["token", "--data", data, "--role", "admin"]));
    let person = Person::new(ready["api"].as_str().expect("an address"), Some(token.stdout.trim()));
    for (path, body) in [
        ("/v1/tasks", small(&unique("storage"))),
        ("/v1/uploads", json!({"content_type": "image/png", "content_length": 100})),
        ("/v1/tasks/01890000-0000-7000-8000-000000000000/retry", json!({})),
    ] {
        let problem = person.post(path, &body).await.expect_problem(507, "storage-full");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("--storage-limit") && detail.contains("delete tasks"), "{detail}");
    }
    person.get("/v1/tasks").await.expect(200);
    person.get("/health").await.expect(200);
    let doctor = program::run(&mut program::easel(&["doctor", "--json", "--device", "flex", "--data", data]));
    let doctor: Value = serde_json::from_str(&doctor.stdout).unwrap_or_else(|error| panic!("{error}: {doctor:?}"));
    assert_eq!(doctor["storage"], json!([]));
}
