//! What can be asked for by name, and what is answered to those who ask for something else.

use easel_domain::task::Change;
use easel_storage::offers::Offer;
use easel_storage::store::WorkerOffers;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{TestApi, carla};

fn offers(worker: &str, seconds_ago: i64, loras: &[&str]) -> WorkerOffers {
    let offer = |name: &str| Offer::named(name);
    WorkerOffers {
        worker: worker.to_owned(),
        at: Timestamp::now() - SignedDuration::from_secs(seconds_ago),
        models: vec![offer("base"), offer("turbo")],
        loras: loras.iter().map(|name| offer(name)).collect(),
        embeddings: vec![Offer { sha256: Some("ab".repeat(32)), ..offer("easel-hands") }],
        controls: vec![offer("depth")],
        image_adapters: Vec::new(),
        upscalers: Vec::new(),
        is_cut: false,
        on_demand: false,
    }
}

#[tokio::test]
async fn everybody_who_may_ask_for_images_sees_what_is_offered() {
    let api = TestApi::start().await;
    let store = &api.services.workflow.store;
    let seen = async || api.call(&carla(), "GET", "/v1/offers", &Value::Null).await;
    let nothing = json!({
        "models": [], "loras": [], "embeddings": [], "controls": [], "image_adapters": [], "upscalers": [],
        "is_complete": false, "reported_at": null,
    });
    assert_eq!(seen().await.expect(200), nothing);
    store.publish_offers(&offers("one", 5, &["pen", "ink"])).await.expect("published");
    store.publish_offers(&offers("two", 1, &["oil"])).await.expect("published");
    let answer = seen().await;
    let tag = answer.header("etag").expect("a tag").to_owned();
    let offered = answer.expect(200);
    assert_eq!(offered["loras"], json!([{"name": "ink"}, {"name": "oil"}, {"name": "pen"}]));
    assert_eq!(offered["models"][0]["name"], "base");
    assert_eq!(offered["embeddings"], json!([{"name": "easel-hands", "sha256": "ab".repeat(32)}]));
    assert_eq!(offered["is_complete"], true);
    // Saying the same again changes nothing for those who know it.
    store.publish_offers(&offers("two", 0, &["oil"])).await.expect("published");
    let known = api.call_with(&carla(), "GET", "/v1/offers", &Value::Null, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status, 304);
    store.publish_offers(&offers("two", 0, &[])).await.expect("published");
    let known = api.call_with(&carla(), "GET", "/v1/offers", &Value::Null, &[("if-none-match", &tag)]).await;
    assert_eq!(known.expect(200)["loras"], json!([{"name": "ink"}, {"name": "pen"}]));
}

#[tokio::test]
async fn a_name_that_nobody_offers_is_refused_with_those_that_somebody_does() {
    let api = TestApi::start().await;
    let store = &api.services.workflow.store;
    store.publish_offers(&offers("one", 1, &["ink"])).await.expect("published");
    let request = json!({
        "prompt": "a heart", "model": "xl", "loras": [{"name": "ink", "weight": 0.5}, {"name": "pen"}], "embeddings": ["feet"],
    });
    let refused = api.call(&carla(), "POST", "/v1/tasks", &request).await.expect(422);
    let expected = json!([
        {"field": "model", "message": "there is no model `xl`: there are base, turbo"},
        {"field": "loras[1].name", "message": "there is no LoRA `pen`: there are ink"},
        {"field": "embeddings[0]", "message": "there is no embedding `feet`: there are easel-hands"},
    ]);
    assert_eq!(refused["errors"], expected);

    let request =
        json!({"prompt": "a heart", "model": "turbo", "loras": [{"name": "ink"}], "embeddings": ["easel-hands"]});
    let task = api.create(&carla(), &request).await;
    let path = format!("/v1/tasks/{}", task.id);
    let shown = api.call(&carla(), "GET", &path, &Value::Null).await.expect(200);
    assert_eq!(shown["attempt"]["settings"]["loras"], json!([{"name": "ink", "weight": 1.0}]));
    assert_eq!(shown["attempt"]["used"], json!([]));
    let worker = easel_domain::identity::Identity::worker("w");
    api.change(&task, Change::Fail { reason: "no memory".to_owned() }, &worker).await;
    let retry = json!({"loras": [{"name": "pen"}]});
    let refused = api.call(&carla(), "POST", &format!("{path}/retry"), &retry).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "loras[0].name");
    api.call(&carla(), "POST", &format!("{path}/retry"), &json!({"loras": null})).await.expect(200);
}

#[tokio::test]
async fn what_is_not_known_is_left_to_the_workers() {
    let api = TestApi::start().await;
    let store = &api.services.workflow.store;
    let request = json!({"prompt": "a heart", "loras": [{"name": "pen"}]});
    api.create(&carla(), &request).await;
    store.publish_offers(&offers("one", 3_600, &["ink"])).await.expect("published");
    api.create(&carla(), &request).await;
    store.publish_offers(&WorkerOffers { is_cut: true, ..offers("one", 0, &["ink"]) }).await.expect("published");
    api.create(&carla(), &request).await;
    store.publish_offers(&offers("one", 0, &["ink"])).await.expect("published");
    api.call(&carla(), "POST", "/v1/tasks", &request).await.expect(422);
}
