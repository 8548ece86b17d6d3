//! Decisions: what is said of single images, taking back, and several approvals.

use easel_domain::ApprovalsNeeded;
use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin, rosa};

#[tokio::test]
async fn notes_and_regions_stay_with_the_decision_and_the_attempt() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.draw(&api.create(&carla, &json!({"prompt": "a hand"})).await, 2).await;
    let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
    let notes = json!([{"image": 1, "note": "six fingers"}]);
    let regions = json!([{"image": 1, "x": 0.25, "y": 0.5, "width": 0.1, "height": 0.2, "note": "here"}, {"image": 0, "x": 1.0, "y": 0.0}]);
    let wrong = json!({"reason": "hands", "notes": [{"image": 2, "note": "none"}]});
    let refused = api.call(&robin, "POST", &path("reject"), &wrong).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "notes", "{refused:#}");
    let wrong = json!({"reason": "hands", "regions": [{"image": 0, "x": 0.9, "y": 0.5, "width": 0.2, "height": 0.1}]});
    api.call(&robin, "POST", &path("reject"), &wrong).await.expect(422);

    let said = json!({"reason": "hands", "notes": notes, "regions": regions});
    let rejected = api.call(&robin, "POST", &path("reject"), &said).await.expect(200);
    let rejection = &rejected["attempt"]["rejection"];
    assert_eq!((&rejection["notes"], &rejection["regions"]), (&notes, &regions));
    let listed = api.call(&carla, "GET", "/v1/tasks", &Value::Null).await.expect(200);
    let listed = &listed["tasks"][0]["attempt"]["rejection"];
    assert_eq!((&listed["note"], &listed["regions"]), (&json!("hands"), &Value::Null), "lists are brief");
    let shown = api.call(&carla, "GET", &format!("/v1/tasks/{}", task.id), &Value::Null).await.expect(200);
    assert_eq!(&shown["attempt"]["rejection"], rejection);
    let again = api.call(&carla, "POST", &path("retry"), &json!({})).await.expect(200);
    assert_eq!(again["earlier_attempts"][0]["rejection"]["regions"], regions);
    let history = api.call(&robin, "GET", &path("history"), &Value::Null).await.expect(200);
    let event = history["events"].as_array().and_then(|events| events.iter().find(|event| event["change"] == "reject"));
    assert_eq!(event.map(|event| &event["details"]["regions"]), Some(&regions));
}

#[tokio::test]
async fn who_did_something_or_a_reviewer_takes_it_back_with_a_reason() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let task = api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 2).await;
    let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
    let why = json!({"reason": "a mistake"});
    let refused = api.call(&robin, "POST", &path("reopen"), &why).await.expect(409);
    assert_eq!(refused["type"], "urn:easel:problem:illegal-move");
    let approved = api.call(&robin, "POST", &path("approve"), &json!({"images": [1]})).await.expect(200);
    assert_eq!(approved["next_moves"], json!(["publish", "reopen"]));
    api.call(&carla, "POST", &path("reopen"), &why).await.expect(403);
    let missing = api.call(&robin, "POST", &path("reopen"), &json!({})).await.expect(422);
    assert_eq!(missing["errors"][0]["field"], "reason");
    let reopened = api.call(&robin, "POST", &path("reopen"), &why).await.expect(200);
    assert_eq!((&reopened["status"], &reopened["approval"]), (&json!("awaiting_approval"), &Value::Null));
    api.call(&robin, "POST", &path("reject"), &json!({"reason": "blurred"})).await.expect(200);
    let bulk = json!({"ids": [task.id], "move": "reopen", "reason": "not so blurred"});
    let many = api.call(&robin, "POST", "/v1/tasks/bulk", &bulk).await.expect(200);
    assert_eq!(many["results"][0]["task_status"], "awaiting_approval", "{many:#}");

    // What an owner cancels, they take back; what others did, they do not.
    api.call(&carla, "POST", &path("cancel"), &json!({})).await.expect(200);
    api.call(&bob(), "POST", &path("reopen"), &why).await.expect(404);
    api.call(&carla, "POST", &path("reopen"), &why).await.expect(200);
    api.call(&robin, "POST", &path("cancel"), &json!({"reason": "late"})).await.expect(200);
    api.call(&carla, "POST", &path("reopen"), &why).await.expect(403);
    api.call(&robin, "POST", &path("reopen"), &why).await.expect(200);
    let deleted = api.call(&carla, "DELETE", &format!("/v1/tasks/{}", task.id), &Value::Null).await.expect(202);
    assert_eq!(deleted["next_moves"], json!(["reopen"]));
    let restored = api.call(&carla, "POST", &path("reopen"), &why).await.expect(200);
    assert_eq!((&restored["status"], &restored["deletion"]), (&json!("awaiting_approval"), &Value::Null));
    let history = api.call(&carla, "GET", &path("history"), &Value::Null).await.expect(200);
    let reasons = history["events"].as_array().into_iter().flatten().filter(|event| event["change"] == "reopen");
    assert!(reasons.clone().all(|event| event["reason"].is_string()));
    assert_eq!(reasons.count(), 5);
}

#[tokio::test]
async fn four_eyes_hold_for_the_rejection_of_ones_own_images() {
    let mut api = TestApi::start().await;
    api.services.rules.four_eyes = true;
    let (robin, rosa) = (robin(), rosa());
    let task = api.draw(&api.create(&robin, &json!({"prompt": "a heart"})).await, 1).await;
    let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
    api.call(&rosa, "POST", &path("reject"), &json!({"reason": "no"})).await.expect(200);
    let refused = api.call(&robin, "POST", &path("reopen"), &json!({"reason": "yes"})).await.expect(403);
    assert_eq!(refused["type"], "urn:easel:problem:own-images");
    api.call(&rosa, "POST", &path("reopen"), &json!({"reason": "yes"})).await.expect(200);
}

#[tokio::test]
async fn tasks_with_a_tag_take_two_approvals_of_different_reviewers() {
    let mut api = TestApi::start().await;
    let of_tags = ApprovalsNeeded::read_tags("print=2").expect("numbers of tags");
    let needed = ApprovalsNeeded { of_tags, ..ApprovalsNeeded::default() };
    api.services.workflow.store = api.services.workflow.store.with_approvals_needed(needed);
    let (carla, robin, rosa) = (carla(), robin(), rosa());
    let plain = api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 1).await;
    let approved = api.call(&robin, "POST", &format!("/v1/tasks/{}/approve", plain.id), &json!({})).await.expect(200);
    assert_eq!(approved["status"], "approved");

    let task = api.draw(&api.create(&carla, &json!({"prompt": "a heart", "tags": ["print"]})).await, 3).await;
    let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
    let first = json!({"images": [0, 1], "note": "the first two"});
    for _ in 0..2 {
        let one = api.call(&robin, "POST", &path("approve"), &first).await.expect(200);
        assert_eq!((&one["status"], &one["attempt"]["approvals_needed"]), (&json!("awaiting_approval"), &json!(2)));
        assert_eq!(one["attempt"]["approvals"].as_array().map(Vec::len), Some(1), "the same reviewer counts once");
    }
    let listed = api.call(&rosa, "GET", "/v1/tasks?status=awaiting_approval", &Value::Null).await.expect(200);
    assert_eq!(listed["tasks"][0]["attempt"]["approvals"][0]["by"], "robin");
    let refused = api.call(&rosa, "POST", &path("approve"), &json!({"images": [2]})).await.expect(409);
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("robin")), "{refused:#}");
    let both = api.call(&rosa, "POST", &path("approve"), &json!({"images": [1, 2]})).await.expect(200);
    assert_eq!((&both["status"], &both["approval"]["images"]), (&json!("approved"), &json!([1])));
    let published = api.call(&robin, "POST", &path("publish"), &json!({})).await.expect(200);
    assert_eq!(published["publication"]["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_tag_that_takes_two_approvals_cannot_be_taken_away_again_to_need_one() {
    let mut api = TestApi::start().await;
    let of_tags = ApprovalsNeeded::read_tags("print=2").expect("numbers of tags");
    let needed = ApprovalsNeeded { of_tags, ..ApprovalsNeeded::default() };
    api.services.workflow.store = api.services.workflow.store.with_approvals_needed(needed);
    let task = api.draw(&api.create(&carla(), &json!({"prompt": "a heart"})).await, 1).await;
    let path = format!("/v1/tasks/{}", task.id);
    for change in [json!({"add_tags": ["print"]}), json!({"remove_tags": ["print"]})] {
        let labelled = api.call(&carla(), "PATCH", &path, &change).await.expect(200);
        assert_eq!(labelled["attempt"]["approvals_needed"], 2, "{change}");
    }
    let one = api.call(&robin(), "POST", &format!("{path}/approve"), &json!({})).await.expect(200);
    assert_eq!(one["status"], "awaiting_approval");
}
