//! A service where nobody accepts images that they asked for.

use easel_test_support::person::id;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique};
use serde_json::json;

#[tokio::test]
async fn a_reviewers_own_images_wait_for_somebody_else() {
    let Some(service) = Service::alone_with(&["--four-eyes"]) else { return };
    let (reviewer, admin) = (service.person(Who::Reviewer), service.person(Who::Admin));
    let drawn = reviewer.draw(small(&unique("four-eyes"))).await;
    let id = id(&drawn);
    assert_eq!(drawn["next_moves"], json!(["cancel", "reject", "delete"]));
    reviewer.make("approve", &id, json!({})).await.expect_problem(403, "own-images");
    let approved = admin.make("approve", &id, json!({})).await.expect(200);
    assert_eq!(approved["approval"]["by"], json!(admin.name));
    reviewer.make("publish", &id, json!({})).await.expect_problem(403, "own-images");
    admin.make("publish", &id, json!({})).await.expect(200);
}
