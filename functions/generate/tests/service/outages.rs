//! A service is away while tasks wait and one is being generated. Once it is back all of them are generated, as if nothing
//! had been.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use easel_domain::task::Status;
use easel_worker::polling::{Purpose, poll};
use easel_worker::queue::{MessageQueue, Received};
use easel_worker::worker::WorkerOptions;
use easel_worker::{Error, Result};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::polling::{InProcess, queues};
use crate::support::{TestServices, heart, slow_heart};

/// Seconds that a service is away, with 50 tasks that wait.
const SECONDS: &str = "EASEL_TEST_OUTAGE";
const SECONDS_BY_DEFAULT: u64 = 6;
const WAITING: u64 = 50;
const WAITING_BY_DEFAULT: u64 = 10;
/// Longer than all of them take once everything is back.
const LONG: Duration = Duration::from_secs(300);

/// A queue that can be away.
#[derive(Clone)]
struct Interrupted {
    queue: InProcess,
    is_away: Arc<AtomicBool>,
}

impl Interrupted {
    fn check(&self) -> Result<()> {
        if self.is_away.load(Ordering::SeqCst) { Err(Error::Failed("the queue is away".to_owned())) } else { Ok(()) }
    }
}

impl MessageQueue for Interrupted {
    async fn receive(&self, hidden_for: Duration) -> Result<Option<Received>> {
        self.check()?;
        self.queue.receive(hidden_for).await
    }

    async fn delete(&self, receipt: &str) -> Result<()> {
        self.check()?;
        self.queue.delete(receipt).await
    }

    async fn hide(&self, receipt: &str, hidden_for: Duration) -> Result<()> {
        self.check()?;
        self.queue.hide(receipt, hidden_for).await
    }
}

/// What is away.
enum Service {
    S3,
    DynamoDb,
    Queue,
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_away() {
    outage(Service::S3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_is_away() {
    outage(Service::DynamoDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_away() {
    outage(Service::Queue).await;
}

async fn outage(service: Service) {
    let services = Arc::new(TestServices::start().await);
    let (seconds, count) = match std::env::var(SECONDS) {
        Ok(seconds) => (seconds.parse().expect("seconds"), WAITING),
        Err(_) => (SECONDS_BY_DEFAULT, WAITING_BY_DEFAULT),
    };
    let away = Duration::from_secs(seconds);
    let expected = services.undisturbed(&slow_heart(8)).await;
    let [queue, _] = queues();
    let queue = Interrupted { queue, is_away: Arc::default() };
    let announcing = tokio::spawn({
        let (services, queue) = (services.clone(), queue.clone());
        async move {
            loop {
                queue.queue.send(services.next_message().await);
            }
        }
    });

    let begun = services.order(&slow_heart(8)).await.id;
    // The outage is longer than a worker's patience with a single call, and messages that are handed back come at once.
    let stop = CancellationToken::new();
    let workers = ["one", "other"].map(|name| {
        let options = WorkerOptions { patience: away / 6, retry_after: Duration::ZERO, ..WorkerOptions::new(name) };
        let (worker, queue, stop) = (services.worker_with(options), queue.clone(), stop.clone());
        tokio::spawn(async move { poll(&worker, &queue, Purpose::Work, &stop).await })
    });
    services.until_begun(begun).await;
    let mut waiting = Vec::new();
    for seed in 0..count {
        let mut order = heart(seed);
        (order["width"], order["height"], order["steps"]) = (json!(64), json!(64), json!(1));
        waiting.push(services.order(&order).await.id);
    }

    match service {
        Service::S3 => services.s3.stop().await,
        Service::DynamoDb => services.dynamodb.stop().await,
        Service::Queue => queue.is_away.store(true, Ordering::SeqCst),
    }
    tokio::time::sleep(away).await;
    match service {
        Service::S3 => services.s3.start_again().await,
        Service::DynamoDb => services.dynamodb.start_again().await,
        Service::Queue => queue.is_away.store(false, Ordering::SeqCst),
    }

    let all = tokio::time::timeout(LONG, async {
        for id in waiting.iter().chain([&begun]) {
            while [Status::Pending, Status::InProgress].contains(&services.task(*id).await.status) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    });
    all.await.expect("all are generated");
    stop.cancel();
    for worker in workers {
        worker.await.expect("no panic");
    }
    announcing.abort();
    for id in waiting {
        let task = services.task(id).await;
        assert_eq!((task.status, task.attempt.number), (Status::AwaitingApproval, 1), "{:?}", task.attempt.failure);
        assert_eq!(services.images(&task).await.len(), 1);
    }
    let task = services.task(begun).await;
    assert_eq!(task.status, Status::AwaitingApproval, "{:?}", task.attempt.failure);
    assert!(services.images(&task).await == expected, "the image is another");
}
