//! What a client may say when it asks for pictures, and the settings that this makes.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::fields::Fields;
use crate::task::Settings;
use crate::task::settings::{COUNT, GUIDANCE, MAX_PROMPT, SCHEDULERS, SIDES, STEPS};

/// Most tags, and most characters of one.
const TAGS: (usize, usize) = (20, 50);
/// Most entries of the metadata, and most characters of one.
const METADATA: (usize, usize) = (20, 500);
const MAX_TITLE: usize = 200;
const MAX_KEY: usize = 120;
/// Drawn seeds are whole numbers that every JSON reader keeps exactly, and that other tools take.
const DRAWN_SEEDS: u64 = u32::MAX as u64;

/// A request for pictures. Only the prompt is needed; what is left out is the model's own default.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What to draw.
    #[schema(min_length = 1, max_length = 2000)]
    pub prompt: String,
    /// What to avoid.
    #[schema(max_length = 2000)]
    pub negative_prompt: Option<String>,
    /// Width in pixels.
    #[schema(minimum = 64, maximum = 2048, multiple_of = 8)]
    pub width: Option<u32>,
    /// Height in pixels.
    #[schema(minimum = 64, maximum = 2048, multiple_of = 8)]
    pub height: Option<u32>,
    /// Denoising steps.
    #[schema(minimum = 1, maximum = 150)]
    pub steps: Option<u32>,
    /// How strongly the prompt pulls.
    #[schema(minimum = 0, maximum = 30)]
    pub guidance_scale: Option<f64>,
    /// The shares of the schedule, start and end, between which the prompt pulls; everywhere if left out.
    #[schema(value_type = Option<Vec<f64>>, min_items = 2, max_items = 2)]
    pub guidance_interval: Option<(f64, f64)>,
    /// The sampler.
    #[schema(pattern = "^[a-z0-9_]+$")]
    pub scheduler: Option<String>,
    /// Start of the noise; drawn and stored if left out.
    #[schema(minimum = 0)]
    pub seed: Option<u64>,
    /// How many pictures; 1 if left out.
    #[schema(minimum = 1, maximum = 8)]
    pub count: Option<u32>,
    /// Whether the refiner takes the last part of the schedule.
    pub use_refiner: Option<bool>,
    /// The share of the schedule that the base model does before the refiner takes over.
    #[schema(minimum = 0, maximum = 1)]
    pub high_noise_frac: Option<f64>,
    /// The key of an uploaded picture to start from.
    #[schema(max_length = 120)]
    pub init_image: Option<String>,
    /// The share of the schedule that changes the init image.
    #[schema(minimum = 0, maximum = 1)]
    pub strength: Option<f64>,
    /// A name for people.
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// Words to find the task by.
    #[schema(max_items = 20)]
    pub tags: Option<Vec<String>>,
    /// Whatever the client wants to keep with the task.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A read [`Order`].
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What to draw, the seed drawn if none was given.
    pub settings: Settings,
    /// See [`Order::title`].
    pub title: Option<String>,
    /// See [`Order::tags`].
    pub tags: Vec<String>,
    /// See [`Order::metadata`].
    pub metadata: BTreeMap<String, String>,
}

impl Order {
    /// Reads an order.
    ///
    /// # Errors
    /// Every wrong field at once.
    pub fn read(mut fields: Fields) -> Result<Reading> {
        let settings = read_settings(&mut fields, None);
        let title = fields.text("title", MAX_TITLE);
        let tags = fields.texts("tags", TAGS.0, TAGS.1).unwrap_or_default();
        let metadata = fields.table("metadata", METADATA.0, METADATA.1).unwrap_or_default();
        fields.finish()?;
        Ok(Reading { settings, title, tags, metadata: metadata.into_iter().collect() })
    }

    /// Reads what a new attempt changes in the settings of the one before. What is left out stays, `null` is the model's
    /// own default again. A seed that is left out is drawn anew: the same picture again is not what a second attempt is
    /// for.
    ///
    /// # Errors
    /// Every wrong field at once.
    pub fn read_changes(mut fields: Fields, before: &Settings) -> Result<Settings> {
        let mut before = before.clone();
        for (name, forget) in FORGETTABLE {
            if fields.is_null(name) {
                forget(&mut before);
            }
        }
        let settings = read_settings(&mut fields, Some(&before));
        fields.finish()?;
        Ok(settings)
    }
}

type Forget = fn(&mut Settings);

/// The settings that have a default, and what makes them have it.
const FORGETTABLE: [(&str, Forget); 11] = [
    ("negative_prompt", |settings| settings.negative_prompt = None),
    ("width", |settings| settings.width = None),
    ("height", |settings| settings.height = None),
    ("steps", |settings| settings.steps = None),
    ("guidance_scale", |settings| settings.guidance_scale = None),
    ("guidance_interval", |settings| settings.guidance_interval = None),
    ("scheduler", |settings| settings.scheduler = None),
    ("use_refiner", |settings| settings.use_refiner = None),
    ("high_noise_frac", |settings| settings.high_noise_frac = None),
    ("strength", |settings| settings.strength = None),
    // What changes nothing has no strength.
    ("init_image", |settings| (settings.init_image, settings.strength) = (None, None)),
];

/// Settings are what the fields say, else what they were before, else the model's defaults.
fn read_settings(fields: &mut Fields, before: Option<&Settings>) -> Settings {
    let prompt = fields.text("prompt", MAX_PROMPT);
    if prompt.is_none() && before.is_none() && !fields.is_refused("prompt") {
        fields.refuse("prompt", "is missing: say what to draw");
    }
    let before = before.cloned().unwrap_or_else(|| Settings { count: 1, ..Settings::default() });
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let settings = Settings {
        prompt: prompt.unwrap_or(before.prompt),
        negative_prompt: fields.any_text("negative_prompt", MAX_PROMPT).or(before.negative_prompt),
        width: side(fields, "width").or(before.width),
        height: side(fields, "height").or(before.height),
        steps: fields.whole("steps", STEPS).map(small).or(before.steps),
        guidance_scale: fields.number("guidance_scale", GUIDANCE).or(before.guidance_scale),
        guidance_interval: interval(fields, "guidance_interval").or(before.guidance_interval),
        scheduler: fields.choice("scheduler", &SCHEDULERS).or(before.scheduler),
        seed: fields.whole("seed", 0..=u64::MAX).unwrap_or_else(|| rand::random_range(0..=DRAWN_SEEDS)),
        count: fields.whole("count", COUNT).map_or(before.count, small),
        use_refiner: fields.flag("use_refiner").or(before.use_refiner),
        high_noise_frac: fields.number("high_noise_frac", 0.0..=1.0).or(before.high_noise_frac),
        init_image: fields.text("init_image", MAX_KEY).or(before.init_image),
        strength: fields.number("strength", 0.0..=1.0).or(before.strength),
    };
    if settings.strength.is_some() && settings.init_image.is_none() && !fields.is_refused("init_image") {
        fields.refuse("strength", "is of no use without `init_image`: upload a picture to start from, or leave it out");
    }
    settings
}

/// Two shares, the first below the second.
fn interval(fields: &mut Fields, name: &'static str) -> Option<(f64, f64)> {
    let (start, end) = fields.pair(name, 0.0..=1.0)?;
    if start >= end {
        fields.refuse(name, format!("{start} to {end} is empty: give the start first, then an end above it"));
        return None;
    }
    Some((start, end))
}

fn side(fields: &mut Fields, name: &'static str) -> Option<u32> {
    let side = fields.whole(name, SIDES)?;
    if !side.is_multiple_of(8) {
        let lower = side / 8 * 8;
        fields.refuse(name, format!("{side} is not a multiple of 8: use {lower} or {}", lower + 8));
        return None;
    }
    u32::try_from(side).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_attempt_keeps_what_is_left_out_and_forgets_what_is_null() {
        let before = json!({
            "prompt": "a heart", "negative_prompt": "blurry", "width": 64, "height": 72, "steps": 4, "guidance_scale": 3.0,
            "guidance_interval": [0.1, 0.9], "scheduler": "heun", "seed": 1, "count": 2, "use_refiner": true,
            "high_noise_frac": 0.8, "init_image": "inputs/a.png", "strength": 0.5
        });
        let before: Settings = serde_json::from_value(before).expect("settings");
        let changed = |body: serde_json::Value| {
            let fields = Fields::parse(body.to_string().as_bytes()).expect("fields");
            Order::read_changes(fields, &before).expect("settings")
        };
        assert_eq!(changed(json!({"seed": 1})), before);
        let nulls = FORGETTABLE.iter().map(|(name, _)| ((*name).to_owned(), serde_json::Value::Null));
        let nulls = nulls.chain([("seed".to_owned(), json!(2))]).collect::<serde_json::Map<_, _>>();
        let forgotten = Settings { prompt: "a heart".into(), seed: 2, count: 2, ..Settings::default() };
        assert_eq!(changed(nulls.into()), forgotten);
        assert_eq!(changed(json!({"seed": 1, "steps": null})), Settings { steps: None, ..before.clone() });
        let moved = changed(json!({"seed": 1, "init_image": null}));
        assert_eq!((moved.init_image, moved.strength), (None, None));
    }
}
