//! Views, styles and collections: whose they are, who sees them, and what is left of them without their tasks.

use easel_domain::identity::{Identity, Role};
use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin, rosa};

fn field<'a>(answer: &'a Value, list: &str, field: &str) -> Vec<&'a Value> {
    answer[list].as_array().expect("a list").iter().map(|entry| &entry[field]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_ones_own_unless_a_reviewer_shares_it() {
    let api = TestApi::start().await;
    let view = json!({"page": "library", "query": "tag=spring"});
    let saved = api.call(&carla(), "PUT", "/v1/views/Spring%20only", &view).await.expect(200);
    assert_eq!(
        (&saved["name"], &saved["owner"], &saved["shared"]),
        (&json!("Spring only"), &json!("carla"), &json!(false))
    );
    assert_eq!(api.call(&bob(), "GET", "/v1/views/Spring%20only", &Value::Null).await.status, 404);
    let shared = json!({"page": "review", "query": "order=oldest", "shared": true});
    assert_eq!(api.call(&carla(), "PUT", "/v1/views/Queue", &shared).await.status, 403);
    api.call(&robin(), "PUT", "/v1/views/Queue", &shared).await.expect(200);
    let all = api.call(&carla(), "GET", "/v1/views", &Value::Null).await.expect(200);
    assert_eq!(field(&all, "views", "name"), ["Spring only", "Queue"]);
    assert_eq!(api.call(&carla(), "DELETE", "/v1/views/Queue", &Value::Null).await.status, 403);
    // One's own of the same name stands before the shared one.
    api.call(&carla(), "PUT", "/v1/views/Queue", &view).await.expect(200);
    let own = api.call(&carla(), "GET", "/v1/views/Queue", &Value::Null).await.expect(200);
    assert_eq!((&own["owner"], &own["query"]), (&json!("carla"), &json!("tag=spring")));
    let theirs = api.call(&bob(), "GET", "/v1/views/Queue", &Value::Null).await.expect(200);
    assert_eq!(theirs["query"], "order=oldest");
    let changed = json!({"page": "review", "query": "order=newest", "shared": true});
    let changed = api.call(&rosa(), "PUT", "/v1/views/Queue", &changed).await.expect(200);
    assert_eq!((&changed["owner"], &changed["query"]), (&json!("robin"), &json!("order=newest")));
    let unshared = api.call(&robin(), "PUT", "/v1/views/Queue", &view).await.expect(200);
    assert_eq!(unshared["shared"], false);
    assert_eq!(api.call(&bob(), "GET", "/v1/views/Queue", &Value::Null).await.status, 404);
    for wrong in
        [json!({}), json!({"page": "system", "query": ""}), json!({"page": "review", "query": "", "colour": 1})]
    {
        assert_eq!(api.call(&carla(), "PUT", "/v1/views/x", &wrong).await.status, 422, "{wrong}");
    }
    let long = "n".repeat(101);
    for name in ["%20", "a%0Ab", &long] {
        assert_eq!(api.call(&carla(), "PUT", &format!("/v1/views/{name}"), &view).await.status, 400, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_style_is_kept_as_it_is_checked() {
    let api = TestApi::start().await;
    let style =
        json!({"prompt": "ink, {prompt}", "negative_prompt": "photo", "settings": {"steps": 20.0}, "shared": true});
    let saved = api.call(&robin(), "PUT", "/v1/styles/Ink", &style).await.expect(200);
    assert_eq!((&saved["settings"], &saved["prompt"]), (&json!({"steps": 20}), &json!("ink, {prompt}")));
    let seen = api.call(&carla(), "GET", "/v1/styles", &Value::Null).await.expect(200);
    assert_eq!(
        (field(&seen, "styles", "name"), field(&seen, "styles", "owner")),
        (vec![&json!("Ink")], vec![&json!("robin")])
    );
    let wrong =
        api.call(&carla(), "PUT", "/v1/styles/x", &json!({"settings": {"steps": 0}, "prompt": ""})).await.expect(422);
    let fields: Vec<_> = wrong["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["prompt", "settings.steps"]);
    let removed = api.call(&rosa(), "DELETE", "/v1/styles/Ink", &Value::Null).await.expect(200);
    assert_eq!(removed["name"], "Ink");
    assert_eq!(api.call(&carla(), "GET", "/v1/styles/Ink", &Value::Null).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_keeps_its_order_and_shows_what_one_may_see() {
    let api = TestApi::start().await;
    let (own, others) = (
        api.create(&carla(), &json!({"prompt": "a", "count": 3})).await,
        api.create(&bob(), &json!({"prompt": "b"})).await,
    );
    let (own, others) = (api.draw(&own, 3).await, api.draw(&others, 1).await);
    let image = |task: &easel_domain::task::Task, image: u32| json!({"task": task.id, "attempt": 1, "image": image});
    let favourites = api.call(&carla(), "GET", "/v1/collections/favourites", &Value::Null).await.expect(200);
    assert_eq!((&favourites["count"], &favourites["name"]), (&json!(0), &json!("Favourites")));
    let body = json!({"add": [image(&own, 2), image(&own, 0), image(&own, 2)]});
    let starred = api.call(&carla(), "PATCH", "/v1/collections/favourites", &body).await.expect(200);
    assert_eq!(starred["count"], 2);

    let body = json!({"name": "Spring", "shared": true, "add": [image(&own, 0), image(&others, 0), image(&own, 1)]});
    let made = api.call(&robin(), "POST", "/v1/collections", &body).await.expect(201);
    let path = format!("/v1/collections/{}", made["id"].as_str().expect("an id"));
    let seen = async |who: Identity, query: &str| {
        let shown = api.call(&who, "GET", &format!("{path}{query}"), &Value::Null).await.expect(200);
        let images = shown["images"].as_array().expect("images").clone();
        let places: Vec<_> = images
            .iter()
            .map(|image| format!("{}{}", image["owner"].as_str().unwrap_or_default(), image["image"]))
            .collect();
        (places, shown["count"].clone(), shown["next_cursor"].clone())
    };
    assert_eq!(
        seen(robin(), "").await,
        (vec!["carla0".to_owned(), "bob0".to_owned(), "carla1".to_owned()], json!(3), Value::Null)
    );
    assert_eq!(seen(bob(), "").await.0, ["bob0"]);
    assert_eq!(seen(robin(), "?limit=2").await, (vec!["carla0".to_owned(), "bob0".to_owned()], json!(3), json!("2")));
    assert_eq!(seen(robin(), "?limit=2&cursor=2").await.0, ["carla1"]);
    assert_eq!(api.call(&carla(), "PATCH", &path, &json!({"name": "mine"})).await.status, 403);
    let place = json!({"place": {"image": image(&own, 1), "before": image(&own, 0)}});
    api.call(&rosa(), "PATCH", &path, &place).await.expect(200);
    assert_eq!(seen(robin(), "").await.0, ["carla1", "carla0", "bob0"]);
    api.call(&robin(), "PATCH", &path, &json!({"remove": [image(&own, 0)], "name": "Summer"})).await.expect(200);

    // A later attempt leaves the image that was collected where it is; a deletion takes it out of view.
    api.call(&robin(), "POST", &format!("/v1/tasks/{}/reject", own.id), &json!({"reason": "again"})).await.expect(200);
    api.call(&carla(), "POST", &format!("/v1/tasks/{}/retry", own.id), &json!({})).await.expect(200);
    assert_eq!(seen(robin(), "").await.0, ["carla1", "bob0"]);
    api.call(&bob(), "DELETE", &format!("/v1/tasks/{}", others.id), &Value::Null).await.expect(202);
    assert_eq!(seen(robin(), "").await, (vec!["carla1".to_owned()], json!(2), Value::Null));

    let ada = Identity::new("ada", Role::Admin);
    api.call(&ada, "POST", "/v1/owners/carla/erase", &json!({})).await.expect(200);
    assert_eq!(seen(robin(), "").await.0, [""; 0]);
    let favourites = api.call(&carla(), "GET", "/v1/collections/favourites", &Value::Null).await.expect(200);
    assert_eq!(favourites["count"], 0, "what an erased person kept is gone");
    api.call(&ada, "POST", "/v1/owners/robin/erase", &json!({})).await.expect(200);
    assert_eq!(api.call(&rosa(), "GET", &path, &Value::Null).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_has_limits_and_favourites_are_ones_own() {
    let api = TestApi::start().await;
    let image = |number: u128| json!({"task": uuid::Uuid::from_u128(number), "attempt": 1, "image": 0});
    let many: Vec<_> = (0..500).map(image).collect();
    api.call(&carla(), "PATCH", "/v1/collections/favourites", &json!({"add": many})).await.expect(200);
    let more = api.call(&carla(), "PATCH", "/v1/collections/favourites", &json!({"add": [image(500)]})).await;
    assert_eq!(more.status, 422);
    let shown = api.call(&carla(), "GET", "/v1/collections/favourites?limit=100", &Value::Null).await.expect(200);
    assert_eq!((&shown["images"], &shown["count"]), (&json!([]), &json!(500)), "no such tasks, and nothing is broken");
    for refused in [json!({"name": "mine"}), json!({"shared": true})] {
        assert_eq!(api.call(&carla(), "PATCH", "/v1/collections/favourites", &refused).await.status, 409, "{refused}");
    }
    assert_eq!(api.call(&carla(), "DELETE", "/v1/collections/favourites", &Value::Null).await.status, 409);
    for wrong in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x", "images": []}),
        json!({"name": "x", "add": [{"task": "heart"}]}),
    ] {
        assert_eq!(api.call(&carla(), "POST", "/v1/collections", &wrong).await.status, 422, "{wrong}");
    }
    assert_eq!(api.call(&carla(), "GET", "/v1/collections/heart", &Value::Null).await.status, 404);
    for number in 0..49 {
        api.call(&carla(), "POST", "/v1/collections", &json!({"name": format!("{number}")})).await.expect(201);
    }
    assert_eq!(api.call(&carla(), "POST", "/v1/collections", &json!({"name": "one more"})).await.status, 409);
}
