//! Who reviews what: seen by others, and no change of the task.

use serde_json::{Value, json};

use crate::support::{TestApi, carla, robin, rosa};

#[tokio::test]
async fn a_claim_is_seen_by_others_and_keeps_nobody_from_deciding() {
    let api = TestApi::start().await;
    let (carla, robin, rosa) = (carla(), robin(), rosa());
    let mut tasks = Vec::new();
    for _ in 0..2 {
        tasks.push(api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 1).await);
    }
    let path = |number: usize| format!("/v1/tasks/{}", tasks[number].id);
    let reviewer = |number| format!("{}/reviewer", path(number));
    let before = api.call(&rosa, "GET", "/v1/tasks", &Value::Null).await;
    let tag = before.header("etag").expect("a tag").to_owned();
    api.call(&carla, "PUT", &reviewer(0), &Value::Null).await.expect(403);
    let claimed = api.call(&robin, "PUT", &reviewer(0), &Value::Null).await.expect(200);
    assert_eq!(claimed["reviewer"]["name"], "robin");
    let refused = api.call(&rosa, "PUT", &reviewer(0), &Value::Null).await.expect(409);
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("reviewed by robin")), "{refused:#}");
    api.call(&rosa, "DELETE", &reviewer(0), &Value::Null).await.expect(409);

    let shown = api.call(&rosa, "GET", &path(0), &Value::Null).await.expect(200);
    assert_eq!((&shown["reviewer"]["name"], &shown["version"]), (&json!("robin"), &json!(tasks[0].version)));
    let after = api.call_with(&rosa, "GET", "/v1/tasks", &Value::Null, &[("if-none-match", &tag)]).await.expect(200);
    assert_eq!(after["tasks"][1]["reviewer"]["name"], "robin", "the list has changed");
    let version = format!("\"{}\"", tasks[0].version);
    let decided =
        api.call_with(&rosa, "POST", &format!("{}/approve", path(0)), &json!({}), &[("if-match", &version)]).await;
    let decided = decided.expect(200);
    assert_eq!((&decided["status"], &decided["reviewer"]), (&json!("approved"), &Value::Null));
    api.call(&robin, "PUT", &reviewer(0), &Value::Null).await.expect(409);

    let ids = json!([tasks[0].id, tasks[1].id, "heart"]);
    let many = api.call(&rosa, "POST", "/v1/tasks/bulk/reviewer", &json!({"ids": ids})).await.expect(200);
    let statuses: Vec<_> = many["results"].as_array().into_iter().flatten().map(|result| &result["status"]).collect();
    assert_eq!(statuses, [&json!(409), &json!(200), &json!(404)], "{many:#}");
    let released = json!({"ids": [tasks[1].id], "release": true});
    let released = api.call(&rosa, "POST", "/v1/tasks/bulk/reviewer", &released).await.expect(200);
    assert_eq!(released["results"][0]["reviewer"], Value::Null);
    let shown = api.call(&robin, "GET", &path(1), &Value::Null).await.expect(200);
    assert_eq!(shown["reviewer"], Value::Null);
    api.call(&rosa, "POST", "/v1/tasks/bulk/reviewer", &json!({"ids": []})).await.expect(422);
}
