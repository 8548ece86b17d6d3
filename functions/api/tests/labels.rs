//! Other titles and tags, filters by them, and names to choose from.

use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin};

fn names(answer: &Value) -> Vec<&str> {
    answer["names"].as_array().expect("names").iter().filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_change_with_an_event_and_where_the_task_stands_stays() {
    let api = TestApi::start().await;
    let task = api.create(&carla(), &json!({"prompt": "a heart", "title": "Heart", "tags": ["red"]})).await;
    let path = format!("/v1/tasks/{}", task.id);
    let relabelled =
        api.call(&carla(), "PATCH", &path, &json!({"title": "Hearts", "add_tags": ["Spring"]})).await.expect(200);
    assert_eq!((&relabelled["title"], &relabelled["tags"]), (&json!("Hearts"), &json!(["red", "Spring"])));
    assert_eq!((&relabelled["status"], &relabelled["version"]), (&json!("pending"), &json!(2)));
    let same = api.call(&carla(), "PATCH", &path, &json!({"remove_tags": ["gone"]})).await.expect(200);
    assert_eq!(same["version"], 2, "nothing has changed, so there is no event");
    let reviewed = api.call(&robin(), "PATCH", &path, &json!({"title": null})).await.expect(200);
    assert_eq!((&reviewed["title"], &reviewed["tags"]), (&Value::Null, &json!(["red", "Spring"])));
    let history = api.call(&carla(), "GET", &format!("{path}/history"), &Value::Null).await.expect(200);
    let events = history["events"].as_array().expect("events");
    assert_eq!(events.iter().map(|event| &event["change"]).collect::<Vec<_>>(), ["create", "relabel", "relabel"]);
    assert_eq!(events[1]["details"], json!({"title": "Hearts", "tags": ["red", "Spring"]}));

    assert_eq!(api.call(&bob(), "PATCH", &path, &json!({"title": "mine"})).await.status, 404);
    let stale = [("if-match", "\"1\"")];
    assert_eq!(api.call_with(&carla(), "PATCH", &path, &json!({"title": "late"}), &stale).await.status, 412);
    assert_eq!(api.call(&carla(), "PATCH", &path, &json!({})).await.status, 422);
    let stored = api.services.workflow.store.task(task.id).await.expect("it is there");
    let events = api.services.workflow.store.history(task.id).await.expect("a history");
    assert_eq!(easel_domain::task::Task::replay(&events), Some(stored));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_labelled_while_it_is_drawn_and_one_that_is_published_keeps_its_images() {
    let api = TestApi::start().await;
    let task = api.create(&carla(), &json!({"prompt": "a heart"})).await;
    let drawn = api.draw(&task, 1).await;
    for action in ["approve", "publish"] {
        api.call(&robin(), "POST", &format!("/v1/tasks/{}/{action}", drawn.id), &json!({})).await.expect(200);
    }
    let path = format!("/v1/tasks/{}", drawn.id);
    let labelled = api.call(&robin(), "PATCH", &path, &json!({"add_tags": ["shown"]})).await.expect(200);
    assert_eq!(labelled["status"], "published");
    let key = labelled["publication"]["keys"][0].as_str().expect("a key");
    assert!(api.services.workflow.gallery.facts(key).await.expect("S3 answers").is_some(), "it is public still");

    let other = api.create(&carla(), &json!({"prompt": "a heart"})).await;
    let worker = easel_domain::identity::Identity::worker("w");
    let claim = easel_domain::task::Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() };
    api.change(&other, claim, &worker).await;
    let path = format!("/v1/tasks/{}", other.id);
    let labelled = api.call(&carla(), "PATCH", &path, &json!({"title": "x"})).await.expect(200);
    assert_eq!((&labelled["status"], &labelled["title"]), (&json!("in_progress"), &json!("x")));

    api.call(&carla(), "DELETE", &path, &json!({})).await.expect(202);
    let refused = api.call(&carla(), "PATCH", &path, &json!({"title": "y"})).await.expect(409);
    assert_eq!(refused["type"], "urn:easel:problem:illegal-move");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_are_labelled_at_once() {
    let api = TestApi::start().await;
    let (one, two) =
        (api.create(&carla(), &json!({"prompt": "a"})).await, api.create(&bob(), &json!({"prompt": "b"})).await);
    let body = json!({"ids": [one.id, two.id], "move": "relabel", "add_tags": ["campaign"]});
    let answer = api.call(&carla(), "POST", "/v1/tasks/bulk", &body).await.expect(200);
    assert_eq!((&answer["results"][0]["status"], &answer["results"][1]["status"]), (&json!(200), &json!(404)));
    let listed = api.call(&robin(), "GET", "/v1/tasks?tag=CAMP", &Value::Null).await.expect(200);
    assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["tasks"][0]["id"], json!(one.id));
    let empty = json!({"ids": [one.id], "move": "relabel"});
    assert_eq!(api.call(&carla(), "POST", "/v1/tasks/bulk", &empty).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_by_beginnings_states_attempts_and_times() {
    let api = TestApi::start().await;
    let first = api.create(&carla(), &json!({"prompt": "a heart", "tags": ["Spring 2027", "red"]})).await;
    // Ids have milliseconds.
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let created = jiff::Timestamp::now().to_string();
    let second = api.create(&bob(), &json!({"prompt": "a circle", "tags": ["summer"]})).await;
    let cancelled = api.create(&carla(), &json!({"prompt": "a square"})).await;
    api.call(&carla(), "POST", &format!("/v1/tasks/{}/cancel", cancelled.id), &json!({})).await.expect(200);
    let drawn = api.draw(&second, 1).await;
    api.call(&robin(), "POST", &format!("/v1/tasks/{}/reject", drawn.id), &json!({"reason": "again"}))
        .await
        .expect(200);
    api.call(&bob(), "POST", &format!("/v1/tasks/{}/retry", drawn.id), &json!({})).await.expect(200);
    let after = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    for (query, found) in [
        ("owner=CAR".to_owned(), vec![cancelled.id, first.id]),
        ("owner=arla".to_owned(), vec![]),
        ("tag=spr".to_owned(), vec![first.id]),
        ("tag=s".to_owned(), vec![second.id, first.id]),
        ("tag=s&order=oldest".to_owned(), vec![first.id, second.id]),
        ("attempt=2".to_owned(), vec![second.id]),
        ("status=cancelled,rejected".to_owned(), vec![cancelled.id]),
        ("status=cancelled,pending&owner=c".to_owned(), vec![cancelled.id, first.id]),
        ("model=demo".to_owned(), vec![]),
        (format!("created_after={created}"), vec![cancelled.id, second.id]),
        (format!("created_before={created}"), vec![first.id]),
        (format!("created_after={after}"), vec![]),
    ] {
        let query = query.replace(':', "%3A");
        let listed = api.call(&robin(), "GET", &format!("/v1/tasks?{query}"), &Value::Null).await.expect(200);
        let ids: Vec<_> = listed["tasks"].as_array().expect("tasks").iter().map(|task| task["id"].clone()).collect();
        assert_eq!(ids, found.iter().map(|id| json!(id)).collect::<Vec<_>>(), "{query}");
    }
    for wrong in ["status=open", "status=", "attempt=0", "created_after=yesterday", "owner="] {
        assert_eq!(api.call(&robin(), "GET", &format!("/v1/tasks?{wrong}"), &Value::Null).await.status, 400, "{wrong}");
    }
    let own = api.call(&carla(), "GET", "/v1/tasks?owner=bo", &Value::Null).await.expect(200);
    assert_eq!(own["tasks"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_suggested_to_those_who_may_see_their_tasks() {
    let api = TestApi::start().await;
    let tags = json!(["Spring", "sprint", "red"]);
    api.create(&carla(), &json!({"prompt": "a", "tags": tags})).await;
    let other = api.create(&bob(), &json!({"prompt": "b", "tags": ["spruce", "spring"]})).await;
    let suggest = |who, query: &str| {
        let path = format!("/v1/suggestions?{query}");
        let api = &api;
        async move { api.call(&who, "GET", &path, &Value::Null).await.expect(200) }
    };
    let all = suggest(robin(), "field=tag&prefix=SPR").await;
    let found: Vec<_> = names(&all).iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(found, ["spring", "sprint", "spruce"]);
    assert_eq!(names(&suggest(carla(), "field=tag&prefix=spr").await), ["Spring", "sprint"]);
    assert_eq!(names(&suggest(robin(), "field=owner&prefix=").await), ["bob", "carla"]);
    assert_eq!(names(&suggest(carla(), "field=owner&prefix=b").await), ["carla"]);
    api.call(&bob(), "PATCH", &format!("/v1/tasks/{}", other.id), &json!({"add_tags": ["later"]})).await.expect(200);
    assert_eq!(names(&suggest(robin(), "field=tag&prefix=lat").await), ["later"]);
    assert_eq!(api.call(&robin(), "GET", "/v1/suggestions?field=prompt", &Value::Null).await.status, 400);

    api.services.workflow.store.forget_names("bob").await.expect("forgotten");
    assert_eq!(names(&suggest(robin(), "field=tag&prefix=").await), ["red", "Spring", "sprint"]);
    assert_eq!(names(&suggest(robin(), "field=owner&prefix=").await), ["carla"]);
}
