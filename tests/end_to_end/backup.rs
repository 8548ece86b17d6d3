//! Backups of a service that works meanwhile, and what is made of them elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use easel_test_support::person::{Person, hashes, id, status};
use easel_test_support::program::{self, CommandOutput, ServeProcess};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many tasks are drawn while the backup is made.
const TASKS: &str = "EASEL_TEST_BACKUP_TASKS";
const USUALLY: usize = 12;

fn easel(arguments: &[&str]) -> CommandOutput {
    program::run(&mut program::easel(arguments))
}

#[track_caller]
fn succeed(arguments: &[&str]) -> String {
    let outcome = easel(arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.stdout.trim().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Every task by its id.
async fn tasks(person: &Person) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for id in person.list("order=oldest", 100).await {
        found.insert(id.clone(), person.task(&id).await);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_service_that_draws_is_all_of_it_at_one_moment() {
    let Some(service) = Service::alone() else { return };
    let count = std::env::var(TASKS).map_or(USUALLY, |count| count.parse().expect("a number"));
    let (creator, reviewer) = service.people();
    let data = service.data().expect("a folder");
    let tag = unique("backup");
    let published = creator.draw(small(&tag)).await;
    reviewer.make("approve", &id(&published), json!({})).await.expect(200);
    reviewer.make("publish", &id(&published), json!({})).await.expect(200);
    for seed in 0..count {
        creator.create(with(small(&tag), json!({"seed": seed, "steps": 4}))).await;
    }
    let first = creator.list("order=oldest", 100).await.remove(1);
    creator.wait(&first, "awaiting_approval").await;

    let elsewhere = TempDir::new().expect("a folder");
    let (folder, file) = (elsewhere.path().join("backup"), elsewhere.path().join("backup.tar"));
    let said = succeed(&["backup", text(&folder), "--data", text(&data), "--with-secrets"]);
    assert!(said.contains(&format!("{} tasks", count + 1)), "{said}");
    succeed(&["backup", text(&file), "--data", text(&data)]);
    let left: Vec<_> = fs::read_dir(&data).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert!(!left.iter().any(|name| text(name.as_ref()).starts_with(".easel-backup-")), "{left:?}");
    for backup in [&folder, &file] {
        let said = succeed(&["backup", text(backup), "--verify"]);
        assert!(said.contains("is whole"), "{said}");
        let again = easel(&["backup", text(backup), "--data", text(&data)]);
        assert!(again.code == Some(2) && again.stderr.contains("is there already"), "{again:?}");
    }
    // The service goes on as if nothing had been.
    for id in creator.list("order=oldest", 100).await.iter().skip(1) {
        creator.wait(id, "awaiting_approval").await;
    }
    let there = tasks(&service.person(Who::Admin)).await;

    let restored = TempDir::new().expect("a folder");
    succeed(&["restore", text(&folder), "--data", text(&restored.path().join("data"))]);
    let (process, ready) = ServeProcess::start_in(restored, &[]);
    let api = serde_json::from_str::<Value>(&ready).expect("JSON")["api"].as_str().expect("an address").to_owned();
    // The secrets are in it, so that tokens are good there.
    let admin = Person::new(&api, Some(service.token(Who::Admin)));
    for (id, task) in &there {
        let expected = status(task);
        let again = admin.wait(id, expected).await;
        assert_eq!(hashes(&again["attempt"]), hashes(&task["attempt"]), "{id}");
        for image in again["attempt"]["images"].as_array().expect("images") {
            assert_eq!(admin.download(&image["url"]).await.len() as u64, image["bytes"], "{id}");
        }
    }
    assert_eq!(tasks(&admin).await.len(), there.len());
    let history = admin.history(&id(&published)).await;
    assert_eq!(history, service.person(Who::Admin).history(&id(&published)).await);
    drop(process);

    let without = elsewhere.path().join("without");
    succeed(&["restore", text(&file), "--data", text(&without)]);
    assert!(!without.join("secrets.json").exists());
    let refused = easel(&["restore", text(&file), "--data", text(&without)]);
    assert!(refused.code == Some(2) && refused.stderr.contains("is not empty"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_was_is_noticed_and_not_restored() {
    let Some(service) = Service::alone() else { return };
    let creator = service.person(Who::Creator);
    creator.draw(small(&unique("damaged"))).await;
    let data = service.data().expect("a folder");
    let elsewhere = TempDir::new().expect("a folder");
    let made = |name: &str| {
        let folder = elsewhere.path().join(name);
        succeed(&["backup", text(&folder), "--data", text(&data)]);
        folder
    };
    let largest = |folder: &Path| {
        let files =
            fs::read_dir(folder.join("s3/objects")).expect("a folder").map(|entry| entry.expect("a file").path());
        files.max_by_key(|path| path.metadata().expect("a size").len()).expect("a file")
    };
    let (changed, lost, cut) = (made("changed"), made("lost"), elsewhere.path().join("cut.tar"));
    // Linked files are the service's own: another file takes the place of one.
    let object = largest(&changed);
    let mut bytes = fs::read(&object).expect("read");
    bytes[10] ^= 1;
    fs::remove_file(&object).expect("removed");
    fs::write(&object, bytes).expect("written");
    fs::remove_file(largest(&lost)).expect("removed");
    succeed(&["backup", text(&cut), "--data", text(&data)]);
    let whole = fs::read(&cut).expect("read");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("written");
    let nothing = elsewhere.path().join("nothing");
    fs::create_dir(&nothing).expect("made");
    for backup in [&changed, &lost, &cut, &nothing] {
        let target = elsewhere.path().join("target");
        for outcome in
            [easel(&["backup", text(backup), "--verify"]), easel(&["restore", text(backup), "--data", text(&target)])]
        {
            assert!(outcome.code == Some(1) && outcome.stderr.contains(text(backup)), "{outcome:?}");
        }
        assert!(!target.exists(), "{}", backup.display());
    }
    let left = fs::read_dir(elsewhere.path()).expect("a folder").count();
    assert_eq!(left, 4, "nothing is left of what was not restored");
}
