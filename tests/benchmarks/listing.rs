//! Lists and reads, with few and with many tasks in the table.

use std::time::Instant;

use easel_test_support::person::Person;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::small;

use crate::numbers::{CallTimes, row};
use crate::tasks;

/// How many tasks there are, and who creates more: all of these are more than one person may have waiting.
const COUNTS: [(usize, Who); 3] = [(100, Who::Creator), (10_000, Who::OtherCreator), (100_000, Who::Reviewer)];
/// How many of them are made as the service makes them; the others are like the last of these.
const MADE: usize = 100;
const CALLS: usize = 300;

pub(crate) async fn run() {
    let service = Service::without_worker();
    let (creator, reviewer) = service.people();
    let store = service.storage().workflow().store;
    row(["call", "tasks in the table", "median, ms", "99 % within, ms"]);
    row(["---", "---:", "---:", "---:"]);
    let started = Instant::now();
    let ids = tasks::fill(&store, &creator.name, MADE).await;
    let oldest = format!("/v1/tasks/{}", ids[0]);
    let mut there = MADE;
    for (count, who) in COUNTS {
        service.storage().multiply(ids[MADE - 1], count.saturating_sub(there)).await;
        eprintln!("{count} tasks are there after {:.0} s", started.elapsed().as_secs_f64());
        for (name, person, path) in [
            ("get a task", &creator, oldest.as_str()),
            ("a creator's list", &creator, "/v1/tasks?limit=20"),
            ("a reviewer's list", &reviewer, "/v1/tasks?limit=20"),
            ("what waits for approval", &reviewer, "/v1/tasks?status=awaiting_approval&limit=20"),
            ("a list by tag", &reviewer, "/v1/tasks?tag=tag-7&limit=1"),
            ("metrics", &reviewer, "/v1/metrics"),
        ] {
            let times = time(person, path).await;
            row([name, &count.to_string(), &times.within(50), &times.within(99)]);
        }
        let asker = service.person(who);
        let mut times = CallTimes::default();
        for number in 0..CALLS {
            let started = Instant::now();
            asker.create(small(&format!("listing {number}"))).await;
            times.add(started.elapsed());
        }
        row(["create a task", &count.to_string(), &times.within(50), &times.within(99)]);
        there = count + CALLS;
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
