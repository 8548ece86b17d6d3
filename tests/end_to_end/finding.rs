//! The `easel` command finds tasks again: short ids, labels, collections, styles, the queue.

use std::io::Read;

use easel_test_support::person::{Person, id};
use easel_test_support::program::{self, CommandOutput};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, small, unique, with};
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipArchive;

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

/// A task that no worker takes, wherever there are workers.
async fn held(person: &Person, tag: &str) -> String {
    let id = person.create(long(tag, 40, 0)).await;
    person.make("pause", &id, json!({})).await.expect(200);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_labelled_by_the_beginning_of_their_ids() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let tag = unique("label");
    let ids = [held(&creator, &tag).await, held(&creator, &tag).await];
    // As many digits as tell one from another.
    let short = &ids[0][..23];
    let labelled = succeed(easel(&service, Who::Creator, &["label", short, "--title", "Heart", "--tag", "Spring"]));
    assert_eq!(labelled.trim(), format!("{} Heart [{tag}, Spring]", ids[0]));
    let both =
        easel(&service, Who::Reviewer, &["label", &ids[0], &ids[1], "--tag", "campaign", "--remove-tag", "Spring"]);
    assert_eq!(succeed(both).trim(), "2 labelled");
    let task = creator.task(&ids[0]).await;
    assert_eq!((&task["title"], &task["tags"]), (&json!("Heart"), &json!([tag, "campaign"])));
    let partly = easel(&service, Who::OtherCreator, &["label", &ids[0], &ids[1], "--tag", "mine"]);
    assert!(partly.code == Some(2) && partly.stderr.contains("2 of 2"), "{partly:#?}");
    let nothing = easel(&service, Who::Creator, &["label", &ids[0]]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("--title"), "{nothing:#?}");
    let several = easel(&service, Who::Creator, &["show", &ids[0][..8]]);
    assert!(several.code == Some(2) && several.stderr.contains("give more of it"), "{several:#?}");
    let none = easel(&service, Who::Creator, &["show", "0189aaaa"]);
    assert!(none.code == Some(2) && none.stderr.contains("no task"), "{none:#?}");

    let list = ["list", "--tag", &tag[..tag.len() - 2].to_uppercase(), "--since", "1 hour ago", "--limit", "1"];
    let listed = easel(&service, Who::Reviewer, &list);
    assert!(listed.stdout.starts_with(&ids[1]) && listed.stdout.lines().count() == 1, "{listed:#?}");
    assert!(listed.stderr.contains("ASKED FOR") && listed.stderr.contains("There are more"), "{listed:#?}");
    let filters = ["list", "--tag", &tag, "--status", "cancelled,paused", "--attempt", "1", "--json"];
    assert_eq!(json_of(easel(&service, Who::Reviewer, &filters)).as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_saved_with_the_settings_beside_each_image() {
    let service = Service::shared();
    let folder = TempDir::new().expect("a folder");
    let (tag, name) = (unique("collection"), unique("Spring"));
    let task = service.person(Who::Creator).draw(with(small(&tag), json!({"count": 2, "title": "A / heart"}))).await;
    let collect = ["collect", &name, &id(&task)];
    let made = json_of(easel(&service, Who::Creator, &[&collect[..], &["--images", "1", "--json"]].concat()));
    assert_eq!((&made["name"], &made["count"]), (&json!(name), &json!(1)));
    assert_eq!(json_of(easel(&service, Who::Creator, &[&collect[..], &["--json"]].concat()))["count"], 2);
    let wrong = easel(&service, Who::Creator, &[&collect[..], &["--images", "2"]].concat());
    assert!(wrong.code == Some(2) && wrong.stderr.contains("2 images"), "{wrong:#?}");
    assert!(succeed(easel(&service, Who::Creator, &["collections"])).contains(&name));
    let file = folder.path().join("spring.zip");
    let download = ["download", &name, "--output", file.to_str().expect("UTF-8")];
    let saved = succeed(easel(&service, Who::Creator, &download));
    assert!(saved.starts_with("2 images"), "{saved}");

    let mut archive = ZipArchive::new(std::fs::File::open(&file).expect("a file")).expect("a ZIP file");
    let names: Vec<_> = archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for (place, index) in [(0, 1), (2, 0)] {
        let mut read = |place: usize| {
            let mut bytes = Vec::new();
            archive.by_index(place).expect("a part").read_to_end(&mut bytes).expect("it is whole");
            bytes
        };
        let (image, record) = (read(place), read(place + 1));
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        assert_eq!((&record["image"], &record["task"]), (&json!(index), &task["id"]));
        assert_eq!(record["settings"], task["attempt"]["settings"]);
        assert_eq!(record["bytes"], image.len());
        assert!(record.get("url").is_none() && names[place].contains("A-heart"), "{record:#} {names:?}");
    }
    let unknown = easel(&service, Who::OtherCreator, &download);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("easel collections"), "{unknown:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_style_is_applied_before_the_request_is_sent() {
    let service = Service::without_worker();
    let name = unique("Ink");
    let save = ["styles", "save", &name, "--prompt", "ink, {prompt}", "--setting", "steps=3", "--setting", "width=64"];
    succeed(easel(&service, Who::Creator, &save));
    assert!(succeed(easel(&service, Who::Creator, &["styles"])).contains(&name));
    let submit = ["submit", "a heart", "--style", &name, "--width", "128", "--no-wait", "--json"];
    let task = json_of(easel(&service, Who::Creator, &submit));
    let settings = &task["attempt"]["settings"];
    assert_eq!(
        (&settings["prompt"], &settings["steps"], &settings["width"]),
        (&json!("ink, a heart"), &json!(3), &json!(128))
    );
    let unknown = easel(&service, Who::OtherCreator, &submit);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("--style"), "{unknown:#?}");
    succeed(easel(&service, Who::Creator, &["styles", "remove", &name]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_waits_until_it_is_resumed() {
    let Some(service) = Service::alone() else { return };
    let creator = service.person(Who::Creator);
    let refused = easel(&service, Who::Creator, &["queue", "pause"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("reviewer"), "{refused:#?}");
    succeed(easel(&service, Who::Reviewer, &["queue", "pause"]));
    let tag = unique("queue");
    let first = creator.create(small(&tag)).await;
    let second = creator.create(small(&tag)).await;
    succeed(easel(&service, Who::Reviewer, &["queue", "first", &second]));
    let shown = succeed(easel(&service, Who::Reviewer, &["queue"]));
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].contains("2 waiting") && lines[0].contains("paused"), "{shown}");
    assert!(lines[1].contains(&second) && lines[2].contains(&first), "{shown}");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(creator.task(&first).await["status"], "pending");
    succeed(easel(&service, Who::Reviewer, &["queue", "resume"]));
    let (first, second) =
        (creator.wait(&first, "awaiting_approval").await, creator.wait(&second, "awaiting_approval").await);
    assert!(second["updated_at"].as_str() < first["updated_at"].as_str(), "the one that was to be first was");
}
