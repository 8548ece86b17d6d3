//! Reading, changing and checking settings.

use serde_json::{Map, Value};

use crate::combinations::{kept_attention, remove_useless, sizes, useless};
use crate::field::{Field, Presence};
use crate::field_error::FieldError;
use crate::presets::Preset;
use crate::profiles::Profile;
use crate::reading::{Missing, read};
use crate::table::{ResolvedSettings, SETTINGS, Settings};

/// The strength of a request with a mask that leaves it open.
pub const INPAINTING_STRENGTH: f64 = 1.0;

impl Settings {
    /// The settings of one image of `prompt`, with the reference implementation's defaults and the seed 0.
    #[must_use]
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), ..Self::default() }
    }

    /// Reads settings; `seed` is taken where none is given.
    ///
    /// # Errors
    /// Everything that is wrong, field by field.
    pub fn read(object: Map<String, Value>, seed: u64) -> Result<Self, Vec<FieldError>> {
        Self::read_with(&[], object, seed).map(|(settings, _)| settings)
    }

    /// Reads settings and, from the same object, `others`, whose values are the second part of the result.
    ///
    /// # Errors
    /// Everything that is wrong, field by field.
    pub fn read_with(
        others: &[Field],
        object: Map<String, Value>,
        seed: u64,
    ) -> Result<(Self, Map<String, Value>), Vec<FieldError>> {
        let faults = [useless(&object), sizes(&object), kept_attention(&object)].concat();
        let mut values = with(read(&[SETTINGS, others].concat(), object, Missing::Refused), faults)?;
        let rest = others.iter().filter_map(|field| values.remove_entry(field.name)).collect();
        Ok((Self::from_checked(values, seed).map_err(|error| vec![error])?, rest))
    }

    /// Reads what changes in these settings. What is left out stays, `null` is the model's own default again. Without a
    /// seed `seed` is taken: the same image again is not what anybody changes settings for.
    ///
    /// # Errors
    /// Everything that is wrong, field by field.
    pub fn read_changes(&self, object: Map<String, Value>, seed: u64) -> Result<Self, Vec<FieldError>> {
        let mut values = self.to_map()?;
        values.remove("seed");
        for field in SETTINGS.iter().filter(|field| is_forgettable(field)) {
            if object.get(field.name).is_some_and(Value::is_null) {
                values.remove(field.name);
            }
        }
        remove_useless(&mut values);
        let mut after = values.clone();
        after.extend(object.clone());
        let faults = [useless(&after), sizes(&after), kept_attention(&after)].concat();
        values.extend(with(read(SETTINGS, object, Missing::Filled), faults)?);
        Self::from_checked(values, seed).map_err(|error| vec![error])
    }

    /// The settings with what the preset says filled in, where they leave it open.
    #[must_use]
    pub fn with_preset(mut self) -> Self {
        if let Some(preset) = self.preset.as_deref().and_then(Preset::named) {
            preset.fill(&mut self);
        }
        self
    }

    /// The settings with what the profile says filled in, where they leave it open. It looks at the steps, so the preset's
    /// come first.
    #[must_use]
    pub(crate) fn with_profile(mut self) -> Self {
        let given = self.attention_gate;
        if let Some(profile) = self.profile.as_deref().and_then(Profile::named) {
            profile.fill(&mut self);
            // What a profile fills in is no reason to refuse a request.
            if self.to_map().is_ok_and(|values| !kept_attention(&values).is_empty()) {
                self.attention_gate = given;
            }
        }
        self
    }

    /// The settings with the strength of a mask, where they leave it open: what it marks is painted anew.
    #[must_use]
    pub(crate) fn with_strength_of_mask(mut self) -> Self {
        if self.mask.is_some() {
            self.strength.get_or_insert(INPAINTING_STRENGTH);
        }
        self
    }

    /// Checks every setting that can be checked without a model. An empty prompt is allowed.
    ///
    /// # Errors
    /// Everything that is wrong, field by field.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut values = self.to_map()?;
        if self.prompt.is_empty() {
            values.remove("prompt");
        }
        // JSON has no NaN and no infinity: where they were, there is nothing.
        let is_nothing =
            |value: &Value| value.is_null() || value.as_array().is_some_and(|values| values.contains(&Value::Null));
        let nothing: Vec<_> =
            values.iter().filter(|(_, value)| is_nothing(value)).map(|(name, _)| name.clone()).collect();
        values.retain(|name, _| !nothing.contains(name));
        let mut errors: Vec<_> =
            nothing.iter().map(|name| FieldError::new(name, "NaN and infinity are out of all bounds")).collect();
        errors.extend(sizes(&values).into_iter().chain(kept_attention(&values)));
        with(read(SETTINGS, values, Missing::Filled), errors).map(drop)
    }

    /// The settings of values that were checked before; `seed` is taken where none is given, and the one after it for the
    /// variation.
    ///
    /// # Errors
    /// A value does not have the type of its setting.
    pub fn from_checked(mut values: Map<String, Value>, seed: u64) -> Result<Self, FieldError> {
        values.entry("seed").or_insert_with(|| Value::from(seed));
        if values.get("variation_strength").and_then(Value::as_f64).is_some_and(|strength| strength > 0.0) {
            values.entry("variation_seed").or_insert_with(|| Value::from(seed.wrapping_add(1)));
        }
        serde_json::from_value(Value::Object(values)).map_err(|error| unreadable(&error))
    }

    /// The seed of image `index` of several.
    #[must_use]
    pub fn seed_of(&self, index: u32) -> u64 {
        seeds_of(self.seed, self.variation_strength.unwrap_or_default(), self.variation_seed, index).0
    }

    /// Each setting that is there, by its name.
    fn to_map(&self) -> Result<Map<String, Value>, Vec<FieldError>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => Ok(values),
            Ok(_) => Ok(Map::new()),
            Err(error) => Err(vec![unreadable(&error)]),
        }
    }
}

/// The seed of image `index` and that of its variation, as AUTOMATIC1111 counts them (`process_images_inner` in its
/// `modules/processing.py`): variations are all of the same image. Seeds wrap around after the largest.
fn seeds_of(seed: u64, strength: f64, variation_seed: Option<u64>, index: u32) -> (u64, Option<u64>) {
    if strength > 0.0 {
        return (seed, Some(variation_seed.unwrap_or_default().wrapping_add(index.into())));
    }
    (seed.wrapping_add(index.into()), variation_seed)
}

/// Whether `null` gives the setting back to the model: a number of images is not the model's to choose.
fn is_forgettable(field: &Field) -> bool {
    field.presence == Presence::Optional && !["seed", "count"].contains(&field.name)
}

/// A result with further errors.
fn with<T>(result: Result<T, Vec<FieldError>>, mut further: Vec<FieldError>) -> Result<T, Vec<FieldError>> {
    match result {
        Ok(value) if further.is_empty() => Ok(value),
        Ok(_) => Err(further),
        Err(mut errors) => {
            errors.append(&mut further);
            Err(errors)
        }
    }
}

fn unreadable(error: &serde_json::Error) -> FieldError {
    FieldError::new("settings", error.to_string())
}

impl ResolvedSettings {
    /// The settings that generate image `index` of these by itself. Seeds wrap around after the largest.
    #[must_use]
    pub fn alone(&self, index: u32) -> Self {
        let (seed, variation_seed) = seeds_of(self.seed, self.variation_strength, self.variation_seed, index);
        Self { seed, variation_seed, count: 1, ..self.clone() }
    }

    /// The settings of one image of `prompt`, with the reference implementation's defaults and the seed 0.
    #[must_use]
    pub fn new(prompt: impl Into<String>) -> Self {
        Settings::new(prompt).resolve()
    }

    /// Checks every setting that can be checked without a model.
    ///
    /// # Errors
    /// Everything that is wrong, field by field.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        Settings::from(self.clone()).validate()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::LoraReference;
    use crate::kind::Kind;
    use crate::table::ASKED_ONLY;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    /// A value for every setting, within its bounds.
    fn sample(field: &Field) -> Value {
        match field.kind {
            Kind::Text { .. } => json!("a heart"),
            Kind::Whole { least, multiple_of, .. } => json!(least + multiple_of),
            Kind::Number { least, .. } => json!(least.max(0.5)),
            Kind::Flag => json!(true),
            Kind::Choice(names) => json!(names[0]),
            Kind::Scheduler => json!("dpmpp_2m_karras"),
            Kind::Interval => json!([0.25, 0.75]),
            Kind::Size | Kind::Offset => json!([64, 72]),
            Kind::Texts { .. } => json!(["a"]),
            Kind::Indexes { .. } => json!([0]),
            Kind::WeightedNames { .. } => json!([{"name": "a", "weight": -0.5}]),
            Kind::Table { .. } => json!({"a": "b"}),
            Kind::Area => json!({"x": 0.5, "y": 0.25}),
            Kind::ImageNotes { .. } => json!([{"image": 0, "note": "a"}]),
            Kind::Regions { .. } => json!([{"image": 0, "x": 0.5, "y": 0.25}]),
            Kind::Image => json!("inputs/a.png"),
            Kind::Images { .. } => json!(["inputs/a.png"]),
            Kind::Records { .. } => json!([{
                "model": "depth", "image": "inputs/a.png", "scale": 0.5, "start": 0.25, "end": 0.75, "type": "canny",
            }]),
        }
    }

    /// Every setting but the one that cannot be had with others.
    fn every_setting() -> Map<String, Value> {
        let all = SETTINGS.iter().filter(|field| field.name != "attention_gate");
        all.map(|field| (field.name.to_owned(), sample(field))).collect()
    }

    #[test]
    fn every_setting_is_read_kept_and_resolved() {
        let settings = Settings::read(every_setting(), 0).expect("settings");
        assert_eq!(serde_json::to_value(&settings).expect("JSON"), Value::Object(every_setting()));
        let resolved = object(serde_json::to_value(settings.clone().resolve()).expect("JSON"));
        for (name, value) in every_setting() {
            assert!(ASKED_ONLY.contains(&name.as_str()) || resolved[&name] == value, "{name}");
        }
        let gate = object(json!({"prompt": "a heart", "attention_gate": 0.5}));
        assert_eq!(Settings::read(gate, 0).map(|settings| settings.resolve().attention_gate), Ok(Some(0.5)));
        let again = Settings::from(settings.clone().resolve());
        assert_eq!(again.resolve(), settings.resolve());
    }

    #[test]
    fn a_change_keeps_what_is_left_out_and_forgets_what_is_null() {
        let before = Settings::read(every_setting(), 0).expect("settings");
        let changed = |body: Value| before.read_changes(object(body), 9).expect("settings");
        assert_eq!(changed(json!({})), Settings { seed: 9, ..before.clone() });
        assert_eq!(changed(json!({"seed": 1})), before);
        let nulls = SETTINGS.iter().map(|field| (field.name.to_owned(), Value::Null)).collect();
        let forgotten = Settings { prompt: "a heart".into(), seed: 9, count: before.count, ..Settings::default() };
        assert_eq!(changed(Value::Object(nulls)), forgotten);
        assert_eq!(changed(json!({"seed": 1, "steps": null})), Settings { steps: None, ..before.clone() });
        let moved = changed(json!({"seed": 1, "init_image": null}));
        assert_eq!((moved.init_image, moved.strength), (None, None));
    }

    #[test]
    fn variations_are_of_one_image_and_have_seeds_of_their_own() {
        let read = |body: Value| Settings::read(object(body), 9).expect("settings");
        let drawn = read(json!({"prompt": "a", "seed": 5, "variation_strength": 0.2, "count": 3}));
        assert_eq!((drawn.variation_seed, drawn.seed_of(2)), (Some(10), 5));
        assert_eq!(drawn.resolve().alone(2).variation_seed, Some(12));
        let given = read(json!({"prompt": "a", "variation_strength": 0.2, "variation_seed": u64::MAX}));
        assert_eq!((given.seed, given.resolve().alone(1).variation_seed), (9, Some(0)));
        let none = read(json!({"prompt": "a", "variation_strength": 0}));
        assert_eq!((none.variation_seed, none.seed_of(2)), (None, 11));
    }

    #[test]
    fn strength_needs_an_image() {
        let errors = Settings::read(object(json!({"prompt": "a", "strength": 0.5, "steps": 0})), 0).expect_err("wrong");
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["steps", "strength"]);
        let before = Settings::new("a heart");
        assert!(before.read_changes(object(json!({"strength": 0.5})), 0).is_err());
        assert!(before.read_changes(object(json!({"strength": 0.5, "init_image": "inputs/a.png"})), 0).is_ok());
    }

    #[test]
    fn what_belongs_together_is_asked_for_together() {
        let read = |value: Value| Settings::read(object(value), 0);
        let words =
            |value: Value| -> Vec<_> { read(value).expect_err("wrong").iter().map(ToString::to_string).collect() };
        assert_eq!(
            words(json!({"prompt": "a", "mask": "inputs/m.png", "image_prompts": ["inputs/a.png"], "upscale": 2})),
            [
                "mask: has no use without `init_image`: upload the image that is painted over, or leave it out",
                "image_prompts: has no use without `image_adapter`: name an adapter that the service offers, or leave it \
                 out",
                "upscale: has no use without `upscaler`: name one that the service offers, or lanczos, or leave it out",
            ]
        );
        assert!(words(json!({"prompt": "a", "image_adapter": "plus"}))[0].contains("image_prompts"));
        let adapted = json!({"prompt": "a", "image_adapter": "plus", "image_prompts": ["inputs/a.png"], "image_prompt_scale": 0.5});
        let adapted = read(adapted).expect("settings");
        let plain = adapted.read_changes(object(json!({"image_adapter": null})), 0).expect("settings");
        assert_eq!(plain, Settings::new("a"));
        let painted = json!({"prompt": "a", "init_image": "inputs/a.png", "mask": "inputs/m.png", "strength": 0.5});
        let painted = read(painted).expect("settings");
        let plain = painted.read_changes(object(json!({"init_image": null})), 0).expect("settings");
        assert_eq!(plain, Settings::new("a"));
    }

    #[test]
    fn every_part_of_a_control_image_is_checked() {
        let read = |controls: Value| Settings::read(object(json!({"prompt": "a", "controls": controls})), 0);
        let control = |start, end| json!({"model": "depth", "image": "inputs/a.png", "start": start, "end": end});
        let settings = read(json!([{"model": "depth", "image": "inputs/a.png", "scale": null}])).expect("settings");
        let controls = settings.controls.expect("one");
        assert_eq!((controls[0].scale, controls[0].start, controls[0].end), (1.0, 0.0, 1.0));
        assert_eq!((controls[0].kind.as_deref(), controls.len()), (None, 1));
        let wrong =
            json!([{"model": "", "scale": 3}, "depth", {"model": "a", "image": "b", "weight": 1}, control(0.5, 0.5)]);
        let errors = read(wrong).expect_err("wrong");
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let expected = [
            "controls[0].model",
            "controls[0].image",
            "controls[0].scale",
            "controls[1]",
            "controls[2].weight",
            "controls[3].end",
        ];
        assert_eq!(fields, expected);
        let many = vec![control(0.0, 1.0); 9];
        assert_eq!(read(Value::Array(many)).expect_err("wrong")[0].message, "has 9 entries, the limit is 8");
        let many = read(Value::Array(vec![control(1.0, 0.0); 5_000])).expect_err("wrong");
        assert!(many.len() <= crate::MAX_ERRORS + 1, "{}", many.len());
    }

    #[test]
    fn what_is_no_number_is_within_no_bounds() {
        let wrong = ResolvedSettings { guidance_scale: f64::NAN, ..ResolvedSettings::new("") };
        assert_eq!(wrong.validate().expect_err("wrong")[0].field, "guidance_scale");
        let wrong = ResolvedSettings { guidance_interval: Some((f64::NAN, 1.0)), ..ResolvedSettings::new("") };
        assert_eq!(wrong.validate().expect_err("wrong")[0].field, "guidance_interval");
        let wrong = ResolvedSettings { width: Some(100), ..ResolvedSettings::new("a") };
        assert_eq!(
            wrong.validate().expect_err("wrong")[0].to_string(),
            "width: 100 is not a multiple of 8: use 96 or 104"
        );
        assert_eq!(ResolvedSettings::new("").validate(), Ok(()));
    }

    #[test]
    fn loras_are_names_with_weights() {
        let read = |loras: Value| Settings::read(object(json!({"prompt": "a", "loras": loras})), 0);
        let lora = |name: &str, weight| LoraReference { name: name.to_owned(), weight };
        let loras = read(json!([{"name": "ink"}, {"name": "paper", "weight": -2}])).expect("settings").loras;
        assert_eq!(loras, Some(vec![lora("ink", 1.0), lora("paper", -2.0)]));
        let wrong =
            json!([{"weight": 11}, "ink", {"name": "a"}, {"name": "a", "weight": 2}, {"name": "b", "scale": 1}]);
        let errors = read(wrong).expect_err("wrong");
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["loras[0].name", "loras[0].weight", "loras[1]", "loras[3]", "loras[4].scale"]);
        let many: Vec<_> = (0..17).map(|number| json!({"name": number.to_string()})).collect();
        assert_eq!(read(Value::Array(many)).expect_err("wrong")[0].message, "has 17 entries, the limit is 16");
    }

    #[test]
    fn what_is_typed_means_what_is_written_in_json() {
        for (name, typed, value) in [
            ("steps", "20", json!(20)),
            ("guidance_scale", "7.5", json!(7.5)),
            ("guidance_interval", "0.1, 0.8", json!([0.1, 0.8])),
            ("original_size", "1024x768", json!([768, 1024])),
            ("crop_top_left", "3,5", json!([5, 3])),
            ("use_refiner", "false", json!(false)),
            ("seed", "18446744073709551615", json!(u64::MAX)),
            ("loras", "ink:0.8", json!([{"name": "ink", "weight": 0.8}])),
            ("mask", "a.png", json!("a.png")),
            ("image_prompts", "a.png", json!(["a.png"])),
            (
                "controls",
                "union#canny=a.png:0.5",
                json!([{"model": "union", "image": "a.png", "scale": 0.5, "start": 0.0, "end": 1.0, "type": "canny"}]),
            ),
        ] {
            let field = SETTINGS.iter().find(|field| field.name == name).expect("a setting");
            assert_eq!(field.kind.parse(typed), Ok(value), "{name}");
        }
        for (name, typed) in [
            ("steps", "-1"),
            ("steps", "many"),
            ("guidance_scale", "NaN"),
            ("original_size", "1024"),
            ("loras", "ink:inf"),
            ("controls", "depth"),
        ] {
            let field = SETTINGS.iter().find(|field| field.name == name).expect("a setting");
            assert!(field.kind.parse(typed).is_err(), "{name} {typed}");
        }
    }
}
