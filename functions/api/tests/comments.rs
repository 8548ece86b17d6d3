//! Comments: who may read and write what, and what is refused.

use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin, rosa};

#[tokio::test]
async fn people_talk_about_an_image_and_strangers_hear_nothing() {
    let api = TestApi::start().await;
    let (carla, bob, robin, rosa) = (carla(), bob(), robin(), rosa());
    let task = api.draw(&api.create(&carla, &json!({"prompt": "a hand"})).await, 2).await;
    let path = format!("/v1/tasks/{}/comments", task.id);
    let said = json!({"text": "@carla @bob: six fingers", "image": 1, "region": {"x": 0.5, "y": 0.25, "width": 0.1, "height": 0.1}});
    let first = api.call(&robin, "POST", &path, &said).await.expect(201);
    assert_eq!((&first["by"], &first["attempt"], &first["image"]), (&json!("robin"), &json!(1), &json!(1)));
    assert_eq!((&first["mentions"], &first["resolution"]), (&json!(["carla", "bob"]), &Value::Null));
    let answer = json!({"text": "I retry", "answers": first["id"]});
    let second = api.call(&carla, "POST", &path, &answer).await.expect(201);
    assert_eq!(second["answers"], first["id"]);

    for (method, path) in [
        ("GET", path.clone()),
        ("POST", path.clone()),
        ("DELETE", format!("{path}/{}", first["id"].as_str().expect("an id"))),
    ] {
        let body = if method == "POST" { json!({"text": "I was here"}) } else { Value::Null };
        api.call(&bob, method, &path, &body).await.expect(404);
    }
    for (who, heard) in [(&bob, 0), (&carla, 1), (&rosa, 0)] {
        let mentions = api.call(who, "GET", "/v1/mentions", &Value::Null).await.expect(200);
        assert_eq!(mentions["comments"].as_array().map(Vec::len), Some(heard), "{}", who.name);
    }
    let list = api.call(&carla, "GET", &path, &Value::Null).await;
    let tag = list.header("etag").expect("a tag").to_owned();
    let list = list.expect(200);
    assert_eq!(list["comments"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&list["comments"][0]["is_removable"], &list["comments"][1]["is_removable"]),
        (&json!(false), &json!(true))
    );
    let same = api.call_with(&carla, "GET", &path, &Value::Null, &[("if-none-match", &tag)]).await;
    assert_eq!(same.status.as_u16(), 304);

    let comment = |comment: &Value, action: &str| format!("{path}/{}{action}", comment["id"].as_str().expect("an id"));
    let resolved = api.call(&carla, "POST", &comment(&first, "/resolve"), &json!({})).await.expect(200);
    assert_eq!(resolved["resolution"]["by"], "carla");
    api.call(&robin, "POST", &comment(&first, "/resolve"), &json!({})).await.expect(200);
    let shown = api.call(&carla, "GET", &format!("/v1/tasks/{}", task.id), &Value::Null).await.expect(200);
    assert_eq!((&shown["comment_count"], &shown["open_comment_count"]), (&json!(2), &json!(1)));
    assert_eq!(shown["version"], task.version);
    let listed = api.call(&robin, "GET", "/v1/tasks", &Value::Null).await.expect(200);
    assert_eq!(listed["tasks"][0]["open_comment_count"], 1);
    api.call(&robin, "POST", &comment(&first, "/reopen"), &json!({})).await.expect(200);
    api.call(&rosa, "DELETE", &comment(&first, ""), &Value::Null).await.expect(403);
    api.call(&robin, "DELETE", &comment(&first, ""), &Value::Null).await.expect(200);
    api.call(&robin, "DELETE", &comment(&first, ""), &Value::Null).await.expect(404);
    let mentions = api.call(&carla, "GET", "/v1/mentions", &Value::Null).await.expect(200);
    assert_eq!(mentions["comments"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_comment_is_said() {
    let api = TestApi::start().await;
    let carla = carla();
    let task = api.draw(&api.create(&carla, &json!({"prompt": "a hand"})).await, 1).await;
    let path = format!("/v1/tasks/{}/comments", task.id);
    for (body, field) in [
        (json!({}), "text"),
        (json!({"text": " "}), "text"),
        (json!({"text": "x".repeat(2_001)}), "text"),
        (json!({"text": "x", "image": 1}), "image"),
        (json!({"text": "x", "region": {"x": 0, "y": 0}}), "region"),
        (json!({"text": "x", "image": 0, "region": {"x": 0, "y": 1.5}}), "region.y"),
        (json!({"text": "x", "colour": "red"}), "colour"),
    ] {
        let refused = api.call(&carla, "POST", &path, &body).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field, "{refused:#}");
    }
    api.call(&carla, "POST", &path, &json!({"text": "x", "answers": "heart"})).await.expect(422);
    // A comment that is sent again because its answer was lost is added once.
    for _ in 0..2 {
        let key = [("idempotency-key", "once")];
        api.call_with(&carla, "POST", &path, &json!({"text": "once"}), &key).await.expect(201);
    }
    let list = api.call(&carla, "GET", &format!("{path}?limit=1"), &Value::Null).await.expect(200);
    assert_eq!((list["comments"].as_array().map(Vec::len), &list["next_cursor"]), (Some(1), &Value::Null));
}
