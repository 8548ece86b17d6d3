//! Mixed calls at a steady rate while images are drawn. Each call is timed from the moment when it was due, so that a
//! service that falls behind is not spared.

use std::collections::BTreeMap;
use std::time::Duration;

use easel_test_support::person::{self, Person};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::small;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::numbers::{CallTimes, row};
/// Calls a second.
const RATE: u32 = 200;
const TASKS: usize = 10_000;
/// What is called, over and over: 8 reads, 6 lists, 4 creations, 2 approvals.
const MIX: [&str; 20] = [
    "get", "list", "create", "get", "list", "get", "create", "get", "list", "approve", "get", "list", "create", "get",
    "list", "get", "create", "get", "list", "approve",
];

pub(crate) async fn run(seconds: u32) {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    // More than one of them may have waiting.
    let askers = [Who::Creator, Who::OtherCreator, Who::Reviewer, Who::Admin].map(|who| service.person(who));
    let calls = RATE * seconds;
    // One that the service draws, and others like it that show its image.
    let first = person::id(&creator.draw(small("load")).await).parse().expect("an id");
    let ids = [vec![first], service.storage().multiply(first, TASKS - 1).await].concat();
    eprintln!("{TASKS} tasks are there; {RATE} calls/s for {seconds} s");
    // Something to draw from the first moment on.
    creator.create(small("load")).await;
    let before = drawn(&reviewer).await;

    let mut unapproved = ids.iter().copied();
    let started = Instant::now();
    let mut answers = JoinSet::new();
    for number in 0..calls {
        let due = started + Duration::from_secs(1) / RATE * number;
        tokio::time::sleep_until(due).await;
        let operation = MIX[number as usize % MIX.len()];
        let mut id = ids[(number as usize * 7919) % ids.len()];
        if operation == "approve" {
            id = unapproved.next().expect("a task for each approval");
        }
        let (creator, reviewer) = (creator.clone(), reviewer.clone());
        let asker = askers[number as usize % askers.len()].clone();
        answers.spawn(async move {
            let answer = match operation {
                "get" => creator.get(&format!("/v1/tasks/{id}")).await,
                "list" if number % 2 == 0 => creator.get("/v1/tasks?limit=20").await,
                "list" => reviewer.get("/v1/tasks?status=awaiting_approval&limit=20").await,
                "create" => asker.post("/v1/tasks", &small("load")).await,
                _ => reviewer.make("approve", &id.to_string(), json!({"note": "under load"})).await,
            };
            (operation, answer.status, due.elapsed())
        });
    }
    let mut times: BTreeMap<&str, (CallTimes, usize)> = BTreeMap::new();
    while let Some(answer) = answers.join_next().await {
        let (operation, status, time) = answer.expect("no panic");
        let (times, errors) = times.entry(operation).or_default();
        times.add(time);
        *errors += usize::from(!(200..300).contains(&status));
    }
    let took = started.elapsed().as_secs_f64();
    let approvals = times.get("approve").map_or(0, |(times, errors)| times.count() - errors) as u64;
    let after = drawn(&reviewer).await + approvals;

    row(["call", "calls", "errors", "median, ms", "99 % within, ms", "longest, ms"]);
    row(["---", "---:", "---:", "---:", "---:", "---:"]);
    for (operation, (times, errors)) in &times {
        let counts = [times.count(), *errors].map(|count| count.to_string());
        row([operation, &counts[0], &counts[1], &times.within(50), &times.within(99), &times.within(100)]);
    }
    println!(
        "\n{:.0} calls/s for {took:.0} s, {} images drawn meanwhile",
        f64::from(calls) / took,
        after.saturating_sub(before)
    );
}

/// How many tasks wait for approval.
async fn drawn(reviewer: &Person) -> u64 {
    let metrics: Value = reviewer.get("/v1/metrics").await.expect(200);
    metrics["tasks"]["awaiting_approval"].as_u64().expect("a count")
}
