//! The process ends before and after each call to a service, all along a task's life. Whatever it was in the middle of,
//! the next process goes on: the task is generated once, and what is public is what is published.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use easel_domain::TaskRequest;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, GRACE_PERIOD, Move, Status, Task};
use easel_storage::gallery::keys;
use easel_storage::store::IdempotencyKey;
use easel_storage::workflow::Workflow;
use easel_test_support::crashing::{CrashPoint, Side};
use easel_test_support::embedded;
use easel_worker::worker::{Deadline, Delivery, DeliveryOutcome, Worker, WorkerOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{TestServices, creator, engine};

/// Leaves out the points between; 1 tries them all.
const EVERY: &str = "EASEL_TEST_CRASHES_EVERY";
const EVERY_BY_DEFAULT: usize = 3;
/// The longest that a message is waited for, or that one is handed back for.
const PAUSE: Duration = Duration::from_millis(100);
/// What people do to the task once it is generated, and what it is then.
const MOVES: [(Move, Status); 5] = [
    (Move::Approve, Status::Approved),
    (Move::Publish, Status::Published),
    (Move::Unpublish, Status::Approved),
    (Move::Publish, Status::Published),
    (Move::Delete, Status::Deleted),
];

#[tokio::test(flavor = "multi_thread")]
async fn ended_at_any_call_every_task_is_generated_once() {
    let services = Arc::new(TestServices::start().await);
    let every = std::env::var(EVERY).map_or(EVERY_BY_DEFAULT, |every| every.parse().expect("a number"));
    let expected = services.undisturbed(&order()).await;
    let mut points = 0;
    for side in [Side::Before, Side::After] {
        for call in (1..).step_by(every) {
            let point = CrashPoint::new(call, side);
            let life = Arc::new(Life::new(services.clone(), expected.clone()));
            if point.run(life.clone().go_on(life.workflow(&point))).await.is_some() {
                break;
            }
            println!("{point:?}: {}", point.reached().expect("it ended there"));
            let next = CrashPoint::new(usize::MAX, Side::Before);
            next.run(life.clone().go_on(life.workflow(&next))).await.expect("nothing ends this one");
            points += 1;
        }
    }
    println!("ended at {points} points");
    assert!(points * every > 40, "{points} points are no task's life");
}

/// What the next process finds: the services, the messages, and how far people have come.
struct Life {
    services: Arc<TestServices>,
    expected: Vec<Vec<u8>>,
    key: String,
    /// The task, once the request for it is answered.
    id: OnceCell<Uuid>,
    /// Messages that are not done, and how often each was delivered.
    messages: Mutex<VecDeque<(String, u32)>>,
    moves: AtomicUsize,
}

impl Life {
    fn new(services: Arc<TestServices>, expected: Vec<Vec<u8>>) -> Self {
        let key = Uuid::new_v4().to_string();
        Self { services, expected, key, id: OnceCell::new(), messages: Mutex::default(), moves: AtomicUsize::new(0) }
    }

    /// The services as the process calls them that ends at the point.
    fn workflow(&self, point: &CrashPoint) -> Workflow {
        let access = embedded::access().without_retries().through(point.http_client());
        embedded::workflow_of(&access, &self.services.dynamodb, &self.services.s3)
    }

    /// Does all that is left to do.
    async fn go_on(self: Arc<Self>, workflow: Workflow) {
        let id = *self.id.get_or_init(|| self.create(&workflow)).await;
        if self.moves.load(Ordering::SeqCst) == 0 {
            self.generate(&workflow, id).await;
        }
        while let Some((action, goal)) = MOVES.get(self.moves.load(Ordering::SeqCst)) {
            self.make(&workflow, id, *action, *goal).await;
            self.moves.fetch_add(1, Ordering::SeqCst);
        }
        let later = Timestamp::now() + GRACE_PERIOD + SignedDuration::from_hours(1);
        workflow.purge_deleted(later).await.expect("purged");
        self.check_purged(id).await;
    }

    /// Requests the image like a client that asks again until it is answered.
    async fn create(&self, workflow: &Workflow) -> Uuid {
        let Value::Object(object) = order() else { panic!("an object") };
        let request = TaskRequest::read(object).expect("a request");
        let (owner, key) = (creator().name, self.key.clone());
        let key = IdempotencyKey { owner, key, body_hash: String::new() };
        workflow.create(request, &creator(), Some(&key)).await.expect("created").task.id
    }

    /// Handles messages until the task is generated. Each worker has time for one step.
    async fn generate(&self, workflow: &Workflow, id: Uuid) {
        let options = WorkerOptions { margin: Duration::from_secs(7200), ..WorkerOptions::new("ending") };
        let worker = Worker::new(workflow.clone(), engine(), options);
        while [Status::Pending, Status::InProgress].contains(&self.services.task(id).await.status) {
            let Some((body, count)) = self.receive().await else {
                // Its request got lost with a process: the one who looks after such tasks asks again.
                let asked = workflow.reconcile(Timestamp::now() + SignedDuration::from_hours(1)).await.expect("asked");
                assert_eq!(asked.requested, 1, "nothing is left that would have the task generated");
                continue;
            };
            let deadline = Deadline::at(SystemTime::now() + Duration::from_secs(3600));
            match worker.handle(&Delivery { body, count, deadline, stop: CancellationToken::new() }).await {
                DeliveryOutcome::Done => drop(self.messages.lock().await.pop_front()),
                DeliveryOutcome::HandBack { after, .. } => {
                    self.messages.lock().await.rotate_left(1);
                    tokio::time::sleep(after.min(PAUSE)).await;
                }
            }
        }
        self.check_generated(id).await;
    }

    /// The next message, which stays until it is done.
    async fn receive(&self) -> Option<(String, u32)> {
        let mut messages = self.messages.lock().await;
        let wait = if messages.is_empty() { PAUSE * 10 } else { Duration::ZERO };
        while let Ok(body) = tokio::time::timeout(wait, self.services.next_message()).await {
            messages.push_back((body, 0));
            if !self.services.is_quiet().await {
                continue;
            }
            break;
        }
        let next = messages.front_mut()?;
        next.1 += 1;
        Some(next.clone())
    }

    /// Makes a move like a client that looks at the task when it was not answered.
    async fn make(&self, workflow: &Workflow, id: Uuid, action: Move, goal: Status) {
        let by = Identity::new("ada", Role::Admin);
        if workflow.store.task(id).await.expect("the task is there").status != goal {
            let change = |task: &Task| {
                Ok(match action {
                    Move::Approve => Change::Approve { note: None, images: None, notes: Vec::new() },
                    Move::Publish => Change::Publish { publication: Workflow::publication(task, &by) },
                    Move::Unpublish => Change::Unpublish { reason: None },
                    _ => Change::Delete { after: Timestamp::now() + GRACE_PERIOD },
                })
            };
            let moved = workflow.move_task(id, action, &by, None, change).await.expect("moved");
            assert_eq!(moved.status, goal);
        }
        self.check_published(id).await;
    }

    /// The task was generated once, and its images are those of a generation that nothing disturbed.
    async fn check_generated(&self, id: Uuid) {
        let task = self.services.task(id).await;
        let history = self.services.workflow.store.history(id).await.expect("a history");
        assert!(task.attempt.failure.is_none(), "{task:#?}");
        assert_eq!(Task::replay(&history).as_ref(), Some(&task));
        let finished = history.iter().filter(|event| matches!(event.change, Change::Finish { .. })).count();
        assert_eq!(finished, 1);
        assert!(self.services.images(&task).await == self.expected, "the images are others");
        let images = self.services.workflow.gallery.keys(&keys::images(id)).await.expect("S3 answers");
        assert_eq!(images.len(), 2 * self.expected.len(), "{images:?}");
    }

    /// What is public is what is published.
    async fn check_published(&self, id: Uuid) {
        let task = self.services.task(id).await;
        let public = self.services.workflow.gallery.keys(&keys::all_published(id)).await.expect("S3 answers");
        let published = task.publication.filter(|_| task.status == Status::Published);
        assert_eq!(public, published.map(|publication| publication.keys).unwrap_or_default(), "{}", task.status);
    }

    /// Nothing is left of the task but its history.
    async fn check_purged(&self, id: Uuid) {
        let Workflow { store, gallery } = &self.services.workflow;
        assert_eq!(store.find(id).await.expect("DynamoDB answers"), None);
        for prefix in [keys::images(id), keys::checkpoints(id), keys::all_published(id), keys::request(id)] {
            assert_eq!(gallery.keys(&prefix).await.expect("S3 answers"), Vec::<String>::new());
        }
        assert!(!store.history(id).await.expect("a history").is_empty());
    }
}

fn order() -> Value {
    json!({"prompt": "a large red heart", "width": 64, "height": 64, "steps": 2, "seed": 5, "count": 2})
}
