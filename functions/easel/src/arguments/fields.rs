//! Settings and labels on the command line: one option for each field, made from its definition.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use easel_domain::TaskRequest;
use easel_settings::{Field, FieldError, IMAGE_FIELDS, Kind, NoiseSchedule, OFFERED, Presence, SETTINGS, Sampler};
use serde_json::{Map, Value};

/// The setting that names an image to start from: a file here, a key of an uploaded one in the API.
const INIT_IMAGE: &str = "init_image";
/// The setting that names an upscaler: a file here, one that a service offers in the API.
const HIRES_UPSCALER: &str = "hires_upscaler";

/// Fields that a command takes.
pub(crate) trait Table {
    /// The fields, in the order in which help shows them.
    fn fields() -> Vec<Field>;
}

/// What was given of the fields of a table.
#[derive(Debug)]
pub(crate) struct FieldArguments<T> {
    /// What was given, checked, by the names of the fields. Images are still files of this machine, or `task:ID/INDEX`.
    pub(crate) values: Map<String, Value>,
    /// The image to start from.
    pub(crate) init_image: Option<PathBuf>,
    table: PhantomData<T>,
}

/// The settings of a generation.
#[derive(Debug)]
pub(crate) struct OfGeneration;

/// The settings of a generation, and labels to find the task by.
#[derive(Debug)]
pub(crate) struct OfTask;

/// The settings that a further attempt may change.
#[derive(Debug)]
pub(crate) struct OfRetry;

pub(crate) type SettingsArguments = FieldArguments<OfGeneration>;
pub(crate) type TaskRequestArguments = FieldArguments<OfTask>;
pub(crate) type RetrySettingsArguments = FieldArguments<OfRetry>;

impl Table for OfGeneration {
    /// Without those that mean something only where a service is: files are named by options of their own.
    fn fields() -> Vec<Field> {
        let is_file = |name: &str| {
            OFFERED.contains(&name) || name == HIRES_UPSCALER || name != INIT_IMAGE && IMAGE_FIELDS.contains(&name)
        };
        SETTINGS.iter().filter(|field| !is_file(field.name)).copied().collect()
    }
}

impl Table for OfTask {
    fn fields() -> Vec<Field> {
        TaskRequest::fields()
    }
}

impl Table for OfRetry {
    fn fields() -> Vec<Field> {
        let unchanged = "as before";
        SETTINGS.iter().map(|field| Field { presence: Presence::Optional, default: unchanged, ..*field }).collect()
    }
}

impl<T: Table> Args for FieldArguments<T> {
    fn augment_args(command: Command) -> Command {
        command.args(T::fields().iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Table> FromArgMatches for FieldArguments<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = values(&T::fields(), matches)?;
        Ok(Self { values, init_image: matches.get_one::<PathBuf>(INIT_IMAGE).cloned(), table: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The argument of a field.
fn argument(field: &Field) -> Arg {
    let argument = Arg::new(field.name).value_name(value_name(field.kind)).value_parser(parser(field.kind));
    if field.presence == Presence::Required {
        return argument.required(true).value_name(shown(field)).help(field.help.trim_end_matches('.').to_owned());
    }
    let argument = argument.long(long(field)).help(help(field)).allow_hyphen_values(true);
    match field.kind {
        _ if field.name == INIT_IMAGE => argument
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .visible_alias("init")
            .allow_hyphen_values(false)
            .help("An image to start from: PNG, JPEG or WebP [default: none]"),
        Kind::Flag => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Texts { .. }
        | Kind::WeightedNames { .. }
        | Kind::Table { .. }
        | Kind::ImageNotes { .. }
        | Kind::Regions { .. } => argument.action(ArgAction::Append),
        Kind::Images { .. } | Kind::Records { .. } => argument.action(ArgAction::Append),
        _ if field.name == "strength" => argument.requires(INIT_IMAGE),
        _ => argument,
    }
}

/// The name of the option: what may be given several times is named in the singular.
fn long(field: &Field) -> String {
    let name = match field.kind {
        Kind::Texts { .. } | Kind::WeightedNames { .. } | Kind::Images { .. } | Kind::Records { .. } => {
            field.name.trim_end_matches('s')
        }
        _ => field.name,
    };
    name.replace('_', "-")
}

fn help(field: &Field) -> String {
    let bounds = match field.kind {
        Kind::Whole { most: u64::MAX, .. } => String::new(),
        Kind::Whole { least, most, .. } => format!("; {least} to {most}"),
        Kind::Number { least, most } => format!("; {least} to {most}"),
        Kind::Choice(names) => format!(": {}", names.join(", ")),
        Kind::WeightedNames { bound, .. } => format!("; weights {} to {bound}; may be given several times", -bound),
        Kind::Scheduler => {
            let schedules: Vec<_> = NoiseSchedule::ALL.iter().map(|schedule| schedule.as_str()).collect();
            let samplers: Vec<_> = Sampler::ALL.iter().map(|sampler| sampler.as_str()).collect();
            format!("; samplers: {}; schedules: {}", samplers.join(", "), schedules.join(", "))
        }
        Kind::Image => ": PNG, JPEG or WebP".to_owned(),
        Kind::Texts { .. } | Kind::Table { .. } | Kind::Images { .. } | Kind::Records { .. } => {
            "; may be given several times".to_owned()
        }
        _ => String::new(),
    };
    format!("{}{bounds} [default: {}]", field.help.trim_end_matches('.'), field.default)
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text { .. } | Kind::Texts { .. } => "TEXT",
        Kind::Whole { .. } => "N",
        Kind::Number { .. } => "X",
        Kind::Flag => "BOOL",
        Kind::Choice(_) | Kind::Scheduler => "NAME",
        Kind::Interval => "START,END",
        Kind::Size => "WxH",
        Kind::Offset => "X,Y",
        Kind::Indexes { .. } => "N,N",
        Kind::WeightedNames { .. } => "NAME[:WEIGHT]",
        Kind::Table { .. } => "NAME=VALUE",
        Kind::Area => "X,Y[,WIDTH,HEIGHT]",
        Kind::ImageNotes { .. } => "IMAGE:NOTE",
        Kind::Regions { .. } => "IMAGE:X,Y[,WIDTH,HEIGHT][:NOTE]",
        Kind::Image | Kind::Images { .. } => "FILE",
        Kind::Records { .. } => "MODEL[#TYPE]=FILE[:SCALE[:START:END]]",
    }
}

/// What is typed, as a JSON value that is not checked yet.
fn parser(kind: Kind) -> ValueParser {
    ValueParser::from(move |typed: &str| kind.parse(typed))
}

/// What was given of these fields.
///
/// # Errors
/// Everything that is out of bounds, by the names of the options.
fn values(fields: &[Field], matches: &ArgMatches) -> Result<Map<String, Value>, clap::Error> {
    let (mut values, mut errors) = (Map::new(), Vec::new());
    for field in fields.iter().filter(|field| field.name != INIT_IMAGE) {
        let given = matches.get_many::<Value>(field.name).into_iter().flatten().cloned();
        match given.reduce(joined).map(|value| checked(field, value)) {
            Some(Ok(value)) => {
                values.insert(field.name.to_owned(), value);
            }
            Some(Err(wrong)) => {
                errors.extend(wrong.into_iter().map(|error| format!("{}: {}", shown(field), error.message)))
            }
            None => {}
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(clap::Error::raw(ErrorKind::ValueValidation, errors.join("; "))) }
}

/// The value as it is kept. How long the name of a file is does not matter: a key takes its place.
fn checked(field: &Field, value: Value) -> Result<Value, Vec<FieldError>> {
    let mut keyed = value.clone();
    let images = match field.kind {
        Kind::Image => vec![&mut keyed],
        Kind::Images { .. } => keyed.as_array_mut().into_iter().flatten().collect(),
        Kind::Records { .. } => {
            keyed.as_array_mut().into_iter().flatten().filter_map(|record| record.get_mut("image")).collect()
        }
        _ => return field.kind.check(field.name, value),
    };
    images.into_iter().for_each(|image| *image = Value::from("a key"));
    field.kind.check(field.name, keyed).map(|_| value)
}

/// How the argument is written.
fn shown(field: &Field) -> String {
    match field.presence {
        Presence::Required => field.name.to_uppercase(),
        Presence::Optional => format!("--{}", long(field)),
    }
}

/// Lists and objects of which each part was given by itself.
fn joined(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Array(mut earlier), Value::Array(later)) => {
            earlier.extend(later);
            Value::Array(earlier)
        }
        (Value::Object(mut earlier), Value::Object(later)) => {
            earlier.extend(later);
            Value::Object(earlier)
        }
        (_, later) => later,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<TaskRequestArguments, clap::Error> {
        let command = TaskRequestArguments::augment_args(Command::new("submit").args_override_self(true));
        let matches = command.try_get_matches_from([&["submit"], arguments].concat())?;
        TaskRequestArguments::from_arg_matches(&matches)
    }

    #[test]
    fn every_field_is_an_argument() {
        let settings = SettingsArguments::augment_args(Command::new("generate"));
        for field in OfGeneration::fields() {
            assert!(settings.get_arguments().any(|argument| argument.get_id() == field.name), "{}", field.name);
        }
        let task = TaskRequestArguments::augment_args(Command::new("submit"));
        for field in TaskRequest::fields() {
            assert!(task.get_arguments().any(|argument| argument.get_id() == field.name), "{}", field.name);
        }
        RetrySettingsArguments::augment_args(Command::new("retry")).debug_assert();
    }

    #[test]
    fn what_is_given_is_what_the_api_takes() {
        let arguments = parsed(&[
            "a heart",
            "--steps",
            "4",
            "--steps",
            "5",
            "--guidance-interval",
            "0.1,0.8",
            "--original-size",
            "640x320",
            "--use-refiner=false",
            "--tag",
            "red",
            "--tag",
            "large",
            "--metadata",
            "a=1",
            "--metadata",
            "b=2",
            "--init",
            "a.png",
            "--strength",
            "0.5",
            "--model",
            "turbo",
            "--lora",
            "ink:0.8",
            "--lora",
            "paper",
            "--embedding",
            "easel-hands",
            "--mask",
            "mask.png",
            "--control",
            "union#canny=edges.png:0.5",
            "--control",
            "depth=task:0193e4e0-1111-7222-8333-444455556666/0:1:0:0.6",
            "--image-adapter",
            "plus",
            "--image-prompt",
            "product.png",
            "--image-prompt",
            &"x".repeat(300),
            "--upscaler",
            "lanczos",
            "--upscale",
            "2",
        ]);
        let arguments = arguments.expect("valid");
        let expected = json!({
            "prompt": "a heart", "steps": 5, "guidance_interval": [0.1, 0.8], "original_size": [320, 640],
            "use_refiner": false, "tags": ["red", "large"], "metadata": {"a": "1", "b": "2"}, "strength": 0.5,
            "model": "turbo", "loras": [{"name": "ink", "weight": 0.8}, {"name": "paper", "weight": 1.0}],
            "embeddings": ["easel-hands"], "mask": "mask.png", "image_adapter": "plus",
            "image_prompts": ["product.png", "x".repeat(300)], "upscaler": "lanczos", "upscale": 2.0,
            "controls": [
                {"model": "union", "type": "canny", "image": "edges.png", "scale": 0.5, "start": 0.0, "end": 1.0},
                {
                    "model": "depth", "image": "task:0193e4e0-1111-7222-8333-444455556666/0",
                    "scale": 1.0, "start": 0.0, "end": 0.6,
                },
            ],
        });
        assert_eq!(Value::Object(arguments.values), expected);
        assert_eq!(arguments.init_image, Some("a.png".into()));
        assert!(parsed(&["a heart", "--use-refiner"]).expect("valid").values["use_refiner"] == true);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_name() {
        for arguments in [
            &["x", "--steps", "0"][..],
            &["x", "--steps", "-1"],
            &["x", "--guidance-scale", "NaN"],
            &["x", "--width", "100"],
            &["x", "--scheduler", "none"],
            &["x", "--strength", "0.5"],
            &["x", "--guidance-interval", "0.8,0.1"],
            &["x", "--lora", "ink:11"],
            &["x", "--control", "depth=a.png:3"],
            &["x", "--control", "depth"],
            &["x", "--upscale", "9"],
        ] {
            let error = parsed(arguments).expect_err("refused").to_string();
            assert!(error.contains(arguments[1]), "{error}");
        }
        let both = parsed(&["x", "--steps", "0", "--width", "100"]).expect_err("refused").to_string();
        assert!(both.contains("--steps: 0") && both.contains("--width: 100"), "{both}");
    }
}
