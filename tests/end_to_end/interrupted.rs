//! Drawings with masks, control images, image prompts and a second pass are killed in the middle: they go on from their
//! checkpoints, and every image is the same.

use std::path::Path;
use std::time::{Duration, Instant};

use easel_test_support::person::{Person, hashes, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, unique, with};
use easel_test_support::waiting::eventually;
use rand_mt::Mt64;
use serde_json::{Value, json};

use crate::overlay::assemble;

const STEPS: u32 = 30;
/// How often a drawing is killed until it went on from a checkpoint.
const TRIES: u64 = 12;
/// Files of the model's tests, as the service finds them from here.
const FILES: &str = "../../model/tests/data/adapters/files";
const UNET: &str = "../../model/demo/base/unet";
const ADAPTERS: &str = "../../model/tests/data/adapters/files/ip";
const UPSCALERS: &str = "../../model/tests/reference/upscalers";
const CONTROLS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/interrupted/controls");
const ENCODERS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/interrupted/encoders");

/// The key of an image of the model's tests, uploaded.
async fn uploaded(creator: &Person, image: &str) -> String {
    let file = std::fs::read(Path::new(FILES).join("pictures").join(image)).expect("the image");
    let announced = json!({"content_type": "image/png", "content_length": file.len()});
    let upload = creator.post("/v1/uploads", &announced).await.expect(201);
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    upload["key"].as_str().expect("a key").to_owned()
}

/// The step at which a worker began last.
async fn last_claimed_step(creator: &Person, id: &str) -> u64 {
    let history = creator.history(id).await;
    let claim = history.iter().rfind(|event| event["change"] == "claim").expect("a claim");
    claim["details"]["step"].as_u64().expect("a step")
}

#[tokio::test]
async fn killed_with_masks_controls_image_prompts_and_passes_every_image_is_the_same() {
    for name in ["controlnet_a", "controlnet_union"] {
        assemble(Path::new(UNET), &Path::new(FILES).join(name), &Path::new(CONTROLS).join(name));
    }
    let encoder = Path::new(ENCODERS).join("clip");
    std::fs::create_dir_all(&encoder).expect("made");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(Path::new(ADAPTERS).join("image_encoder").join(file), encoder.join(file)).expect("copied");
    }
    let options = [
        ["--controls", CONTROLS],
        ["--image-adapters", ADAPTERS],
        ["--image-encoders", ENCODERS],
        ["--upscalers", UPSCALERS],
    ];
    let Some(mut service) = Service::alone_with(options.as_flattened()) else { return };
    let mut random = Mt64::new(std::process::id().into());
    let creator = service.person(Who::Creator);
    let (lines, prompt) = (uploaded(&creator, "lines_a.png").await, uploaded(&creator, "prompt_a.png").await);
    let (square, mask) = (uploaded(&creator, "square.png").await, uploaded(&creator, "mask_soft.png").await);
    let painted = json!({"init_image": square, "mask": mask, "mask_blur": 4, "strength": 0.9});
    let control = json!({"controls": [{"model": "controlnet_a", "image": lines, "scale": 0.7, "end": 0.8}]});
    let prompted = json!({"image_adapter": "ip-adapter", "image_prompts": [prompt], "image_prompt_scale": 0.6});
    let passes =
        json!({"width": 64, "height": 64, "hires_scale": 2.0, "hires_strength": 0.7, "hires_upscaler": "compact_x3"});
    let of_image =
        json!({"controls": [{"model": "controlnet_union", "type": "canny", "image": prompt, "preprocess": "canny"}]});
    let everything = with(with(painted.clone(), prompted.clone()), of_image);
    let enlarged = with(passes.clone(), json!({"upscaler": "compact_x3", "upscale": 2}));
    let features = [
        ("a mask", painted),
        ("a control image", control),
        ("an image prompt", prompted),
        ("a second pass", passes),
        ("a mask, an image to steer by and an image prompt", everything),
        ("a second pass, enlarged", enlarged),
    ];

    for (what, feature) in features {
        let order = with(long(&unique("interrupted"), STEPS, 11), feature);
        let creator = service.person(Who::Creator);
        let started = Instant::now();
        let undisturbed = hashes(&creator.draw(order.clone()).await["attempt"]);
        let whole = started.elapsed();
        let mut went_on = false;
        for _ in 0..TRIES {
            let drawn = interrupted(&mut service, &order, whole.mul_f64(0.2 + 0.6 * share(&mut random))).await;
            assert_eq!(hashes(&drawn.0["attempt"]), undisturbed, "{what}: {:#}", drawn.0);
            went_on = drawn.1 > 0;
            if went_on {
                break;
            }
        }
        assert!(went_on, "no drawing with {what} went on from a checkpoint");
    }
}

/// A number from 0 to 1.
fn share(random: &mut Mt64) -> f64 {
    (random.next_u64() % 1000) as f64 / 1000.0
}

/// The task of `order`, whose drawing was killed after `moment`; and the step at which a worker began last.
async fn interrupted(service: &mut Service, order: &Value, moment: Duration) -> (Value, u64) {
    let creator = service.person(Who::Creator);
    let id = creator.create(order.clone()).await;
    eventually("a worker to take the task", || async {
        let task = creator.task(&id).await;
        Some(()).filter(|()| status(&task) != "pending")
    })
    .await;
    // The moment itself is what is random here; it waits for nothing.
    tokio::time::sleep(moment).await;
    service.kill();
    service.start_again();
    let creator = service.person(Who::Creator);
    let drawn = creator.wait(&id, "awaiting_approval").await;
    let step = last_claimed_step(&creator, &id).await;
    (drawn, step)
}
