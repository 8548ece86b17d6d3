//! Fields as JSON Schema, as OpenAPI 3.1 has it.

use serde_json::{Map, Value, json};

use crate::field::{Field, Presence};
use crate::kind::{Kind, MAX_KEY, MAX_TOLD, Part};
use crate::remarks::{area_schema, remarks_schema};
use crate::scheduler_name::SchedulerName;

/// The schema of an object with these fields and no others.
#[must_use]
pub fn schema(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| field.presence == Presence::Required).map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = of_kind(field.kind);
    if field.presence == Presence::Optional {
        schema["type"] = json!([schema["type"], "null"]);
        // Where words are listed, `null` has to be one of them.
        if let Some(names) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            names.push(Value::Null);
        }
    }
    schema["description"] = if field.default.is_empty() {
        json!(field.help)
    } else {
        json!(format!("{} Default: {}.", field.help, field.default))
    };
    schema
}

fn of_kind(kind: Kind) -> Value {
    let pair = |kind: &str, least: Value, most: Value| {
        let item = json!({"type": kind, "minimum": least, "maximum": most});
        json!({"type": "array", "items": item, "minItems": 2, "maxItems": 2})
    };
    if let Some(bounds) = kind.remark_bounds() {
        return remarks_schema(bounds);
    }
    match kind {
        Kind::Text { most, blank } => {
            let mut schema = json!({"type": "string", "maxLength": most});
            if !blank {
                schema["minLength"] = json!(1);
            }
            schema
        }
        Kind::Whole { least, most, multiple_of } => {
            let mut schema = json!({"type": "integer", "minimum": least});
            // Readers of JSON that keep numbers as f64 would misread a bound this high.
            if most < u64::MAX {
                schema["maximum"] = json!(most);
            }
            if multiple_of > 1 {
                schema["multipleOf"] = json!(multiple_of);
            }
            schema
        }
        Kind::Number { least, most } => json!({"type": "number", "minimum": least, "maximum": most}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Choice(names) => json!({"type": "string", "enum": names}),
        Kind::Scheduler => json!({
            "type": "string",
            "minLength": 1,
            "maxLength": SchedulerName::MOST_CHARACTERS,
            "examples": SchedulerName::examples(),
        }),
        Kind::Interval => pair("number", json!(0), json!(1)),
        Kind::Size => pair("integer", json!(1), json!(MAX_TOLD)),
        Kind::Offset => pair("integer", json!(0), json!(MAX_TOLD)),
        Kind::Texts { most, length } => {
            let item = json!({"type": "string", "minLength": 1, "maxLength": length});
            json!({"type": "array", "items": item, "maxItems": most})
        }
        Kind::Indexes { of } => {
            let item = json!({"type": "integer", "minimum": 0, "maximum": of - 1});
            json!({"type": "array", "items": item, "minItems": 1, "maxItems": of, "uniqueItems": true})
        }
        Kind::WeightedNames { most, length, bound } => {
            let item = json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": length},
                    "weight": {"type": "number", "minimum": -bound, "maximum": bound},
                },
                "required": ["name"],
                "additionalProperties": false,
            });
            json!({"type": "array", "items": item, "maxItems": most})
        }
        Kind::Area | Kind::ImageNotes { .. } | Kind::Regions { .. } => area_schema(),
        Kind::Image => json!({"type": "string", "minLength": 1, "maxLength": MAX_KEY}),
        Kind::Images { most } => json!({"type": "array", "items": of_kind(Kind::Image), "maxItems": most}),
        Kind::Records { most, parts } => json!({"type": "array", "items": of_parts(parts), "maxItems": most}),
        Kind::Table { most, length } => {
            let value = json!({"type": "string", "maxLength": length});
            json!({"type": "object", "additionalProperties": value, "maxProperties": most})
        }
    }
}

/// The objects of a list.
fn of_parts(parts: &[Part]) -> Value {
    let properties: Map<String, Value> = parts.iter().map(|part| (part.name.to_owned(), of_kind(part.kind))).collect();
    let required: Vec<_> = parts.iter().filter(|part| part.required).map(|part| part.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
