//! Many drawn tasks, written into the table as a worker would write them.

use std::sync::Arc;

use easel_domain::Labels;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, GeneratedImage, GenerationReport, NewTask, Progress, Settings, Task};
use easel_storage::gallery::keys;
use easel_storage::store::{Created, Saved, Store};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

const AT_ONCE: usize = 16;

/// Makes tasks of `owner` that wait for approval; their ids.
pub(crate) async fn fill(store: &Store, owner: &str, count: usize) -> Vec<Uuid> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut making = JoinSet::new();
    for number in 0..count {
        let (store, owner, permits) = (store.clone(), owner.to_owned(), permits.clone());
        making.spawn(async move {
            let _permit = permits.acquire().await.expect("open");
            make(&store, owner, number).await
        });
    }
    making.join_all().await
}

async fn make(store: &Store, owner: String, number: usize) -> Uuid {
    let settings = Settings {
        prompt: format!("a large red heart on a blue background, number {number}"),
        seed: number as u64,
        count: 1,
        ..Settings::default()
    };
    let by = Identity::new(&owner, Role::Creator);
    let new = NewTask {
        id: Uuid::now_v7(),
        owner,
        settings,
        labels: Labels {
            title: Some(format!("Heart {number}")),
            tags: vec!["heart".to_owned(), format!("tag-{}", number % 100)],
            ..Labels::default()
        },
        source: None,
        approvals_needed: 1,
    };
    let (task, event) = Task::create(new, &by, Timestamp::now());
    assert_eq!(store.create(&task, &event, None).await.expect("created"), Created::New);

    let worker = Identity::worker("benchmark");
    let claim = Change::Claim { worker: worker.name.clone(), step: 0, used: Vec::new() };
    let (task, event) = task.after(claim, &worker, Timestamp::now()).expect("a legal move");
    let progress = Progress {
        fence: task.version,
        lease_until: 0,
        step: 20,
        total: 20,
        stage: "decode".to_owned(),
        remaining_seconds: None,
        error: None,
        at: Timestamp::now(),
        preview: None,
    };
    assert_eq!(store.save_claim(&task, &event, &progress).await.expect("claimed"), Saved::Done);

    let finish = Change::Finish { images: vec![image(task.id)], generation: Box::new(report()) };
    let (task, event) = task.after(finish, &worker, Timestamp::now()).expect("a legal move");
    assert_eq!(store.save(&task, &event).await.expect("finished"), Saved::Done);
    task.id
}

fn image(task: Uuid) -> GeneratedImage {
    GeneratedImage {
        index: 0,
        key: keys::image(task, 1, 0),
        thumbnail_key: keys::thumbnail(task, 1, 0),
        width: 1024,
        height: 1024,
        bytes: 1_500_000,
        seed: 42,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
    }
}

fn report() -> GenerationReport {
    GenerationReport {
        model: "benchmark".to_owned(),
        device: "cpu".to_owned(),
        device_name: "CPU".to_owned(),
        precision: "f32".to_owned(),
        width: 1024,
        height: 1024,
        steps: 20,
        guidance_scale: 5.0,
        scheduler: "euler".to_owned(),
        refined: false,
        queue_seconds: 1.0,
        drawing_seconds: 60.0,
        step_seconds: 3.0,
        dollars_per_image: None,
        warnings: Vec::new(),
    }
}
