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

#[tokio::test]
async fn a_list_has_what_one_reviewer_looks_at() {
    let api = TestApi::start().await;
    let (carla, robin, rosa) = (carla(), robin(), rosa());
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 1).await.id);
    }
    for (who, claimed) in [(&robin, 0), (&rosa, 1), (&robin, 2), (&robin, 4)] {
        api.call(who, "PUT", &format!("/v1/tasks/{}/reviewer", tasks[claimed]), &Value::Null).await.expect(200);
    }
    let list = async |who, query: &str| {
        let page = api.call(who, "GET", &format!("/v1/tasks?{query}"), &Value::Null).await.expect(200);
        let ids = page["tasks"].as_array().expect("tasks").iter().map(|task| task["id"].clone());
        (ids.collect::<Vec<_>>(), page["next_cursor"].as_str().map(str::to_owned))
    };
    let ids = |numbers: &[usize]| numbers.iter().map(|number| json!(tasks[*number])).collect::<Vec<_>>();
    assert_eq!(list(&robin, "reviewer=ROB").await, (ids(&[4, 2, 0]), None));
    assert_eq!(list(&robin, "reviewer=ro&order=oldest").await, (ids(&[0, 1, 2, 4]), None));
    let (first, next) = list(&rosa, "reviewer=robin&limit=2").await;
    assert_eq!(first, ids(&[4, 2]));
    let next = next.expect("there is more");
    assert_eq!(list(&rosa, &format!("reviewer=robin&limit=2&cursor={next}")).await, (ids(&[0]), None));
    assert_eq!(list(&rosa, "reviewer=robin&status=approved").await, (Vec::new(), None));
    // Of others' tasks a creator learns nothing this way either.
    assert_eq!(list(&carla, "reviewer=rosa").await, (ids(&[1]), None));
    assert_eq!(list(&crate::support::bob(), "reviewer=ro").await, (Vec::new(), None));
    api.call(&rosa, "GET", "/v1/tasks?reviewer=", &Value::Null).await.expect(400);
}
