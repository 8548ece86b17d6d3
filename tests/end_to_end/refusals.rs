//! Bad input: every answer says what is wrong and what to do next, and nothing changes.

use std::collections::BTreeSet;

use easel_test_support::person::{Person, id, send, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use serde_json::{Value, json};

const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_body_that_is_no_json_object_is_malformed() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    for body in
        ["{", "red heart", "{\"prompt\": \"a\",}", "[]", "\"a red heart\"", "1", "null", "{\"prompt\": \"\u{1}\"}"]
    {
        for path in ["/v1/tasks", "/v1/uploads", "/v1/tasks/bulk"] {
            let request = creator.request("POST", path).header("content-type", "application/json").body(body);
            send(request).await.expect_problem(400, "malformed-body");
        }
    }
    let not_text = creator.request("POST", "/v1/tasks").body(b"{\"prompt\": \"\xff\xfe\"}".to_vec());
    send(not_text).await.expect_problem(400, "malformed-body");
}

#[tokio::test]
async fn every_wrong_field_is_listed_at_once() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let tag = unique("wrong");
    let wrong = json!({
        "prompt": "x".repeat(2001),
        "negative_prompt": 5,
        "width": 100,
        "height": 4096,
        "steps": 0,
        "guidance_scale": -1,
        "guidance_interval": [0.8, 0.1],
        "scheduler": "fastest",
        "seed": -1,
        "count": 9,
        "use_refiner": "yes",
        "high_noise_frac": 1.5,
        "init_image": ["a.png"],
        "strength": "half",
        "title": "x".repeat(201),
        "tags": [tag, "", 7],
        "metadata": {"a": 1, "b": "text"},
        "sampler": "euler",
        "owner": "somebody else",
    });
    let problem = creator.post("/v1/tasks", &wrong).await.expect_problem(422, "invalid-fields");
    let mut expected: BTreeSet<_> = wrong.as_object().expect("an object").keys().map(String::as_str).collect();
    expected.retain(|field| !["tags", "metadata"].contains(field));
    expected.extend(["tags[1]", "tags[2]", "metadata.a"]);
    assert_eq!(fields(&problem), expected, "{problem:#}");
    for error in problem["errors"].as_array().expect("errors") {
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 5), "{error}");
    }
    assert_eq!(creator.list(&format!("tag={tag}"), 10).await, [""; 0], "nothing was made");
}

#[tokio::test]
async fn single_wrong_values_are_refused_by_name() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let order = small(&unique("wrong"));
    for (field, value) in [
        ("prompt", json!(null)),
        ("prompt", json!("  ")),
        ("prompt", json!("zero \0 character")),
        ("prompt", json!({"text": "a"})),
        ("width", json!(56)),
        ("width", json!(68)),
        ("height", json!("64")),
        ("steps", json!(151)),
        ("steps", json!(1.5)),
        ("guidance_scale", json!(30.5)),
        ("guidance_scale", json!("5")),
        ("guidance_interval", json!(0.5)),
        ("guidance_interval", json!([0.5])),
        ("guidance_interval", json!([0, 1.5])),
        ("guidance_interval", json!([0, "1"])),
        ("seed", json!(1e30)),
        ("seed", json!("7")),
        ("count", json!(0)),
        ("strength", json!(0.5)),
        ("tags", json!("heart")),
        ("tags", json!((0..21).map(|number| format!("tag {number}")).collect::<Vec<_>>())),
        ("metadata", json!(["a"])),
        ("init_image", json!("images/somebody/1-0.png")),
        ("init_image", json!("inputs/nothing-here.png")),
        ("version", json!(1)),
    ] {
        let problem = creator.post("/v1/tasks", &with(order.clone(), json!({field: value}))).await;
        let problem = problem.expect_problem(422, "invalid-fields");
        assert_eq!(fields(&problem), BTreeSet::from([field]), "{problem:#}");
    }
    // The limits themselves are within.
    let most = json!({"prompt": "ü".repeat(2000), "width": 64, "steps": 150, "guidance_scale": 30, "guidance_interval": [1e-308, 1], "high_noise_frac": 1e-308, "seed": u64::MAX, "count": 8});
    let made = creator.post("/v1/tasks", &with(order, most)).await.expect(201);
    assert_eq!(made["attempt"]["settings"]["seed"], u64::MAX);
    creator.make("cancel", &id(&made), json!({})).await.expect(200);
}

#[tokio::test]
async fn an_over_long_body_is_too_long() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let long = json!({"prompt": "x".repeat(100_000)});
    creator.post("/v1/tasks", &long).await.expect_problem(413, "too-long");
    // Long, but not too long to be read: the field is what is wrong.
    let long = json!({"prompt": "x".repeat(60_000)});
    creator.post("/v1/tasks", &long).await.expect_problem(422, "invalid-fields");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let drawn = service.person(Who::OtherCreator).draw(small(&unique("others"))).await;
    let others = id(&drawn);
    for (person, id) in [(&creator, NOBODYS), (&reviewer, NOBODYS), (&creator, "heart"), (&creator, &others)] {
        for path in [format!("/v1/tasks/{id}"), format!("/v1/tasks/{id}/history")] {
            person.get(&path).await.expect_problem(404, "not-found");
        }
        for step in ["cancel", "pause", "resume", "retry"] {
            person.make(step, id, json!({})).await.expect_problem(404, "not-found");
        }
        person.delete(id).await.expect_problem(404, "not-found");
    }
    for step in ["approve", "publish", "unpublish"] {
        reviewer.make(step, NOBODYS, json!({})).await.expect_problem(404, "not-found");
    }
    let there = service.person(Who::OtherCreator).task(&others).await;
    assert_eq!(there["version"], drawn["version"]);
    if service.is_local() {
        for path in ["/v1", "/v1/nothing", "/v1/tasks/", "/v1/tasks/a/b/c", "//v1/tasks", "/v1/tasks/%2e%2e"] {
            creator.get(path).await.expect_problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn a_method_that_does_not_fit_is_refused() {
    let service = Service::without_worker();
    if !service.is_local() {
        eprintln!("left out: a gateway answers these");
        return;
    }
    let creator = service.person(Who::Creator);
    for (method, path) in [
        ("PUT", "/v1/tasks"),
        ("DELETE", "/v1/tasks"),
        ("PATCH", "/v1/tasks"),
        ("GET", "/v1/uploads"),
        ("GET", "/v1/tasks/heart/approve"),
        ("POST", "/health"),
        ("DELETE", "/openapi.json"),
    ] {
        send(creator.request(method, path)).await.expect_problem(405, "wrong-method");
    }
}

#[tokio::test]
async fn illegal_moves_name_the_legal_ones() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let drawn = creator.draw(small(&unique("illegal"))).await;
    let id = id(&drawn);
    illegal(&creator, &id, &["pause", "resume", "retry"], &["cancel", "approve", "reject", "delete"]).await;
    illegal(&reviewer, &id, &["publish", "unpublish"], &["cancel", "approve", "reject", "delete"]).await;
    reviewer.make("approve", &id, json!({})).await.expect(200);
    illegal(
        &reviewer,
        &id,
        &["approve", "cancel", "pause", "resume", "retry", "unpublish"],
        &["publish", "reopen", "delete"],
    )
    .await;
    let refused = reviewer.make("reject", &id, json!({"reason": "too late"})).await;
    refused.expect_problem(409, "illegal-move");
    reviewer.make("publish", &id, json!({})).await.expect(200);
    illegal(&reviewer, &id, &["approve", "cancel", "retry"], &["unpublish", "delete"]).await;
    creator.delete(&id).await.expect(202);
    illegal(&reviewer, &id, &["approve", "publish", "cancel"], &["reopen"]).await;
    creator.delete(&id).await.expect_problem(409, "illegal-move");
    assert_eq!(creator.task(&id).await["version"], 6);
}

async fn illegal(person: &Person, id: &str, steps: &[&str], legal: &[&str]) {
    let before = person.task(id).await;
    for step in steps {
        let problem = person.make(step, id, json!({})).await.expect_problem(409, "illegal-move");
        assert_eq!(problem["legal_moves"], json!(legal), "{step}: {problem:#}");
        assert_eq!(problem["task_status"], status(&before), "{step}: {problem:#}");
    }
    assert_eq!(person.task(id).await["version"], before["version"]);
}

#[tokio::test]
async fn moves_say_what_they_need() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let id = id(&creator.draw(small(&unique("needs"))).await);
    for (step, body, wrong) in [
        ("reject", json!({}), "reason"),
        ("reject", json!({"reason": " "}), "reason"),
        ("reject", json!({"reason": "x".repeat(2001)}), "reason"),
        ("reject", json!({"reason": 5}), "reason"),
        ("approve", json!({"note": ["good"]}), "note"),
        ("approve", json!({"by": "somebody else"}), "by"),
        ("cancel", json!({"note": "a note"}), "note"),
        ("publish", json!({"key": "mine.png"}), "key"),
        ("retry", json!({"steps": 0}), "steps"),
        ("retry", json!({"title": "another"}), "title"),
    ] {
        let problem = reviewer.make(step, &id, body).await.expect_problem(422, "invalid-fields");
        assert_eq!(fields(&problem), BTreeSet::from([wrong]), "{step}: {problem:#}");
    }
    assert_eq!(status(&creator.task(&id).await), "awaiting_approval");
}

#[tokio::test]
async fn a_decision_on_another_version_is_stale() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let answer = creator.post("/v1/tasks", &small(&unique("stale"))).await;
    let first = answer.header("etag").to_owned();
    let id = id(&answer.expect(201));
    // From here on nobody else moves it.
    creator.wait(&id, "awaiting_approval").await;
    let path = format!("/v1/tasks/{id}/cancel");
    let with = |tag: &str| creator.request("POST", &path).header("if-match", tag).json(&json!({}));
    send(with("\"9999\"")).await.expect_problem(412, "stale");
    for unlike in ["heart", "1", "\"1", "\"\"", "W/\"1\"", "\"1.2\"", "\"1\", \"2\""] {
        send(with(unlike)).await.expect_problem(400, "wrong-parameters");
    }
    let current = creator.get(&format!("/v1/tasks/{id}")).await.header("etag").to_owned();
    send(with(&first)).await.expect_problem(412, "stale");
    let moved = send(with(&current)).await;
    assert_ne!(moved.header("etag"), current);
    moved.expect(200);
    send(with(&current)).await.expect_problem(412, "stale");
    let delete = creator.request("DELETE", &format!("/v1/tasks/{id}")).header("if-match", "*");
    send(delete).await.expect(202);
}

#[tokio::test]
async fn wrong_parameters_are_listed() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    for (query, wrong) in [
        ("status=drawn", &["status"][..]),
        ("limit=0", &["limit"]),
        ("limit=101&cursor=heart&page=2", &["cursor", "limit", "page"]),
        ("limit=ten&owner=", &["limit", "owner"]),
        ("Status=pending", &["Status"]),
        ("order=up&text=", &["order", "text"]),
        (&format!("text={}", "x".repeat(201)), &["text"]),
    ] {
        let problem = creator.get(&format!("/v1/tasks?{query}")).await.expect_problem(400, "wrong-parameters");
        assert_eq!(fields(&problem), wrong.iter().copied().collect(), "{query}: {problem:#}");
    }
    for path in ["/health?verbose=1", "/v1/metrics?since=1970", "/v1/identity?name=ada", "/openapi.json?format=yaml"] {
        service.person(Who::Reviewer).get(path).await.expect_problem(400, "wrong-parameters");
    }
    if service.is_local() {
        creator.get("/v1/tasks?limit=1&limit=2").await.expect_problem(400, "wrong-parameters");
    }
    let key = creator.request("POST", "/v1/tasks").header("idempotency-key", "k".repeat(256));
    send(key.json(&small(&unique("key")))).await.expect_problem(400, "wrong-parameters");
}

#[tokio::test]
async fn a_bulk_move_says_what_it_needs() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let ids: Vec<_> = (0..101).map(|number| format!("01890000-0000-7000-8000-{number:012}")).collect();
    for (body, wrong) in [
        (json!({}), &["ids", "move"][..]),
        (json!({"ids": [], "move": "claim"}), &["ids", "move"]),
        (json!({"ids": ids, "move": "cancel"}), &["ids"]),
        (json!({"ids": [ids[0], ids[0]], "move": "cancel"}), &["ids"]),
        (json!({"ids": [ids[0], 5], "move": "cancel"}), &["ids[1]"]),
    ] {
        let problem = creator.post("/v1/tasks/bulk", &body).await.expect_problem(422, "invalid-fields");
        assert_eq!(fields(&problem), wrong.iter().copied().collect(), "{problem:#}");
    }
}

#[tokio::test]
async fn a_body_of_thousands_of_wrong_fields_has_a_short_answer() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let fields: serde_json::Map<_, _> = (0..7_000).map(|number| (format!("{number:x}"), json!(0))).collect();
    let ids = [creator.create(small(&unique("bulk"))).await];
    let bulk = with(Value::Object(fields.clone()), json!({"ids": ids, "move": "retry"}));
    for (path, body) in [("/v1/tasks", Value::Object(fields)), ("/v1/tasks/bulk", bulk)] {
        let response = creator.request("POST", path).json(&body).send().await.expect("a response");
        assert_eq!(response.status(), 422);
        let bytes = response.bytes().await.expect("all of it");
        assert!(bytes.len() < 20_000, "{path}: {} bytes", bytes.len());
    }
}

/// The names of the wrong fields.
fn fields(problem: &Value) -> BTreeSet<&str> {
    let errors = problem["errors"].as_array().expect("errors");
    errors.iter().map(|error| error["field"].as_str().expect("a name")).collect()
}
