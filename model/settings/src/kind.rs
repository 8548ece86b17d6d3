//! What a field may hold.

use serde_json::{Map, Value, json};

use crate::control_reference::ControlReference;
use crate::described::described;
use crate::field_error::{FieldError, FieldErrors};
use crate::lists::{indexes, table, texts, weighted_names};
use crate::lora_reference::LoraReference;
use crate::number::{number, pair, whole, whole_pair};
use crate::remarks::{RemarkBounds, area, parse_area, parse_remark, remarks};
use crate::scheduler_name::SchedulerName;
use crate::text::{named, text};

/// Most characters of an uploaded image's key.
pub(crate) const MAX_KEY: usize = 120;

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A text.
    Text {
        /// Most characters.
        most: usize,
        /// Whether it may be blank.
        blank: bool,
    },
    /// A whole number.
    Whole {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What it has to be a multiple of; 1 if of nothing.
        multiple_of: u64,
    },
    /// A number.
    Number {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// True or false.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a scheduler, as any of the programs that are known calls it; kept as the name here.
    Scheduler,
    /// Two numbers from 0 to 1, the first below the second.
    Interval,
    /// Height and width in pixels.
    Size,
    /// Pixels from the top and from the left.
    Offset,
    /// A list of texts that are not blank.
    Texts {
        /// Most texts.
        most: usize,
        /// Most characters of one.
        length: usize,
    },
    /// A list of different whole numbers from 0 on, with at least one.
    Indexes {
        /// How many there are to choose from.
        of: u64,
    },
    /// A list of names with weights: objects with a `name` and, where it is not 1, a `weight`.
    WeightedNames {
        /// Most names.
        most: usize,
        /// Most characters of one.
        length: usize,
        /// The highest weight; the lowest is as far below zero.
        bound: f64,
    },
    /// An object whose values are texts.
    Table {
        /// Most entries.
        most: usize,
        /// Most characters of a value.
        length: usize,
    },
    /// A point or a box in an image, in fractions of its width and height: an object with `x`, `y` and, for a box, `width`
    /// and `height`.
    Area,
    /// A list of notes to images: objects with an `image` and a `note`, one for each image.
    ImageNotes {
        /// How many images there are to choose from.
        of: u64,
        /// Most characters of a note.
        length: usize,
    },
    /// A list of places in images: objects with an `image`, the fields of an [`Area`](Self::Area), and, if there is
    /// something to say, a `note`.
    Regions {
        /// Most places.
        most: usize,
        /// How many images there are to choose from.
        of: u64,
        /// Most characters of a note.
        length: usize,
    },
    /// An image: the key of an upload, or another task's image, such as `task:ID/0`.
    Image,
    /// A list of images.
    Images {
        /// Most images.
        most: usize,
    },
    /// A list of objects that have these parts.
    Records {
        /// Most objects.
        most: usize,
        /// What each of them has.
        parts: &'static [Part],
    },
}

/// A part of each object in a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
}

/// The longest side, in pixels, of a size that the model is told.
pub(crate) const MAX_TOLD: u64 = 65_536;

impl Kind {
    /// A text that is not blank, of at most `most` characters.
    #[must_use]
    pub const fn text(most: usize) -> Self {
        Self::Text { most, blank: false }
    }

    /// A whole number from `least` to `most`.
    #[must_use]
    pub const fn whole(least: u64, most: u64) -> Self {
        Self::Whole { least, most, multiple_of: 1 }
    }

    /// What bounds a list of remarks, if it is one.
    pub(crate) fn remark_bounds(self) -> Option<RemarkBounds> {
        match self {
            Self::ImageNotes { of, length } => {
                let most = usize::try_from(of).unwrap_or(usize::MAX);
                Some(RemarkBounds { most, of, length, has_place: false })
            }
            Self::Regions { most, of, length } => Some(RemarkBounds { most, of, length, has_place: true }),
            _ => None,
        }
    }

    /// The value as it is kept, such as 20 for 20.0.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(self, field: &str, value: Value) -> Result<Value, Vec<FieldError>> {
        if let Some(bounds) = self.remark_bounds() {
            return remarks(field, value, bounds);
        }
        let checked = match self {
            Self::Text { most, blank } => text(&value, most, blank).map(Value::from),
            Self::Whole { least, most, multiple_of } => whole(&value, least, most, multiple_of).map(Value::from),
            Self::Number { least, most } => number(&value, least, most).map(Value::from),
            Self::Flag => match value {
                Value::Bool(_) => Ok(value),
                other => Err(format!("must be true or false, not {}", described(&other))),
            },
            Self::Choice(names) => named(&value, names).map(Value::from),
            Self::Scheduler => match &value {
                Value::String(text) => text.parse().map(|name: SchedulerName| Value::from(name.to_string())),
                other => return Err(vec![FieldError::new(field, format!("must be a text, not {}", described(other)))]),
            }
            .map_err(|error| error.to_string()),
            Self::Interval => pair(&value, |value| number(value, 0.0, 1.0)).and_then(|(start, end)| {
                if start < end {
                    return Ok(Value::from(vec![start, end]));
                }
                Err(format!("{start} to {end} is empty: give the start first, then an end above it"))
            }),
            Self::Size => whole_pair(&value, 1, MAX_TOLD),
            Self::Offset => whole_pair(&value, 0, MAX_TOLD),
            Self::Texts { most, length } => return texts(field, value, most, length),
            Self::Indexes { of } => indexes(&value, of).map(Value::from),
            Self::WeightedNames { most, length, bound } => return weighted_names(field, value, most, length, bound),
            Self::Table { most, length } => return table(field, value, most, length),
            Self::Area | Self::ImageNotes { .. } | Self::Regions { .. } => return area(field, value),
            Self::Image => text(&value, MAX_KEY, false).map(Value::from),
            Self::Images { most } => return texts(field, value, most, MAX_KEY),
            Self::Records { most, parts } => return records(field, value, most, parts),
        };
        checked.map_err(|message| vec![FieldError::new(field, message)])
    }

    /// The value that somebody typed.
    ///
    /// # Errors
    /// What is wrong with it, if it cannot be read at all; [`Kind::check`] says whether it is within its bounds.
    pub fn parse(self, typed: &str) -> Result<Value, String> {
        let pair = |separator: char, what: &str, number: fn(&str) -> Option<Value>| {
            let split = typed.split_once(separator);
            let pair = split.and_then(|(first, second)| Some((number(first.trim())?, number(second.trim())?)));
            pair.ok_or_else(|| format!("`{typed}` is not {what}"))
        };
        match self {
            Self::Text { .. } | Self::Image | Self::Choice(_) | Self::Scheduler => Ok(Value::from(typed)),
            Self::Whole { .. } => whole_number(typed).ok_or_else(|| format!("`{typed}` is not a whole number")),
            Self::Number { least, most } => match typed.parse::<f64>() {
                Ok(number) if !number.is_finite() => Err(format!("{number} is out of bounds: use {least} to {most}")),
                _ => json_number(typed).ok_or_else(|| format!("`{typed}` is not a number")),
            },
            Self::Flag => typed.parse::<bool>().map(Value::from).map_err(|_| format!("`{typed}` is not true or false")),
            Self::Interval => {
                pair(',', "START,END such as 0.1,0.8", json_number).map(|(start, end)| Value::from(vec![start, end]))
            }
            Self::Size => {
                pair('x', "WxH such as 1024x768", whole_number).map(|(width, height)| Value::from(vec![height, width]))
            }
            Self::Offset => {
                pair(',', "X,Y such as 0,128", whole_number).map(|(left, top)| Value::from(vec![top, left]))
            }
            Self::Texts { .. } | Self::Images { .. } => Ok(Value::from(vec![typed])),
            Self::Indexes { .. } => {
                let numbers: Option<Vec<Value>> = typed.split(',').map(|number| whole_number(number.trim())).collect();
                numbers.map(Value::from).ok_or_else(|| format!("`{typed}` is not a list of numbers such as 0,2"))
            }
            Self::WeightedNames { .. } => {
                let Ok(LoraReference { name, weight }) = typed.parse();
                if !weight.is_finite() {
                    return Err(format!("`{typed}` is not NAME or NAME:WEIGHT such as ink:0.8"));
                }
                Ok(json!([{"name": name, "weight": weight}]))
            }
            Self::Area => parse_area(typed),
            Self::ImageNotes { .. } => parse_remark(typed, false),
            Self::Regions { .. } => parse_remark(typed, true),
            Self::Table { .. } => {
                let (name, value) = typed.split_once('=').ok_or_else(|| format!("`{typed}` is not NAME=VALUE"))?;
                Ok(Value::Object(Map::from_iter([(name.to_owned(), Value::from(value))])))
            }
            // Control images are the only objects that are typed.
            Self::Records { .. } => {
                let control: ControlReference = typed.parse()?;
                Ok(json!([control]))
            }
        }
    }
}

fn whole_number(text: &str) -> Option<Value> {
    text.parse::<u64>().ok().map(Value::from)
}

/// NaN and infinities are no numbers in JSON.
fn json_number(text: &str) -> Option<Value> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
}

/// Objects, each part by its kind.
fn records(field: &str, value: Value, most: usize, parts: &[Part]) -> Result<Value, Vec<FieldError>> {
    let refused = |message: String| Err(vec![FieldError::new(field, message)]);
    let Value::Array(values) = value else {
        return refused(format!("must be a list of objects, not {}", described(&value)));
    };
    if values.len() > most {
        return refused(format!("has {} entries, the limit is {most}", values.len()));
    }
    let (mut kept, mut errors) = (Vec::new(), FieldErrors::default());
    for (index, value) in values.into_iter().enumerate() {
        match record(&format!("{field}[{index}]"), value, parts) {
            Ok(record) => kept.push(Value::Object(record)),
            Err(wrong) => errors.extend(wrong),
        }
    }
    errors.or(Value::Array(kept))
}

/// One object; `null` and absent are the same.
fn record(entry: &str, value: Value, parts: &[Part]) -> Result<Map<String, Value>, Vec<FieldError>> {
    let names = || parts.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
    let Value::Object(mut object) = value else {
        let message = format!("must be an object with {}, not {}", names(), described(&value));
        return Err(vec![FieldError::new(entry, message)]);
    };
    let (mut kept, mut errors) = (Map::new(), FieldErrors::default());
    for part in parts {
        let field = format!("{entry}.{}", part.name);
        match object.remove(part.name).filter(|value| !value.is_null()) {
            Some(value) => match part.kind.check(&field, value) {
                Ok(value) => drop(kept.insert(part.name.to_owned(), value)),
                Err(wrong) => errors.extend(wrong),
            },
            None if part.required => errors.push(FieldError::new(field, "is missing")),
            None => {}
        }
    }
    let unknown: Vec<_> = object.keys().map(|name| format!("{entry}.{name}")).collect();
    errors.unknown(unknown.iter().map(String::as_str), "field", || format!("there are {}", names()));
    errors.or(kept)
}
