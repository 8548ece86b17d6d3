//! Workers that poll a queue.

use std::time::Duration;

use easel_domain::task::Status;
use easel_embedded::queue::{Queue, QueueOptions, Redrive};
use easel_worker::polling::{Purpose, poll};
use easel_worker::queue::{MessageQueue, Received};
use easel_worker::worker::{DeliveryOutcome, WorkerOptions};
use easel_worker::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::support::{TestServices, delivery, heart, slow_heart};

/// The queue of this process.
#[derive(Clone)]
pub(crate) struct InProcess(Queue);

impl InProcess {
    pub(crate) fn send(&self, body: String) {
        self.0.send(body);
    }
}

impl MessageQueue for InProcess {
    async fn receive(&self, hidden_for: Duration) -> Result<Option<Received>> {
        let message = self.0.receive().await;
        let receipt = message.receipt_handle.to_string();
        self.hide(&receipt, hidden_for).await?;
        Ok(Some(Received { receipt, body: message.body, count: message.receive_count }))
    }

    async fn delete(&self, receipt: &str) -> Result<()> {
        self.0.delete(receipt.parse().map_err(|_| Error::Failed("no receipt".to_owned()))?);
        Ok(())
    }

    async fn hide(&self, receipt: &str, hidden_for: Duration) -> Result<()> {
        let receipt = receipt.parse().map_err(|_| Error::Failed("no receipt".to_owned()))?;
        self.0.change_visibility(receipt, hidden_for).map_err(|error| Error::Failed(error.to_string()))
    }
}

pub(crate) fn queues() -> [InProcess; 2] {
    let visibility_timeout = Duration::from_secs(90);
    let dead_letters = Queue::new(QueueOptions { visibility_timeout, redrive: None });
    let redrive = Some(Redrive { maximal_receive_count: 3, dead_letters: dead_letters.clone() });
    [InProcess(Queue::new(QueueOptions { visibility_timeout, redrive })), InProcess(dead_letters)]
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_at_one_queue_generate_every_task_once() {
    let services = TestServices::start().await;
    let [queue, _] = queues();
    let mut ids = Vec::new();
    for seed in 0..6 {
        ids.push(services.order(&heart(seed)).await.id);
        let message = services.message().await;
        // Queues may deliver twice.
        queue.0.send(message.clone());
        queue.0.send(message);
    }
    let stop = CancellationToken::new();
    let workers = ["one", "other"].map(|name| {
        let options = WorkerOptions { lease: Duration::from_secs(2), ..WorkerOptions::new(name) };
        let (worker, queue, stop) = (services.worker_with(options), queue.clone(), stop.clone());
        tokio::spawn(async move { poll(&worker, &queue, Purpose::Work, &stop).await })
    });
    tokio::time::timeout(Duration::from_secs(120), async {
        while !queue.0.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the queue gets empty");
    stop.cancel();
    for worker in workers {
        worker.await.expect("no panic");
    }
    for id in ids {
        assert_eq!(services.task(id).await.status, Status::AwaitingApproval);
        assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_end_ends_and_its_task_waits_for_the_next() {
    let services = TestServices::start().await;
    let [queue, _] = queues();
    let id = services.order(&slow_heart(1)).await.id;
    queue.0.send(services.message().await);
    let stop = CancellationToken::new();
    let (worker, its_queue, its_stop) = (services.worker("one"), queue.clone(), stop.clone());
    let work = tokio::spawn(async move { poll(&worker, &its_queue, Purpose::Work, &its_stop).await });
    services.until_begun(id).await;
    stop.cancel();
    work.await.expect("no panic");
    assert_eq!(services.task(id).await.status, Status::Pending);
    assert!(queue.0.is_empty());
    queue.0.send(services.message().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_too_often_is_asked_for_again_by_way_of_the_dead_letters() {
    let services = TestServices::start().await;
    let [queue, dead_letters] = queues();
    let id = services.order(&heart(1)).await.id;
    queue.0.send(services.message().await);
    for _ in 0..3 {
        let received = queue.receive(Duration::ZERO).await.expect("received").expect("a message");
        assert!(received.count <= 3);
    }
    let stop = CancellationToken::new();
    let receive = stop.run_until_cancelled(queue.receive(Duration::ZERO));
    assert!(tokio::time::timeout(Duration::from_millis(200), receive).await.is_err());
    let worker = services.worker_with(WorkerOptions::new("one"));
    let (its_stop, letters) = (stop.clone(), dead_letters.clone());
    let work = tokio::spawn(async move { poll(&worker, &letters, Purpose::DeadLetters, &its_stop).await });
    tokio::time::timeout(Duration::from_secs(60), async {
        while !dead_letters.0.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the dead letters are read");
    stop.cancel();
    work.await.expect("no panic");
    assert_eq!(services.worker("one").handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
}
