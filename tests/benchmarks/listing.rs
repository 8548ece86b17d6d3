//! Lists and reads, with few and with many tasks in the table.

use std::time::Instant;

use easel_test_support::person::Person;
use easel_test_support::service::Service;

use crate::numbers::{CallTimes, row};
use crate::tasks;

const FEW: usize = 100;
const MANY: usize = 10_000;
const CALLS: usize = 300;

pub(crate) async fn run() {
    let service = Service::without_worker();
    let (creator, reviewer) = service.people();
    let store = service.storage().workflow().store;
    row(["call", "tasks in the table", "median, ms", "99 % within, ms"]);
    row(["---", "---:", "---:", "---:"]);
    let mut ids = Vec::new();
    for count in [FEW, MANY] {
        let started = Instant::now();
        ids.extend(tasks::fill(&store, &creator.name, count - ids.len()).await);
        eprintln!("{count} tasks are there after {:.0} s", started.elapsed().as_secs_f64());
        let oldest = format!("/v1/tasks/{}", ids[0]);
        for (name, person, path) in [
            ("get a task", &creator, oldest.as_str()),
            ("a creator's list", &creator, "/v1/tasks?limit=20"),
            ("a reviewer's list", &reviewer, "/v1/tasks?limit=20"),
            ("what waits for approval", &reviewer, "/v1/tasks?status=awaiting_approval&limit=20"),
            ("a list by tag", &reviewer, "/v1/tasks?tag=tag-7&limit=1"),
        ] {
            let times = time(person, path).await;
            row([name, &count.to_string(), &times.within(50), &times.within(99)]);
        }
    }
}

async fn time(person: &Person, path: &str) -> CallTimes {
    let mut times = CallTimes::default();
    for _ in 0..CALLS {
        let started = Instant::now();
        person.get(path).await.expect(200);
        times.add(started.elapsed());
    }
    times
}
