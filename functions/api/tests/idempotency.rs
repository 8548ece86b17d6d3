//! Requests that are sent again.

use axum::http::StatusCode;
use easel_storage::store::{Begun, RequestKey};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use std::sync::Arc;

use crate::support::{TestApi, bob, carla, robin};

const KEY: [(&str, &str); 1] = [("idempotency-key", "a-key")];

#[tokio::test]
async fn a_move_that_is_sent_again_is_answered_as_before() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let task = api.draw(&task, 8).await;
    let path = format!("/v1/tasks/{}/reject", task.id);
    let reason = json!({"reason": "blurred"});
    let first = api.call_with(&robin, "POST", &path, &reason, &KEY).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let (etag, first) = (first.header("etag").map(str::to_owned), first.expect(200));
    let again = api.call_with(&robin, "POST", &path, &reason, &KEY).await;
    assert_eq!((again.header("idempotent-replayed"), again.header("etag")), (Some("true"), etag.as_deref()));
    assert_eq!(again.header("cache-control"), Some("no-store"));
    assert_eq!(again.expect(200), first);
    // Without the key it is another request, and with another body another promise.
    api.call(&robin, "POST", &path, &reason).await.expect(409);
    let other = api.call_with(&robin, "POST", &path, &json!({"reason": "too dark"}), &KEY).await.expect(422);
    assert_eq!(other["type"], "urn:easel:problem:idempotency-key-reused");
    let stale = [KEY[0], ("if-match", "\"1\"")];
    api.call_with(&robin, "POST", &path, &reason, &stale).await.expect(422);
    // Keys are each caller's and each route's own.
    api.call_with(&crate::support::rosa(), "POST", &path, &reason, &KEY).await.expect(409);
    api.call_with(&robin, "POST", &format!("/v1/tasks/{}/cancel", task.id), &json!({}), &KEY).await.expect(200);
}

#[tokio::test]
async fn refusals_too_are_answered_as_before_unless_they_may_change() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let path = format!("/v1/tasks/{}/approve", task.id);
    let early = api.call_with(&robin, "POST", &path, &json!({}), &KEY).await.expect(409);
    api.draw(&task, 1).await;
    let again = api.call_with(&robin, "POST", &path, &json!({}), &KEY).await;
    assert_eq!((again.status, again.header("content-type")), (StatusCode::CONFLICT, Some("application/problem+json")));
    assert_eq!(again.expect(409), early);
    // A role may change, and a missing token is no answer at all.
    api.call_with(&carla, "POST", &path, &json!({}), &KEY).await.expect(403);
    let promoted = easel_domain::identity::Identity::new("carla", easel_domain::identity::Role::Reviewer);
    api.call_with(&promoted, "POST", &path, &json!({}), &KEY).await.expect(200);
    let long = "k".repeat(256);
    api.call_with(&robin, "POST", &path, &json!({}), &[("idempotency-key", &long)]).await.expect(400);
}

#[tokio::test]
async fn uploads_and_bulk_moves_take_keys_too() {
    let api = TestApi::start().await;
    let carla = carla();
    let upload = json!({"content_type": "image/png", "content_length": 10});
    let first = api.call_with(&carla, "POST", "/v1/uploads", &upload, &KEY).await.expect(201);
    let again = api.call_with(&carla, "POST", "/v1/uploads", &upload, &KEY).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.expect(201), first);
    let other = api.call_with(&bob(), "POST", "/v1/uploads", &upload, &KEY).await.expect(201);
    assert_ne!(other["key"], first["key"]);

    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let bulk = json!({"ids": [task.id], "move": "cancel"});
    let first = api.call_with(&carla, "POST", "/v1/tasks/bulk", &bulk, &KEY).await.expect(200);
    assert_eq!(first["results"][0]["status"], 200, "{first:#}");
    assert_eq!(api.call_with(&carla, "POST", "/v1/tasks/bulk", &bulk, &KEY).await.expect(200), first);
    let unkeyed = api.call(&carla, "POST", "/v1/tasks/bulk", &bulk).await.expect(200);
    assert_eq!(unkeyed["results"][0]["status"], 409, "{unkeyed:#}");
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let api = Arc::new(TestApi::start().await);
    let task = api.create(&carla(), &json!({"prompt": "a heart"})).await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (api, path) = (api.clone(), format!("/v1/tasks/{}/pause", task.id));
        calls.spawn(async move { api.call_with(&carla(), "POST", &path, &json!({}), &KEY).await });
    }
    for answer in calls.join_all().await {
        let replayed = answer.header("idempotent-replayed").is_some();
        match answer.status {
            StatusCode::OK => assert_eq!(answer.expect(200)["status"], "paused"),
            _ => assert_eq!(
                (replayed, &answer.expect(409)["type"]),
                (false, &json!("urn:easel:problem:still-answering"))
            ),
        }
    }
    let history = api.services.workflow.store.history(task.id).await.expect("a history");
    assert_eq!(history.len(), 2, "{history:?}");
}

#[tokio::test]
async fn while_the_first_is_answered_others_wait_and_who_has_died_is_not_waited_for() {
    let api = TestApi::start().await;
    let carla = carla();
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let key = RequestKey {
        caller: "carla".to_owned(),
        route: "POST /v1/anything".to_owned(),
        key: "a-key".to_owned(),
        content: "content".to_owned(),
    };
    let store = &api.services.workflow.store;
    let Begun::First(began) = store.begin(&key).await.expect("DynamoDB answers") else { panic!("it is the first") };
    assert_eq!(store.begin(&key).await.expect("DynamoDB answers"), Begun::Running);
    let other = RequestKey { content: "other".to_owned(), ..key.clone() };
    assert_eq!(store.begin(&other).await.expect("DynamoDB answers"), Begun::KeyReused);
    // An answer that is not to be kept leaves room for the next try.
    store.conclude(&key, began, None).await.expect("forgotten");
    assert!(matches!(store.begin(&key).await.expect("DynamoDB answers"), Begun::First(_)));
    api.call(&carla, "POST", &format!("/v1/tasks/{}/pause", task.id), &json!({})).await.expect(200);
}

#[tokio::test]
async fn a_created_task_says_that_it_was_made_before() {
    let api = TestApi::start().await;
    let order = json!({"prompt": "a heart", "seed": 7});
    let first = api.call_with(&carla(), "POST", "/v1/tasks", &order, &KEY).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = api.call_with(&carla(), "POST", "/v1/tasks", &order, &KEY).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let first: Value = first.expect(201);
    assert_eq!(again.expect(201)["id"], first["id"]);
    // Whatever is in names and keys, nobody gets what somebody else has made.
    let pairs = [("a", "b#c"), ("a#b", "c"), ("a#b#c", "-")];
    let mut ids = std::collections::BTreeSet::new();
    for (name, key) in pairs {
        let who = easel_domain::identity::Identity::new(name, easel_domain::identity::Role::Creator);
        let made = api.call_with(&who, "POST", "/v1/tasks", &order, &[("idempotency-key", key)]).await.expect(201);
        assert_eq!(made["owner"], name);
        ids.insert(made["id"].to_string());
    }
    assert_eq!(ids.len(), pairs.len());
}
