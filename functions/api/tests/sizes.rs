//! An answer is never much longer than what was asked for.

use easel_domain::task::{Change, Task};
use serde_json::{Map, Value, json};

use crate::support::{Answer, TestApi, bob, carla, robin};

/// Most bytes of a refusal.
const SHORT: usize = 20_000;
/// Fields that nothing has, as many as a body holds.
fn unknown_fields(mut object: Map<String, Value>) -> Value {
    let mut bytes = Value::Object(object.clone()).to_string().len();
    for number in 0.. {
        let field = format!("{number:x}");
        bytes += field.len() + 5;
        if bytes > 65_000 {
            break;
        }
        object.insert(field, json!(0));
    }
    Value::Object(object)
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("an object") };
    object
}

#[track_caller]
fn is_short(answer: Answer, status: u16, errors: usize) {
    assert!(answer.bytes.len() < SHORT, "{} bytes", answer.bytes.len());
    let problem = answer.expect(status);
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(errors), "{problem:#}");
    let last = &problem["errors"][errors - 1];
    assert!(last["message"].as_str().is_some_and(|message| message.contains("are not listed")), "{last}");
}

#[tokio::test]
async fn a_body_full_of_unknown_fields_has_a_short_answer() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    for (who, path, fields) in [
        (&carla, "/v1/tasks".to_owned(), json!({"prompt": "a"})),
        (&carla, "/v1/uploads".to_owned(), json!({"content_type": "image/png", "content_length": 1})),
        (&carla, format!("/v1/tasks/{}/retry", task.id), json!({})),
        (&robin, format!("/v1/tasks/{}/approve", task.id), json!({})),
        (&robin, format!("/v1/tasks/{}/reject", task.id), json!({"reason": "blurred"})),
    ] {
        is_short(api.call(who, "POST", &path, &unknown_fields(object(fields))).await, 422, 21);
    }
    // Long names, too, and letters of several bytes.
    for letter in ["x", "\u{1F600}", "\"", "\u{1}"] {
        let fields = (0..30).map(|number| (format!("{number}{}", letter.repeat(300)), json!(0)));
        is_short(api.call(&carla, "POST", "/v1/tasks", &Value::Object(fields.collect())).await, 422, 21);
    }
    let one = json!({"x".repeat(60_000): 0, "scheduler": "y".repeat(5_000)});
    let answer = api.call(&carla, "POST", "/v1/tasks", &one).await;
    assert!(answer.bytes.len() < SHORT, "{} bytes", answer.bytes.len());
    answer.expect(422);
}

#[tokio::test]
async fn a_bulk_moves_fields_are_read_once() {
    let api = TestApi::start().await;
    let carla = carla();
    let mut ids = Vec::new();
    for _ in 0..100 {
        let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
        ids.push(api.change(&task, Change::Cancel { reason: None }, &carla).await.id);
    }
    for action in ["retry", "cancel", "publish"] {
        let body = unknown_fields(object(json!({"ids": ids, "move": action})));
        is_short(api.call(&carla, "POST", "/v1/tasks/bulk", &body).await, 422, 21);
    }
    // What stands in the way of each task is said for each of them, and briefly.
    let answer = api.call(&carla, "POST", "/v1/tasks/bulk", &json!({"ids": ids, "move": "retry", "steps": 4})).await;
    assert!(answer.bytes.len() < 64 * 1024, "{} bytes", answer.bytes.len());
    let results = answer.expect(200);
    assert_eq!(results["results"].as_array().map(Vec::len), Some(100));
    assert!(results["results"].as_array().is_some_and(|all| all.iter().all(|one| one["status"] == 409)));
}

#[tokio::test]
async fn addresses_full_of_nonsense_have_a_short_answer() {
    let api = TestApi::start().await;
    let carla = carla();
    let parameters: Vec<_> = (0..8_000).map(|number| format!("{number:x}=")).collect();
    for path in ["/v1/tasks", "/v1/identity", "/openapi.json", "/v1/tasks/01890000-0000-7000-8000-000000000000/history"]
    {
        let path = format!("{path}?{}", parameters.join("&"));
        is_short(api.call(&carla, "GET", &path, &Value::Null).await, 400, 21);
    }
    let long = "x".repeat(40_000);
    for (path, status) in [
        (format!("/v1/tasks?status={long}"), 400),
        (format!("/v1/tasks?{long}"), 400),
        (format!("/v1/tasks/{long}"), 404),
        (format!("/{long}"), 404),
    ] {
        let answer = api.call(&carla, "GET", &path, &Value::Null).await;
        assert!(answer.bytes.len() < 3_000, "{} bytes", answer.bytes.len());
        answer.expect(status);
    }
    let answer = api.call_with(&carla, "POST", "/v1/tasks", &json!({}), &[("idempotency-key", &long)]).await;
    assert!(answer.bytes.len() < 3_000, "{} bytes", answer.bytes.len());
    answer.expect(400);
}

/// A request as large as the fields allow.
fn largest() -> Value {
    let text = "\u{1F600}".repeat(2_000);
    let metadata = (0..20).map(|number| (format!("{number}"), json!("m".repeat(500))));
    json!({
        "prompt": text, "negative_prompt": text, "count": 8,
        "title": "\u{1F600}".repeat(200), "tags": (0..20).map(|number| format!("{number}{}", "\u{1F600}".repeat(45))).collect::<Vec<_>>(),
        "metadata": Value::Object(metadata.collect()),
    })
}

#[tokio::test]
async fn a_page_of_the_largest_tasks_ends_where_the_answer_is_full() {
    let api = TestApi::start().await.with_long_urls();
    let (carla, robin) = (carla(), robin());
    let mut newest_first = Vec::new();
    for number in 0..100 {
        let task = api.create(&carla, &largest()).await;
        let drawn: Task = if number % 10 == 0 {
            let failure = Change::Fail { reason: "\u{1F600}".repeat(3_000) };
            api.change(&task, failure, &easel_domain::identity::Identity::worker("w")).await
        } else {
            let drawn = api.draw(&task, 8).await;
            let words = "\u{1F600}".repeat(2_000);
            let rejected = api
                .change(
                    &drawn,
                    Change::Reject { reason: words.clone(), notes: Vec::new(), regions: Vec::new() },
                    &robin,
                )
                .await;
            api.change(&rejected, Change::Cancel { reason: Some(words) }, &carla).await
        };
        newest_first.insert(0, drawn.id.to_string());
    }
    let whole = api.call(&carla, "GET", &format!("/v1/tasks/{}", newest_first[0]), &Value::Null).await.expect(200);
    assert!(whole["metadata"]["0"].is_string() && whole["attempt"]["images"][0]["url"].is_string());

    for (who, order) in [(&carla, "newest"), (&robin, "newest"), (&robin, "oldest")] {
        let (mut listed, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("/v1/tasks?limit=100&order={order}{cursor}");
            let answer = api.call(who, "GET", &path, &Value::Null).await;
            assert!(answer.bytes.len() < 4_000_000, "{} bytes", answer.bytes.len());
            let page = answer.expect(200);
            let tasks = page["tasks"].as_array().expect("tasks");
            listed.extend(tasks.iter().map(|task| task["id"].as_str().expect("an id").to_owned()));
            for task in tasks {
                assert!(task["metadata"].is_null() && task["attempt"]["images"][0]["url"].is_null(), "{task:#}");
            }
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        if order == "oldest" {
            listed.reverse();
        }
        assert!(listed == newest_first, "{} tasks on {pages} pages", listed.len());
        assert!(pages > 1, "the tasks are too small to tell");
    }
    assert!(
        api.call(&bob(), "GET", "/v1/tasks", &Value::Null).await.expect(200)["tasks"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}
