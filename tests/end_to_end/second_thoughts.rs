//! What is taken back, and what is said about images, by the command and the API.

use easel_test_support::person::id;
use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique};
use serde_json::{Value, json};

/// What `easel` prints as one of the people.
fn easel(service: &Service, who: Who, arguments: &[&str]) -> CommandOutput {
    let service_arguments = ["--api", service.addresses.api.as_str(), "--token", service.token(who)];
    program::run(&mut program::easel(&[arguments, &service_arguments].concat()))
}

#[track_caller]
fn printed(service: &Service, who: Who, arguments: &[&str]) -> String {
    let outcome = easel(service, who, arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_task_is_restored_and_a_cancelled_one_is_drawn_after_all() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let drawn = creator.draw(small(&unique("reopen"))).await;
    let drawn_id = id(&drawn);
    reviewer.make("approve", &drawn_id, json!({})).await.expect(200);
    creator.delete(&drawn_id).await.expect(202);
    let missing = easel(&service, Who::Creator, &["reopen", &drawn_id]);
    assert!(missing.code == Some(2) && missing.stderr.contains("--reason"), "{missing:#?}");
    let line = printed(&service, Who::Creator, &["reopen", &drawn_id, "--reason", "the wrong one"]);
    assert_eq!(line.trim(), format!("{drawn_id} approved"));
    let restored = creator.task(&drawn_id).await;
    assert_eq!(restored["deletion"], Value::Null);
    assert_eq!(
        creator.download(&restored["attempt"]["images"][0]["url"]).await.len() as u64,
        drawn["attempt"]["images"][0]["bytes"]
    );
    let reopened = printed(&service, Who::Reviewer, &["reopen", &drawn_id, "--reason", "look again"]);
    assert_eq!(reopened.trim(), format!("{drawn_id} awaiting_approval"));
    let history = printed(&service, Who::Reviewer, &["history", &drawn_id, "--verify"]);
    assert!(history.contains("the wrong one") && history.contains("look again"), "{history}");

    let waiting = creator.create(small(&unique("reopen"))).await;
    // The worker may be faster.
    if creator.make("cancel", &waiting, json!({})).await.status == 200 {
        creator.make("reopen", &waiting, json!({"reason": "after all"})).await.expect(200);
    }
    creator.wait(&waiting, "awaiting_approval").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_says_where_and_comments_are_listed_and_go_with_who_is_erased() {
    let Some(service) = Service::alone() else { return };
    let (creator, reviewer) = service.people();
    let tag = unique("comments");
    let mine = id(&creator.draw(small(&tag)).await);
    let others = id(&service.person(Who::OtherCreator).draw(small(&tag)).await);
    let region = "0:0.5,0.25,0.1,0.1:six fingers";
    printed(
        &service,
        Who::Reviewer,
        &["reject", &mine, "--reason", "hands", "--region", region, "--image-note", "0:too dark"],
    );
    let shown = printed(&service, Who::Creator, &["show", &mine]);
    assert!(
        shown.contains("image 0 at 0.5,0.25,0.1,0.1: six fingers") && shown.contains("image 0: too dark"),
        "{shown}"
    );

    let said = format!("@{} please retry", creator.name);
    let comment = printed(&service, Who::Reviewer, &["comment", &mine, &said, "--image", "0", "--region", "0.5,0.5"]);
    printed(&service, Who::Creator, &["comment", &mine, "a secret of mine", "--answers", comment.trim()]);
    let line = printed(&service, Who::Creator, &["comments", &mine]);
    assert!(line.contains("image 0 at 0.5,0.5") && line.contains("please retry"), "{line}");
    let mentions = creator.get("/v1/mentions").await.expect(200);
    assert_eq!(mentions["comments"][0]["id"], comment.trim());
    let alone = easel(&service, Who::OtherCreator, &["comments", &mine]);
    assert_eq!(alone.code, Some(2), "{alone:#?}");
    reviewer
        .post(&format!("/v1/tasks/{others}/comments"), &json!({"text": format!("unlike @{}'s", creator.name)}))
        .await
        .expect(201);

    printed(&service, Who::Admin, &["erase", &creator.name, "--yes"]);
    reviewer.get(&format!("/v1/tasks/{mine}/comments")).await.expect_problem(404, "not-found");
    assert_eq!(creator.get("/v1/mentions").await.expect(200)["comments"], json!([]));
    let left = reviewer.get(&format!("/v1/tasks/{others}/comments")).await.expect(200);
    assert_eq!(left["comments"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn images_wait_for_a_second_reviewer_where_two_have_to_approve() {
    let Some(service) = Service::alone_with(&["--approvals-needed", "2"]) else { return };
    let (creator, reviewer) = service.people();
    let drawn = id(&creator.draw(small(&unique("approvals"))).await);
    let line = printed(&service, Who::Reviewer, &["approve", &drawn]);
    assert_eq!(line.trim(), format!("{drawn} awaiting_approval (1 of 2 approvals)"));
    reviewer.make("publish", &drawn, json!({})).await.expect_problem(409, "illegal-move");
    let line = printed(&service, Who::Admin, &["approve", &drawn]);
    assert_eq!(line.trim(), format!("{drawn} approved"));
}
