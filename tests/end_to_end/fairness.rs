//! Who orders much does not keep others waiting.

use easel_test_support::person::changes;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use jiff::Timestamp;
use serde_json::{Value, json};

const MANY: u64 = 200;

#[tokio::test]
async fn one_image_is_drawn_within_three_of_somebody_elses_two_hundred() {
    let (alone, shared);
    let service = match Service::alone() {
        Some(service) => {
            alone = service;
            &alone
        }
        None => {
            shared = Service::shared();
            &*shared
        }
    };
    // Nobody else draws as this person.
    let (many, single) = (service.person(Who::Creator), service.person(Who::Admin));
    let tag = unique("many");
    let mut ids = Vec::new();
    for seed in 0..MANY {
        ids.push(many.create(with(small(&tag), json!({"seed": seed}))).await);
    }
    let id = single.create(small(&unique("single"))).await;
    let drawn = single.wait(&id, "awaiting_approval").await;
    let history = single.history(&id).await;
    assert_eq!(changes(&history).last(), Some(&"finish"));
    let (asked, done) = (at(&drawn["created_at"]), at(&history[history.len() - 1]["at"]));
    let mut meanwhile = 0;
    for id in many.list(&format!("tag={tag}&status=awaiting_approval"), 100).await {
        let finished = many.history(&id).await.last().map(|event| at(&event["at"])).expect("an event");
        meanwhile += usize::from(asked < finished && finished < done);
    }
    assert!(meanwhile <= 3, "{meanwhile} of the other's images were drawn first");
    // What is left would keep the next test waiting.
    for ids in ids.chunks(100) {
        many.post("/v1/tasks/bulk", &json!({"ids": ids, "move": "cancel"})).await.expect(200);
    }
}

fn at(time: &Value) -> Timestamp {
    time.as_str().and_then(|time| time.parse().ok()).unwrap_or_else(|| panic!("{time} is no time"))
}
