//! What somebody has already is not sent again.

use easel_test_support::person::{ApiResponse, id, send};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, small, unique};
use easel_test_support::waiting::eventually;
use serde_json::json;

#[tokio::test]
async fn what_is_known_is_sent_again_only_when_it_has_changed() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let tag = unique("known");
    let id = id(&creator.draw(small(&tag)).await);
    let (task, history, list) =
        (format!("/v1/tasks/{id}"), format!("/v1/tasks/{id}/history"), format!("/v1/tasks?tag={tag}"));
    let mut known = Vec::new();
    for path in [&task, &history, &list] {
        let etag = reviewer.get(path).await.header("etag").to_owned();
        let strong = etag.trim_start_matches("W/").to_owned();
        for header in [&etag, &strong, &format!("W/{strong}"), &format!("\"another\", {etag}"), &"*".to_owned()] {
            expect_unchanged(&reviewer.get_unless(path, header).await, &etag);
        }
        for header in ["\"another\"", "W/\"another\", \"9999\"", "heart", ""] {
            let answer = reviewer.get_unless(path, header).await;
            assert_eq!(answer.header("etag"), etag, "{path}, {header}");
            assert!(answer.expect(200).is_object(), "{path}, {header}");
        }
        known.push((path, etag));
    }
    let tags: Vec<_> = known.iter().map(|(_, etag)| etag.as_str()).collect();
    assert_eq!(tags[..2], ["\"3\""; 2], "the version");
    assert!(tags[2].starts_with("W/\""), "{tags:?}");

    reviewer.make("approve", &id, json!({})).await.expect(200);
    for (path, etag) in known {
        let answer = reviewer.get_unless(path, &etag).await;
        assert_ne!(answer.header("etag"), etag, "{path}");
        answer.expect(200);
    }
    // Nothing is told of it to those who may not see it.
    let other = service.person(Who::OtherCreator);
    other.get_unless(&task, "*").await.expect_problem(404, "not-found");
    other.get_unless(&history, "*").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn lists_with_other_tasks_or_in_another_order_have_other_tags() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let tag = unique("lists");
    let path = format!("/v1/tasks?tag={tag}");
    let mut tags = vec![creator.get(&path).await.header("etag").to_owned()];
    for _ in 0..2 {
        creator.create(small(&tag)).await;
        tags.push(creator.get(&path).await.header("etag").to_owned());
    }
    for other in ["order=oldest", "limit=1", "status=failed&owner=nobody"] {
        tags.push(creator.get(&format!("{path}&{other}")).await.header("etag").to_owned());
    }
    let (empty, nobodys) = (tags.remove(0), tags.pop().expect("a tag"));
    assert_eq!(empty, nobodys, "both are empty");
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
    assert!(!tags.contains(&empty), "{tags:?}");
}

#[tokio::test]
async fn metrics_and_health_are_sent_again_only_when_they_have_changed() {
    let service = Service::shared();
    let reviewer = service.person(Who::Reviewer);
    for path in ["/v1/metrics", "/health"] {
        // Other tests move tasks, and workers report, in between.
        let (etag, answer) = eventually(&format!("{path} to stay as it is"), || async {
            let etag = reviewer.get(path).await.header("etag").to_owned();
            assert!(etag.starts_with("W/\""), "{path}: {etag}");
            let answer = reviewer.get_unless(path, &etag).await;
            (answer.status == 304).then_some((etag, answer))
        })
        .await;
        expect_unchanged(&answer, &etag);
    }
}

#[tokio::test]
async fn a_task_that_is_being_drawn_is_sent_again_with_its_progress() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let id = creator.create(long(&unique("drawn"), 150, 1)).await;
    creator.wait_for_step(&id, 1).await;
    let path = format!("/v1/tasks/{id}");
    let etag = creator.get(&path).await.header("etag").to_owned();
    for header in [etag.as_str(), "*"] {
        let answer = creator.get_unless(&path, header).await;
        assert_eq!(answer.header("etag"), etag, "{header}");
        let task = answer.expect(200);
        assert_eq!(etag, format!("\"{}\"", task["version"]));
        assert!(task["progress"]["step"].as_u64().is_some_and(|step| step >= 1), "{task:#}");
    }
    // The tag still guards what is done to it.
    let cancel = creator.request("POST", &format!("{path}/cancel")).header("if-match", &etag).json(&json!({}));
    send(cancel).await.expect(200);
    let cancelled = creator.get_unless(&path, &etag).await;
    let etag = cancelled.header("etag").to_owned();
    cancelled.expect(200);
    expect_unchanged(&creator.get_unless(&path, &etag).await, &etag);
}

#[track_caller]
fn expect_unchanged(answer: &ApiResponse, etag: &str) {
    assert_eq!((answer.status, answer.header("etag")), (304, etag), "{answer:#?}");
    assert!(answer.body.is_null(), "{answer:#?}");
}
