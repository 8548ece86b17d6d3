//! The service dies in the middle of things, and messages come again: nothing is lost, nothing is done twice.

use std::time::{Duration, Instant};

use easel_test_support::person::{Person, changes, hashes, id, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::storage::Storage;
use easel_test_support::task_requests::{long, small, unique};
use easel_test_support::waiting::eventually;
use rand_mt::Mt64;
use serde_json::{Value, json};

use crate::uploads::{task_of, tasks_of};

/// How often the service is killed, each time in the middle of a task.
const KILLS: &str = "EASEL_TEST_KILLS";
const KILLS_BY_DEFAULT: u64 = 6;
/// How many different images are drawn, again and again.
const IMAGES: u64 = 6;
const STEPS: u32 = 30;

#[tokio::test]
async fn killed_at_random_moments_every_image_is_the_same() {
    let Some(mut service) = Service::alone() else { return };
    let kills = std::env::var(KILLS).map_or(KILLS_BY_DEFAULT, |kills| kills.parse().expect("a number of kills"));
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut random = Mt64::new(seed);
    let tag = unique("kills");

    let creator = service.person(Who::Creator);
    let (mut undisturbed, mut shortest) = (Vec::new(), Duration::MAX);
    for number in 0..kills.min(IMAGES) {
        let started = Instant::now();
        undisturbed.push(hashes(&creator.draw(long(&tag, STEPS, number)).await["attempt"]));
        shortest = shortest.min(started.elapsed());
    }

    // A kill that comes when the image is there already is none.
    let (mut interrupted, mut tries) = (0, 0);
    while interrupted < kills {
        assert!(tries < 3 * kills, "only {interrupted} of {tries} kills met a drawing");
        let number = tries % kills.min(IMAGES);
        let creator = service.person(Who::Creator);
        let id = creator.create(long(&tag, STEPS, number)).await;
        eventually("a worker to take the task", || async {
            let task = creator.task(&id).await;
            Some(()).filter(|()| status(&task) != "pending")
        })
        .await;
        // The moment itself is what is random here; it waits for nothing.
        let moment = shortest.mul_f64((random.next_u64() % 1000) as f64 / 1000.0);
        tokio::time::sleep(moment).await;
        service.kill();
        service.start_again();

        let creator = service.person(Who::Creator);
        let drawn = creator.wait(&id, "awaiting_approval").await;
        assert_eq!(hashes(&drawn["attempt"]), undisturbed[usize::try_from(number).expect("small")], "{drawn:#}");
        check_files(&service.storage(), &creator, &drawn).await;
        let history = creator.history(&id).await;
        let changes = changes(&history);
        assert_eq!((changes[0], changes[changes.len() - 1]), ("create", "finish"));
        assert!(
            changes[1..changes.len() - 1].iter().all(|change| ["claim", "hand_on"].contains(change)),
            "{changes:?}"
        );
        interrupted += u64::from(changes.len() > 3);
        tries += 1;
        if tries.is_multiple_of(50) {
            println!("{interrupted} of {tries} kills met a drawing");
        }
    }
    println!("{interrupted} of {tries} kills met a drawing");
}

#[tokio::test]
async fn what_waits_is_there_after_a_kill() {
    let Some(mut service) = Service::alone() else { return };
    let (creator, reviewer) = service.people();
    let tag = unique("waiting");
    let decided = id(&creator.draw(small(&tag)).await);
    reviewer.make("approve", &decided, json!({"note": "before the kill"})).await.expect(200);
    let before = reviewer.task(&decided).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(creator.create(long(&tag, 10, 1)).await);
    }
    let file = format!("uploads/{}/{}.txt", creator.name, unique("dropped"));
    service.storage().put(&file, "a small green triangle").await;
    service.kill();
    service.start_again();

    let creator = service.person(Who::Creator);
    for id in &waiting {
        creator.wait(id, "awaiting_approval").await;
    }
    let made = task_of(&creator, &file).await;
    creator.wait(&id(&made), "awaiting_approval").await;
    // Files are looked at again after a start; they are the same tasks.
    service.kill();
    service.start_again();
    let (creator, reviewer) = service.people();
    creator.draw(small(&tag)).await;
    let again = tasks_of(&creator, &file).await;
    assert_eq!(again.iter().map(id).collect::<Vec<_>>(), [id(&made)]);
    let after = reviewer.make("publish", &decided, json!({})).await.expect(200);
    assert_eq!((&after["approval"], hashes(&after["attempt"])), (&before["approval"], hashes(&before["attempt"])));
}

#[tokio::test]
async fn a_message_that_comes_again_changes_nothing() {
    let Some(service) = Service::alone() else { return };
    let creator = service.person(Who::Creator);
    let storage = service.storage();
    let tag = unique("again");
    let id = creator.create(long(&tag, 20, 5)).await;
    let request = format!("requests/{id}.json");
    let content = storage.get(&request).await.expect("the request");
    // While it waits or is drawn …
    for _ in 0..3 {
        storage.put(&request, content.clone()).await;
    }
    let drawn = creator.wait(&id, "awaiting_approval").await;
    // … and after that.
    for _ in 0..3 {
        storage.put(&request, content.clone()).await;
    }
    // The worker takes one message after the other: these were before the next task.
    creator.draw(small(&tag)).await;
    assert_eq!(changes(&creator.history(&id).await), ["create", "claim", "finish"]);
    let after = creator.task(&id).await;
    assert_eq!((&after["version"], hashes(&after["attempt"])), (&drawn["version"], hashes(&drawn["attempt"])));
    check_files(&storage, &creator, &after).await;
    assert_eq!(creator.list(&format!("tag={tag}"), 10).await.len(), 2);
}

/// The task has one set of images, whole.
async fn check_files(storage: &Storage, creator: &Person, task: &Value) {
    let images = task["attempt"]["images"].as_array().expect("images");
    let id = id(task);
    let expected: Vec<_> = ["1-0-small.jpg", "1-0.png"].iter().map(|name| format!("images/{id}/{name}")).collect();
    let mut files = storage.keys(&format!("images/{id}/")).await;
    files.sort_unstable();
    assert_eq!((images.len(), files), (1, expected));
    assert_eq!(creator.download(&images[0]["url"]).await.len() as u64, images[0]["bytes"]);
}
