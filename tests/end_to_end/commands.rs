//! The `easel` command as a client of the service.

use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::unique;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs `easel` as one of the people.
fn easel(service: &Service, who: Who, arguments: &[&str]) -> CommandOutput {
    let service_arguments = ["--api", service.addresses.api.as_str(), "--token", service.token(who)];
    program::run(&mut program::easel(&[arguments, &service_arguments].concat()))
}

#[track_caller]
fn succeed(outcome: CommandOutput) -> String {
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome.stdout
}

#[track_caller]
fn json_of(outcome: CommandOutput) -> Value {
    serde_json::from_str(&succeed(outcome)).expect("one JSON value")
}

const SMALL: [&str; 8] = ["--width", "64", "--height", "64", "--steps", "2", "--seed", "3"];

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_asked_for_decided_on_and_saved() {
    let service = Service::shared();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("heart.png");
    let tag = unique("commands");
    let submit =
        ["submit", "a red heart", "--tag", &tag, "--title", "Heart", "--output", file.to_str().expect("UTF-8")];
    let task = json_of(easel(&service, Who::Creator, &[&submit[..], &SMALL, &["--json"]].concat()));
    assert_eq!((&task["status"], &task["title"]), (&json!("awaiting_approval"), &json!("Heart")));
    let id = task["id"].as_str().expect("an id");
    let saved = std::fs::read(&file).expect("the image");
    assert_eq!(saved.len() as u64, task["attempt"]["images"][0]["bytes"]);
    assert_eq!(image::load_from_memory(&saved).expect("an image").width(), 64);

    let listed = json_of(easel(&service, Who::Reviewer, &["list", "--tag", &tag, "--json"]));
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let line = succeed(easel(&service, Who::Creator, &["list", "--tag", &tag, "--status", "awaiting_approval"]));
    assert!(line.starts_with(id) && line.contains("Heart") && line.lines().count() == 1, "{line}");

    let found =
        json_of(easel(&service, Who::Reviewer, &["list", "--tag", &tag, "--text", "HEART", "--oldest", "--json"]));
    assert_eq!(found[0]["id"], json!(id));
    let other = succeed(easel(&service, Who::Creator, &["list", "--tag", &tag, "--text", "circle"]));
    assert_eq!(other, "");

    let refused = easel(&service, Who::Creator, &["approve", id]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(refused.stderr.contains("reviewer"), "{refused:#?}");
    let early = easel(&service, Who::Reviewer, &["publish", id]);
    assert!(early.code == Some(2) && early.stderr.contains("approve"), "{early:#?}");
    let approved = json_of(easel(&service, Who::Reviewer, &["approve", id, "--note", "fine", "--json"]));
    assert_eq!(approved["approval"]["note"], "fine");
    let published = succeed(easel(&service, Who::Reviewer, &["publish", id]));
    assert!(published.contains(&format!("published/{id}/5-0.png")), "{published}");

    let unpublish = ["unpublish", id, "--reason", "too early"];
    assert_eq!(succeed(easel(&service, Who::Reviewer, &unpublish)).trim(), format!("{id} approved"));
    assert_eq!(service.storage().keys(&format!("published/{id}/")).await, [""; 0]);
    succeed(easel(&service, Who::Reviewer, &["publish", id]));

    let copy = folder.path().join("copy.png");
    let shown = succeed(easel(&service, Who::Creator, &["show", id, "--output", copy.to_str().expect("UTF-8")]));
    assert!(shown.contains("published") && shown.contains("a red heart"), "{shown}");
    assert_eq!(std::fs::read(&copy).expect("the image"), saved);
    let history = succeed(easel(&service, Who::Creator, &["history", id]));
    let changes = ["create", "claim", "finish", "approve", "publish", "unpublish", "publish"];
    assert_eq!(history.lines().count(), changes.len(), "{history}");
    let checked = easel(&service, Who::Reviewer, &["history", id, "--verify"]);
    assert!(checked.code == Some(0) && checked.stderr.contains("7 events, each as it was written"), "{checked:#?}");
    let unseen = easel(&service, Who::Creator, &["history", id, "--verify"]);
    assert!(unseen.code == Some(2) && unseen.stderr.contains("reviewer"), "{unseen:#?}");
    assert!(history.lines().zip(changes).all(|(line, change)| line.contains(change)), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_turned_down_or_called_off() {
    let service = Service::shared();
    let id = |task: &Value| task["id"].as_str().expect("an id").to_owned();
    let submit = [&["submit", "a blue square", "--json"], &SMALL[..]].concat();
    let drawn = id(&json_of(easel(&service, Who::Creator, &submit)));
    let unsaid = easel(&service, Who::Reviewer, &["reject", &drawn]);
    assert!(unsaid.code == Some(2) && unsaid.stderr.contains("reason"), "{unsaid:#?}");
    let rejected = json_of(easel(&service, Who::Reviewer, &["reject", &drawn, "--reason", "too blue", "--json"]));
    assert_eq!(rejected["attempt"]["rejection"]["note"], "too blue");

    let same = easel(&service, Who::Creator, &["retry", &drawn, "--same"]);
    assert!(same.code == Some(2) && same.stderr.contains("fail"), "{same:#?}");
    let wrong = easel(&service, Who::Creator, &["retry", &drawn, "--steps", "0"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("--steps"), "{wrong:#?}");
    let again = ["retry", &drawn, "--prompt", "a red square", "--seed", "9", "--json"];
    let again = json_of(easel(&service, Who::Creator, &again));
    let settings = &again["attempt"]["settings"];
    assert_eq!((&again["attempt"]["number"], &settings["seed"]), (&json!(2), &json!(9)));
    assert_eq!(
        (&settings["prompt"], &settings["width"]),
        (&json!("a red square"), &rejected["attempt"]["settings"]["width"])
    );

    let waiting = json_of(easel(&service, Who::Creator, &[&submit[..], &["--no-wait"]].concat()));
    let cancelled = succeed(easel(&service, Who::Creator, &["cancel", &id(&waiting)]));
    assert!(cancelled.contains("cancelled"), "{cancelled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_drawn_from_a_file() {
    let service = Service::shared();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("start.png");
    std::fs::write(&file, crate::init_image::image(64)).expect("written");
    let start = ["--init", file.to_str().expect("UTF-8"), "--strength", "0.5", "--json"];
    let task = json_of(easel(&service, Who::Creator, &[&["submit", "a red square"], &SMALL[..], &start].concat()));
    assert_eq!(task["status"], "awaiting_approval");
    assert!(task["attempt"]["settings"]["init_image"].is_string(), "{task:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_in_one_line() {
    let service = Service::shared();
    let nobody = program::run(&mut program::easel(&["list", "--api", &service.addresses.api]));
    let wrong = easel(&service, Who::Creator, &["submit", "a heart", "--steps", "1000", "--width", "65"]);
    let unknown = easel(&service, Who::Creator, &["show", "01890000-0000-7000-8000-000000000000"]);
    let nowhere = program::run(&mut program::easel(&["list", "--api", "http://127.0.0.1:9", "--token", "any"]));
    for (outcome, code, words) in [
        (nobody, 2, &["token"][..]),
        (wrong, 2, &["steps", "width"]),
        (unknown, 2, &["no task"]),
        (nowhere, 1, &["easel serve"]),
    ] {
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.lines().count()), ("", 1), "{outcome:#?}");
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{outcome:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_somebody_wrote_into_is_found() {
    let Some(service) = Service::alone() else { return };
    let id = |task: &Value| task["id"].as_str().expect("an id").to_owned();
    let submit = [&["submit", "a blue square", "--json"], &SMALL[..]].concat();
    let task = id(&json_of(easel(&service, Who::Creator, &submit)));
    succeed(easel(&service, Who::Reviewer, &["approve", &task]));
    assert_eq!(easel(&service, Who::Reviewer, &["history", &task, "--verify"]).code, Some(0));

    service.storage().change_event(&task, 4, "by", "mallory").await;
    let checked = easel(&service, Who::Reviewer, &["history", &task, "--verify"]);
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    assert!(checked.stderr.contains("at version 4, who did what, or when, has been changed"), "{checked:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_erases_all_that_is_somebodys() {
    let Some(service) = Service::alone() else { return };
    let id = |task: &Value| task["id"].as_str().expect("an id").to_owned();
    let submit = [&["submit", "a blue square", "--json"], &SMALL[..]].concat();
    let (first, kept) = (
        id(&json_of(easel(&service, Who::Creator, &submit))),
        id(&json_of(easel(&service, Who::OtherCreator, &submit))),
    );
    let owner = service.person(Who::Creator).name;
    let unsure = easel(&service, Who::Admin, &["erase", &owner]);
    assert!(unsure.code == Some(2) && unsure.stderr.contains("--yes"), "{unsure:#?}");
    let refused = easel(&service, Who::Reviewer, &["erase", &owner, "--yes"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("admin"), "{refused:#?}");
    assert_eq!(json_of(easel(&service, Who::Admin, &["erase", &owner, "--yes", "--json"]))["erased"], 1);

    service.person(Who::Admin).get(&format!("/v1/tasks/{first}")).await.expect_problem(404, "not-found");
    assert_eq!(service.storage().keys(&format!("images/{first}/")).await, [""; 0]);
    let history = service.person(Who::Creator).history(&first).await;
    let last = history.last().expect("the history stays");
    assert_eq!(
        (&last["change"], &last["by"]["name"], &last["erased"]),
        (&"delete".into(), &service.person(Who::Admin).name.into(), &true.into())
    );
    assert!(!serde_json::to_string(&history).expect("JSON").contains("square"), "{history:#?}");
    let checked = easel(&service, Who::Reviewer, &["history", &first, "--verify"]);
    assert!(checked.code == Some(0) && checked.stderr.contains("erased"), "{checked:#?}");
    assert_eq!(service.person(Who::OtherCreator).task(&kept).await["status"], "awaiting_approval");
}
