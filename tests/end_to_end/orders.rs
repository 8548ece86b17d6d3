//! What the tests ask for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};

/// A word that no other test, and no other run against the same deployment, uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    format!("{name}-{:x}-{}", now.as_micros(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An order that is drawn in a moment.
pub(crate) fn small(tag: &str) -> Value {
    json!({"prompt": "a small blue circle", "width": 64, "height": 64, "steps": 1, "seed": 7, "tags": [tag]})
}

/// An order whose drawing can be met halfway; its sampler also draws noise on the way.
pub(crate) fn long(tag: &str, steps: u32, seed: u64) -> Value {
    json!({
        "prompt": "a large red heart on a blue background",
        "width": 128,
        "height": 128,
        "steps": steps,
        "scheduler": "euler_a",
        "seed": seed,
        "tags": [tag],
    })
}

/// `order` with other fields.
pub(crate) fn with(mut order: Value, fields: Value) -> Value {
    let (Value::Object(order_fields), Value::Object(fields)) = (&mut order, fields) else {
        panic!("orders are objects");
    };
    order_fields.extend(fields);
    order
}
