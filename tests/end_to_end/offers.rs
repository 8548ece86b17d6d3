//! What can be asked for by name, through every door.

use easel_test_support::person::id;
use easel_test_support::program;
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use easel_test_support::waiting::eventually;
use serde_json::{Value, json};

use crate::uploads::task_of;

#[tokio::test]
async fn the_model_that_draws_can_be_asked_for_by_its_name_and_no_other() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let offers = eventually("a worker's offers", || async {
        let offers = creator.get("/v1/offers").await.expect(200);
        Some(offers).filter(|offers| offers["models"][0]["name"].is_string())
    })
    .await;
    assert_eq!(service.bearer(None).get("/v1/offers").await.status, 401);
    let model = offers["models"][0]["name"].clone();

    let task = creator.draw(with(small(&unique("named")), json!({"model": model}))).await;
    let used = &task["attempt"]["used"];
    assert_eq!((&used[0]["kind"], &used[0]["name"]), (&json!("model"), &model));
    assert!(used[0]["digest"].as_str().is_some_and(|digest| digest.len() >= 32), "{used}");
    assert_eq!(task["attempt"]["generation"]["model"], model);
    let task_id = id(&task);
    let claim = creator.history(&task_id).await.into_iter().find(|event| event["change"] == "claim").expect("a claim");
    assert_eq!(&claim["details"]["used"], used, "the history says it");
    reviewer.make("reject", &task_id, json!({"reason": "too red"})).await.expect(200);
    creator.make("retry", &task_id, json!({"steps": 2})).await.expect(200);
    let again = creator.wait(&task_id, "awaiting_approval").await;
    assert_eq!(&again["attempt"]["used"], used);

    let wrong = json!({"model": "another", "loras": [{"name": "nothing", "weight": 0.5}], "embeddings": ["nobody"]});
    let order = with(small(&unique("unknown")), wrong);
    let asked = creator.post("/v1/tasks", &order).await;
    // A function that has not run for a while does not know; its workers do.
    let reasons = if asked.status == 201 {
        let failed = creator.wait(&id(&asked.expect(201)), "failed").await;
        failed["attempt"]["failure"]["reason"].to_string()
    } else {
        let problem = asked.expect_problem(422, "invalid-fields");
        let fields: Vec<&Value> =
            problem["errors"].as_array().expect("errors").iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["model", "loras[0].name", "embeddings[0]"]);
        problem["errors"].to_string()
    };
    assert!(reasons.contains("there is no model `another`"), "{reasons}");

    let key = format!("uploads/{}/{}.json", creator.name, unique("named"));
    let order = with(small(&unique("dropped")), json!({"loras": [{"name": "nothing"}]}));
    service.storage().put(&key, order.to_string()).await;
    let dropped = creator.wait(&id(&task_of(&creator, &key).await), "failed").await;
    let reason = dropped["attempt"]["failure"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("there is no LoRA `nothing`: no LoRAs are offered"), "{reason}");
}

/// Folders as the service and the command find them from here.
const LORAS: &str = "../../model/tests/data/adapters/files/lora";
const EMBEDDINGS: &str = "../../model/tests/data/adapters/files/embeddings";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_take_turns_with_what_they_name_and_each_image_is_the_command_s() {
    let Some(mut service) = Service::alone_with(&["--loras", LORAS, "--embeddings", EMBEDDINGS]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let plain = "a large red heart on a blue background";
    let requests = [
        json!({"prompt": plain}),
        json!({"prompt": format!("{plain} <lora:kohya:0.8>")}),
        json!({"prompt": format!("({plain}:1.2), zorbglow"), "embeddings": ["zorbglow"]}),
        json!({"prompt": format!("{plain} <lora:locon:-0.5:0.7> [red|blue]"), "clip_skip": 1}),
    ];
    let mut files = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let path = folder.path().join(format!("{index}.png"));
        let line =
            ["generate", request["prompt"].as_str().expect("a prompt"), "--loras", LORAS, "--embeddings", EMBEDDINGS];
        let sizes = ["--width", "64", "--height", "64", "--steps", "6", "--seed", "11", "--device", "flex"];
        let clip_skip = request["clip_skip"].as_u64().map(|skip| ["--clip-skip".to_owned(), skip.to_string()]);
        let mut command = program::easel(&[&line[..], &sizes].concat());
        command.args(clip_skip.iter().flatten()).arg("--output").arg(&path);
        let outcome = program::run(&mut command);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        files.push(std::fs::read(&path).expect("the image"));
    }
    assert!(files[1..].iter().all(|file| *file != files[0]), "each of them changes the image");
    let tag = unique("turns");
    let size = json!({"width": 64, "height": 64, "steps": 6, "seed": 11, "tags": [tag]});
    let creator = service.person(Who::Creator);
    let mut orders = Vec::new();
    for index in [0, 1, 2, 3, 1, 0, 3] {
        orders.push((index, creator.create(with(requests[index].clone(), size.clone())).await));
    }
    // Whoever goes on after the end of the process goes on with the same files.
    eventually("a worker to take the first", || async {
        let task = creator.task(&orders[1].1).await;
        Some(()).filter(|()| task["status"] != "pending")
    })
    .await;
    service.kill();
    service.start_again();
    let creator = service.person(Who::Creator);
    for (index, id) in orders {
        let task = creator.wait(&id, "awaiting_approval").await;
        let image = creator.download(&task["attempt"]["images"][0]["url"]).await;
        assert!(image == files[index], "{index}: {}", task["attempt"]["warnings"]);
        assert_eq!(task["attempt"]["settings"]["prompt_syntax"], "a1111");
    }
}
