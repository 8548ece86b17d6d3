//! Asking twice makes one task.

use easel_test_support::person::{ApiResponse, Person, changes, id, send};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use serde_json::{Value, json};
use tokio::task::JoinSet;

async fn create(person: &Person, key: &str, order: &Value) -> ApiResponse {
    send(person.request("POST", "/v1/tasks").header("idempotency-key", key).json(order)).await
}

#[tokio::test]
async fn the_same_key_and_body_give_the_same_answer() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let (tag, key) = (unique("idempotency"), unique("key"));
    let mut order = small(&tag);
    order.as_object_mut().expect("an object").remove("seed");
    let first = create(&creator, &key, &order).await;
    let location = first.header("location").to_owned();
    let first = first.expect(201);
    // Even when the task has moved on.
    creator.make("cancel", &id(&first), json!({})).await.expect(200);
    let again = create(&creator, &key, &order).await;
    assert_eq!(again.header("location"), location);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let again = again.expect(201);
    for field in ["id", "owner", "created_at", "attempt", "status"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    // The same fields in another layout are the same body.
    let layout =
        format!(" {{ \"tags\" : [\"{tag}\"],\n{}", &serde_json::to_string(&without_tags(&order)).expect("JSON")[1..]);
    let request = creator.request("POST", "/v1/tasks").header("idempotency-key", &key);
    let again = send(request.header("content-type", "application/json").body(layout)).await.expect(201);
    assert_eq!(again["id"], first["id"]);

    let other = with(order.clone(), json!({"steps": 2}));
    create(&creator, &key, &other).await.expect_problem(422, "idempotency-key-reused");
    // Keys are each owner's own.
    let others = create(&service.person(Who::OtherCreator), &key, &order).await.expect(201);
    assert_ne!(others["id"], first["id"]);
    assert_eq!(creator.list(&format!("tag={tag}"), 10).await, [id(&first)]);
}

#[tokio::test]
async fn two_hundred_calls_with_twenty_keys_make_twenty_tasks() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let (tag, key) = (unique("twenty"), unique("key"));
    let mut calls = JoinSet::new();
    for number in 0..200 {
        let (creator, order) = (creator.clone(), with(small(&tag), json!({"title": format!("{}", number % 20)})));
        let key = format!("{key}-{}", number % 20);
        calls.spawn(async move { (number % 20, create(&creator, &key, &order).await) });
    }
    let mut made: Vec<Vec<Value>> = vec![Vec::new(); 20];
    while let Some(answered) = calls.join_next().await {
        let (number, answer) = answered.expect("no panic");
        made[number].push(answer.expect(201));
    }
    let mut ids = Vec::new();
    for (number, answers) in made.iter().enumerate() {
        assert_eq!(answers.len(), 10);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{number}: {answers:#?}");
        assert_eq!(answers[0]["title"], number.to_string());
        ids.push(id(&answers[0]));
    }
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert_eq!(creator.list(&format!("tag={tag}"), 100).await, ids);
    for id in ids {
        let history = creator.history(&id).await;
        assert_eq!(changes(&history).iter().filter(|change| **change == "create").count(), 1, "{history:#?}");
    }
}

#[tokio::test]
async fn of_two_bodies_with_one_key_at_once_one_makes_a_task() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let tag = unique("rivals");
    for _ in 0..10 {
        let key = unique("key");
        let mut calls = JoinSet::new();
        for steps in 1..=8 {
            let (creator, key, order) = (creator.clone(), key.clone(), with(small(&tag), json!({"steps": steps})));
            calls.spawn(async move { create(&creator, &key, &order).await });
        }
        let mut statuses: Vec<_> = calls.join_all().await.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422, 422, 422, 422, 422, 422, 422]);
    }
    assert_eq!(creator.list(&format!("tag={tag}"), 100).await.len(), 10);
}

#[tokio::test]
async fn a_move_with_a_key_is_made_once() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let id = creator.create(small(&unique("moves"))).await;
    let (path, key) = (format!("/v1/tasks/{id}/cancel"), unique("key"));
    let cancel = |reason: &str| {
        let request = creator.request("POST", &path).header("idempotency-key", &key);
        send(request.json(&json!({"reason": reason})))
    };
    let first = cancel("not needed").await.expect(200);
    let again = cancel("not needed").await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200), first);
    cancel("another reason").await.expect_problem(422, "idempotency-key-reused");
    creator.make("cancel", &id, json!({})).await.expect_problem(409, "illegal-move");
    let history = creator.history(&id).await;
    let mut changes = changes(&history);
    // A deployment's worker may have been faster.
    changes.retain(|change| !["claim", "finish"].contains(change));
    assert_eq!(changes, ["create", "cancel"]);
}

fn without_tags(order: &Value) -> Value {
    let mut order = order.clone();
    order.as_object_mut().expect("an object").remove("tags");
    order
}
