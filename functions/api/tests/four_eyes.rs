//! Who asked for images does not accept them, where the service says so.

use easel_domain::task::Change;
use serde_json::{Value, json};

use crate::support::{TestApi, robin, rosa};

#[tokio::test]
async fn a_reviewer_accepts_what_others_asked_for() {
    for four_eyes in [false, true] {
        let mut api = TestApi::start().await;
        api.services.rules.four_eyes = four_eyes;
        let (robin, rosa) = (robin(), rosa());
        let task = api.create(&robin, &json!({"prompt": "a heart"})).await;
        let task = api.draw(&task, 1).await;
        let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
        let shown = api.call(&robin, "GET", &format!("/v1/tasks/{}", task.id), &Value::Null).await.expect(200);
        let listed = api.call(&robin, "GET", "/v1/tasks", &Value::Null).await.expect(200);
        for moves in [&shown["next_moves"], &listed["tasks"][0]["next_moves"]] {
            let moves = moves.as_array().expect("moves");
            assert_eq!(moves.contains(&json!("approve")), !four_eyes, "{moves:?}");
            assert!(moves.contains(&json!("reject")), "{moves:?}");
        }
        if four_eyes {
            let refused = api.call(&robin, "POST", &path("approve"), &json!({})).await.expect(403);
            assert_eq!(refused["type"], "urn:easel:problem:own-images");
            assert!(
                refused["detail"].as_str().is_some_and(|detail| detail.contains("another reviewer")),
                "{refused:#}"
            );
            let bulk = json!({"ids": [task.id], "move": "approve"});
            let refused = api.call(&robin, "POST", "/v1/tasks/bulk", &bulk).await.expect(200);
            assert_eq!(refused["results"][0]["status"], 403, "{refused:#}");
            let approved = api.call(&rosa, "POST", &path("approve"), &json!({})).await.expect(200);
            assert!(approved["next_moves"].as_array().is_some_and(|moves| moves.contains(&json!("publish"))));
            api.call(&robin, "POST", &path("publish"), &json!({})).await.expect(403);
        } else {
            api.call(&robin, "POST", &path("approve"), &json!({})).await.expect(200);
        }
    }
}

#[tokio::test]
async fn anybody_turns_down_their_own_and_another_attempt_is_whose_asked_for_it() {
    let mut api = TestApi::start().await;
    api.services.rules.four_eyes = true;
    let (robin, rosa) = (robin(), rosa());
    let task = api.create(&robin, &json!({"prompt": "a heart"})).await;
    let task = api.draw(&task, 1).await;
    let path = |action: &str| format!("/v1/tasks/{}/{action}", task.id);
    api.call(&robin, "POST", &path("reject"), &json!({"reason": "blurred"})).await.expect(200);
    api.call(&rosa, "POST", &path("retry"), &json!({})).await.expect(200);
    let again = api.services.workflow.store.task(task.id).await.expect("it is there");
    let worker = easel_domain::identity::Identity::worker("w");
    let claimed =
        api.change(&again, Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() }, &worker).await;
    let report = task.attempt.generation.clone().expect("a report");
    let finish = Change::Finish { images: task.attempt.images.clone(), generation: Box::new(report) };
    api.change(&claimed, finish, &worker).await;
    for who in [&robin, &rosa] {
        api.call(who, "POST", &path("approve"), &json!({})).await.expect(403);
    }
    let ada = easel_domain::identity::Identity::new("ada", easel_domain::identity::Role::Admin);
    api.call(&ada, "POST", &path("approve"), &json!({})).await.expect(200);
}
