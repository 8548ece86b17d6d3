//! What can be asked for by name, through every door.

use easel_test_support::person::id;
use easel_test_support::service::Service;
use easel_test_support::task_requests::{small, unique, with};
use easel_test_support::waiting::eventually;
use serde_json::{Value, json};

use crate::uploads::task_of;

#[tokio::test]
async fn the_model_that_draws_can_be_asked_for_by_its_name_and_no_other() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let offers = eventually("a worker's offers", || async {
        let offers = creator.get("/v1/offers").await.expect(200);
        Some(offers).filter(|offers| offers["models"][0]["name"].is_string())
    })
    .await;
    assert_eq!(service.bearer(None).get("/v1/offers").await.status, 401);
    let model = offers["models"][0]["name"].clone();

    let task = creator.draw(with(small(&unique("named")), json!({"model": model}))).await;
    let used = &task["attempt"]["used"];
    assert_eq!((&used[0]["kind"], &used[0]["name"]), (&json!("model"), &model));
    assert!(used[0]["digest"].as_str().is_some_and(|digest| digest.len() >= 32), "{used}");
    assert_eq!(task["attempt"]["generation"]["model"], model);
    let task_id = id(&task);
    let claim = creator.history(&task_id).await.into_iter().find(|event| event["change"] == "claim").expect("a claim");
    assert_eq!(&claim["details"]["used"], used, "the history says it");
    reviewer.make("reject", &task_id, json!({"reason": "too red"})).await.expect(200);
    creator.make("retry", &task_id, json!({"steps": 2})).await.expect(200);
    let again = creator.wait(&task_id, "awaiting_approval").await;
    assert_eq!(&again["attempt"]["used"], used);

    let wrong = json!({"model": "another", "loras": [{"name": "nothing", "weight": 0.5}], "embeddings": ["nobody"]});
    let order = with(small(&unique("unknown")), wrong);
    let asked = creator.post("/v1/tasks", &order).await;
    // A function that has not run for a while does not know; its workers do.
    let reasons = if asked.status == 201 {
        let failed = creator.wait(&id(&asked.expect(201)), "failed").await;
        failed["attempt"]["failure"]["reason"].to_string()
    } else {
        let problem = asked.expect_problem(422, "invalid-fields");
        let fields: Vec<&Value> =
            problem["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["model", "loras[0].name", "embeddings[0]"]);
        problem["errors"].to_string()
    };
    assert!(reasons.contains("there is no model `another`"), "{reasons}");

    let key = format!("uploads/{}/{}.json", creator.name, unique("named"));
    let order = with(small(&unique("dropped")), json!({"loras": [{"name": "nothing"}]}));
    service.storage().put(&key, order.to_string()).await;
    let dropped = creator.wait(&id(&task_of(&creator, &key).await), "failed").await;
    let reason = dropped["attempt"]["failure"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("there is no LoRA `nothing`: no LoRAs are offered"), "{reason}");
}
