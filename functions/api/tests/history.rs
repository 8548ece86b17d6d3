//! Histories, page by page, and their end.

use easel_domain::identity::Identity;
use easel_domain::task::{Change, MAX_EVENTS, Task};
use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin};

async fn pause_and_resume(api: &TestApi, task: Task, times: usize) -> Task {
    let (mut task, carla) = (task, carla());
    for _ in 0..times {
        task = api.change(&task, Change::Pause, &carla).await;
        task = api.change(&task, Change::Resume, &carla).await;
    }
    task
}

#[tokio::test]
async fn pages_hold_every_event_once() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let task = pause_and_resume(&api, task, 60).await;
    let path = format!("/v1/tasks/{}/history", task.id);
    for (limit, pages) in [(None, 2), (Some(7), 18), (Some(121), 1), (Some(120), 2), (Some(1_000), 1)] {
        let (mut versions, mut cursor, mut count) = (Vec::new(), String::new(), 0);
        let limit = limit.map_or_else(String::new, |limit| format!("limit={limit}"));
        loop {
            let page = api.call(&robin, "GET", &format!("{path}?{limit}{cursor}"), &Value::Null).await.expect(200);
            versions.extend(
                page["events"].as_array().expect("events").iter().filter_map(|event| event["version"].as_u64()),
            );
            count += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(versions == (1..=121).collect::<Vec<_>>(), "{limit}: {versions:?}");
        assert_eq!(count, pages, "{limit}");
    }
    // Behind the end there is nothing yet, and nobody sees more than before.
    let behind = api.call(&robin, "GET", &format!("{path}?cursor=121"), &Value::Null).await;
    assert_eq!(behind.header("etag"), Some("\"121\""));
    let end = behind.expect(200);
    assert_eq!(
        (&end["events"], &end["next_cursor"], &end["newest"]["version"]),
        (&json!([]), &Value::Null, &json!(121))
    );
    for cursor in ["", "?cursor=100", "?cursor=400000000"] {
        api.call(&bob(), "GET", &format!("{path}{cursor}"), &Value::Null).await.expect(404);
    }
    for wrong in ["limit=0", "limit=1001", "cursor=-1", "cursor=x", "cursor=5000000000", "behind=1"] {
        api.call(&carla, "GET", &format!("{path}?{wrong}"), &Value::Null).await.expect(400);
    }
}

#[tokio::test]
async fn a_full_page_and_the_same_page_at_the_end_have_other_tags() {
    let api = TestApi::start().await;
    let carla = carla();
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let path = format!("/v1/tasks/{}/history?limit=1", task.id);
    let tag = |answer: crate::support::Answer| answer.header("etag").expect("a tag").to_owned();
    let end = tag(api.call(&carla, "GET", &path, &Value::Null).await);
    api.change(&task, Change::Pause, &carla).await;
    let answer = api.call_with(&carla, "GET", &path, &Value::Null, &[("if-none-match", &end)]).await;
    assert_eq!(answer.expect(200)["next_cursor"], "1");
}

#[tokio::test]
async fn a_history_ends_with_a_conflict_and_the_task_can_be_ended() {
    let api = TestApi::start().await;
    let carla = carla();
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    // As if it had been paused and resumed often enough.
    let (mut long, mut event) = task.after(Change::Pause, &carla, task.created_at).expect("a legal move");
    let row = Task { version: MAX_EVENTS - 1, ..task.clone() };
    (long.version, event.version) = (MAX_EVENTS - 1, 2);
    assert_eq!(long.version, row.version);
    api.services.workflow.store.save(&long, &event).await.expect("saved");
    let id = task.id;
    api.call(&carla, "POST", &format!("/v1/tasks/{id}/resume"), &json!({})).await.expect(200);
    let refused = api.call(&carla, "POST", &format!("/v1/tasks/{id}/pause"), &json!({})).await.expect(409);
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("5000")), "{refused:#}");
    api.call(&carla, "POST", &format!("/v1/tasks/{id}/cancel"), &json!({})).await.expect(200);
    api.call(&carla, "DELETE", &format!("/v1/tasks/{id}"), &json!({})).await.expect(202);
}

#[tokio::test]
async fn creators_see_no_host_and_no_token() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    api.draw(&task, 1).await;
    let owner = Identity { token_id: Some("a-token-id".to_owned()), ..carla.clone() };
    let task = api.services.workflow.store.task(task.id).await.expect("it is there");
    api.change(&task, Change::Cancel { reason: None }, &owner).await;
    let path = format!("/v1/tasks/{}/history", task.id);
    let seen = api.call(&carla, "GET", &path, &Value::Null).await.expect(200);
    let text = seen.to_string();
    assert!(!text.contains("host-7") && !text.contains("a-token-id") && !text.contains("request_id"), "{seen:#}");
    assert_eq!(seen["events"][1]["by"], json!({"name": "worker", "role": "worker"}));
    assert_eq!(seen["events"][1]["details"]["worker"], "worker");
    assert_eq!(seen["events"][3]["by"]["name"], "carla");
    let whole = api.call(&robin, "GET", &path, &Value::Null).await.expect(200);
    assert_eq!(whole["events"][1]["by"]["name"], "host-7.internal/1");
    assert_eq!(whole["events"][3]["by"]["token_id"], "a-token-id");
}

#[tokio::test]
async fn the_history_names_the_request_that_was_answered() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let sent = [("x-request-id", "somebody-elses")];
    let made = api.call_with(&carla, "POST", "/v1/tasks", &json!({"prompt": "a heart"}), &sent).await;
    let request_id = made.header("x-request-id").expect("an id").to_owned();
    assert_eq!(request_id.len(), 36, "{request_id}");
    let id = made.expect(201)["id"].as_str().expect("an id").to_owned();
    let history = api.call(&robin, "GET", &format!("/v1/tasks/{id}/history"), &Value::Null).await;
    assert_ne!(history.header("x-request-id"), Some(request_id.as_str()));
    assert_eq!(history.expect(200)["events"][0]["by"]["request_id"], request_id.as_str());
    let identity = api.call(&carla, "GET", "/v1/identity", &Value::Null).await.expect(200);
    assert!(identity["request_id"].is_null(), "{identity}");
}
