//! What waits: its order, who sees it, and what reviewers do about it.

use easel_domain::task::Task;
use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin};

/// The tasks of the queue as `position owner`, by their prompts.
fn order(queue: &Value) -> Vec<String> {
    let tasks = queue["tasks"].as_array().expect("tasks").iter();
    tasks.map(|task| format!("{} {}", task["position"], task["title"].as_str().unwrap_or_default())).collect()
}

async fn waiting(api: &TestApi) -> [Task; 5] {
    let ask = async |who, prompt: &str| api.create(&who, &json!({"prompt": prompt, "width": 64, "height": 64})).await;
    [
        ask(carla(), "c0").await,
        ask(carla(), "c1").await,
        ask(carla(), "c2").await,
        ask(bob(), "b0").await,
        ask(bob(), "b1").await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_shown_in_the_order_in_which_it_is_drawn() {
    let api = TestApi::start().await;
    let tasks = waiting(&api).await;
    let [_, _, last, _, _] = &tasks;
    let show =
        async |who, query: &str| api.call(&who, "GET", &format!("/v1/queue{query}"), &Value::Null).await.expect(200);
    let queue = show(robin(), "").await;
    assert_eq!(order(&queue), ["1 b0", "2 c0", "3 b1", "4 c1", "5 c2"]);
    assert_eq!((&queue["waiting"], &queue["paused"]), (&json!(5), &json!(false)));
    assert_eq!(queue["awaiting_approval"], 0);
    assert_eq!(show(carla(), "").await["awaiting_approval"], Value::Null, "reviewers learn it");
    assert_eq!(queue["tasks"][0]["starts_in_seconds"], Value::Null, "nothing has been measured");
    assert_eq!(order(&show(carla(), "").await), ["2 c0", "4 c1", "5 c2"], "creators see their own, with their places");
    let first = show(robin(), "?limit=2").await;
    assert_eq!(order(&first), ["1 b0", "2 c0"]);
    assert_eq!(order(&show(robin(), "?limit=2&cursor=2").await), ["3 b1", "4 c1"]);
    assert_eq!(first["next_cursor"], "2");

    let priority = format!("/v1/tasks/{}/priority", last.id);
    assert_eq!(api.call(&carla(), "PUT", &priority, &json!({"priority": 1})).await.status, 403);
    assert_eq!(api.call(&robin(), "PUT", &priority, &json!({"priority": 10})).await.status, 422);
    api.call(&robin(), "PUT", &priority, &json!({"priority": 9})).await.expect(200);
    assert_eq!(order(&show(robin(), "").await), ["1 c2", "2 b0", "3 c0", "4 b1", "5 c1"]);

    // Workers take them in this order.
    let store = &api.services.workflow.store;
    let mut drawn = Vec::new();
    while let Some(task) = store.next_waiting(1).await.expect("DynamoDB answers") {
        drawn.push(task.attempt.settings.prompt.clone());
        api.draw(&task, 1).await;
    }
    assert_eq!(drawn, ["c2", "b0", "c0", "b1", "c1"]);
    let queue = show(robin(), "").await;
    assert_eq!((&queue["waiting"], &queue["tasks"]), (&json!(0), &json!([])));
    assert_eq!(queue["awaiting_approval"], 5);
    assert!(queue["speed"].as_f64().is_some_and(|speed| speed > 0.0), "{queue:#}");
    assert!(store.queue().await.expect("rows").first.is_empty(), "what is drawn comes before nothing any more");
    assert_eq!(api.call(&robin(), "PUT", &priority, &json!({"priority": 1})).await.status, 409);

    let more = waiting(&api).await;
    let queue = show(robin(), "").await;
    let starts: Vec<_> =
        queue["tasks"].as_array().expect("tasks").iter().map(|task| task["starts_in_seconds"].as_f64()).collect();
    assert!(starts.iter().all(Option::is_some) && starts.is_sorted(), "{starts:?}");
    api.services
        .workflow
        .store
        .prioritize(&easel_storage::store::Prioritized {
            task: more[1].id,
            owner: "carla".to_owned(),
            priority: 2,
            by: "robin".to_owned(),
        })
        .await
        .expect("written");
    api.services.workflow.store.forget_priorities("carla").await.expect("forgotten");
    assert!(api.services.workflow.store.queue().await.expect("rows").first.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_gives_workers_nothing_and_goes_on_where_it_stopped() {
    let api = TestApi::start().await;
    let [running, ..] = waiting(&api).await;
    let store = &api.services.workflow.store;
    let worker = easel_domain::identity::Identity::worker("w");
    let claim = easel_domain::task::Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() };
    api.change(&running, claim, &worker).await;
    assert_eq!(api.call(&carla(), "PUT", "/v1/queue", &json!({"paused": true})).await.status, 403);
    let paused = api.call(&robin(), "PUT", "/v1/queue", &json!({"paused": true, "running": "pause"})).await.expect(200);
    assert_eq!(paused, json!({"paused": true, "tasks": 1}));
    assert_eq!(store.task(running.id).await.expect("a task").status.as_str(), "paused");
    assert!(store.next_waiting(1).await.expect("DynamoDB answers").is_none());
    let health = api.call(&carla(), "GET", "/health", &Value::Null).await.expect(200);
    assert_eq!(health["queue_paused"], true);
    let queue = api.call(&carla(), "GET", "/v1/queue", &Value::Null).await.expect(200);
    assert_eq!((&queue["paused"], &queue["paused_by"]), (&json!(true), &Value::Null));
    let queue = api.call(&robin(), "GET", "/v1/queue", &Value::Null).await.expect(200);
    assert_eq!(queue["paused_by"], "robin");
    // Once more changes nothing, and forgets nothing.
    api.call(&robin(), "PUT", "/v1/queue", &json!({"paused": true})).await.expect(200);
    let resumed = api.call(&robin(), "PUT", "/v1/queue", &json!({"paused": false})).await.expect(200);
    assert_eq!(resumed, json!({"paused": false, "tasks": 1}));
    assert_eq!(store.task(running.id).await.expect("a task").status.as_str(), "pending");
    assert!(store.next_waiting(1).await.expect("DynamoDB answers").is_some());
}
