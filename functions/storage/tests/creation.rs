//! Making tasks where answers get lost.

use easel_domain::identity::{Identity, Role};
use easel_domain::limits::Limits;
use easel_domain::task::Status;
use easel_storage::gallery::keys;
use easel_storage::store::IdempotencyKey;
use easel_test_support::losing::LostAnswer;

use crate::support::TestServices;

/// The database here forgets which transactions it has made, so that one that is sent again is refused by what it wrote
/// itself. The limit lets the owner have the one task: the second try is not a second task to it.
#[tokio::test]
async fn a_task_is_made_once_where_the_databases_answer_is_lost() {
    let ada = Identity::new("ada", Role::Creator);
    let key = IdempotencyKey { owner: ada.name.clone(), key: "once".to_owned(), body_hash: "hash".to_owned() };
    for key in [None, Some(&key)] {
        let services = TestServices::start().await;
        let lost = LostAnswer::of("TransactWriteItems");
        let mut workflow = services.workflow_through(lost.http_client());
        workflow.store = workflow.store.with_limits(Limits { max_waiting: 1, ..Limits::default() });

        let made = workflow.create(TestServices::request(), &ada, key).await.expect("made");
        assert!(lost.is_lost(), "the first answer is lost");
        assert!(!made.is_replay, "the client hears of the task for the first time");
        let task = services.workflow.store.task(made.task.id).await.expect("a task");
        assert_eq!((&task, task.status), (&made.task, Status::Pending));
        assert_eq!(services.keys("requests/").await, [keys::request(task.id)], "a worker is asked for");
        assert_eq!(services.workflow.store.counts().await.expect("counts")[&Status::Pending], 1);
    }
}
