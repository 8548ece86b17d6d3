//! What tests ask for: bodies of requests for images.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

/// A word that no other test, and no other run against the same deployment, uses.
#[must_use]
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    format!("{name}-{:x}-{}", now.as_micros(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A request that is drawn in a moment.
#[must_use]
pub fn small(tag: &str) -> Value {
    json!({"prompt": "a small blue circle", "width": 64, "height": 64, "steps": 1, "seed": 7, "tags": [tag]})
}

/// A request whose drawing can be met halfway, on fast machines too; its sampler also draws noise on the way.
#[must_use]
pub fn long(tag: &str, steps: u32, seed: u64) -> Value {
    json!({
        "prompt": "a large red heart on a blue background",
        "width": 256,
        "height": 256,
        "steps": steps,
        "scheduler": "euler_a",
        "seed": seed,
        "tags": [tag],
    })
}

/// A small image whose drawing takes a few steps.
#[must_use]
pub fn heart(seed: u64) -> Value {
    json!({"prompt": "a large red heart on a blue background", "width": 128, "height": 128, "steps": 20, "seed": seed})
}

/// The request with other fields.
#[must_use]
pub fn with(mut request: Value, fields: Value) -> Value {
    let (Value::Object(request_fields), Value::Object(fields)) = (&mut request, fields) else {
        panic!("requests are objects");
    };
    request_fields.extend(fields);
    request
}
