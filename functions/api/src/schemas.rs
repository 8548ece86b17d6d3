//! What OpenAPI says where a type alone does not: bodies and settings by their tables, problems, parameters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use easel_domain::collection::MAX_IMAGES;
use easel_domain::task::Move;
use easel_domain::{RELABELLING, Style, TaskRequest};
use easel_settings::{Field, Presence, SETTINGS, schema};
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Type};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use crate::conditional::{ExpectedVersion, Known};
use crate::fields::{
    BULK, CLAIMS, COMMENT, MAX_COLLECTION_NAME, PRIORITY, QUEUE, SAME, TOKEN, UPLOAD, VIEW, of_move, style_fields,
};
use crate::idempotency::{MAX_KEY, SentKey};

/// Schemas that are written by hand or follow from a table of fields.
macro_rules! schemas {
    ($( $type:ident $name:literal = $schema:expr; )+) => {
        $(
            pub(crate) struct $type;

            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    from_json($schema)
                }
            }

            impl ToSchema for $type {
                fn name() -> Cow<'static, str> {
                    $name.into()
                }
            }
        )+

        #[cfg(test)]
        fn all() -> Vec<(Value, RefOr<Schema>)> {
            vec![$( ($schema, $type::schema()), )+]
        }
    };
}

schemas! {
    TaskRequestBody "TaskRequest" = described(schema(&TaskRequest::fields()), "A request for images. Only the prompt is needed.");
    UploadBody "UploadRequest" = described(schema(UPLOAD), "A request for a URL to upload an image to.");
    NewTokenBody "TokenRequest" = described(schema(TOKEN), "A request for a token.");
    EmptyBody "EmptyRequest" = described(schema(&[]), "Nothing more is said with this move.");
    ApproveBody "ApproveRequest" = described(schema(of_move(Move::Approve)), "What is said with an approval.");
    RejectBody "RejectRequest" = described(schema(of_move(Move::Reject)), "What is said with a rejection.");
    ReopenBody "ReopenRequest" = described(schema(of_move(Move::Reopen)), "What is said when a move is taken back.");
    CancelBody "CancelRequest" = described(schema(of_move(Move::Cancel)), "What is said with a cancellation.");
    UnpublishBody "UnpublishRequest" = described(schema(of_move(Move::Unpublish)), "What is said when public images are taken away.");
    RetryBody "RetryRequest" = described(
        schema(&SETTINGS.iter().chain([&SAME]).map(|field| Field { presence: Presence::Optional, ..*field }).collect::<Vec<_>>()),
        "The settings that the new attempt changes. What is left out stays, without a seed a new one is drawn, and null is \
         the model's own default again."
    );
    BulkBody "BulkRequest" = bulk();
    CommentBody "CommentRequest" = described(schema(COMMENT), "A comment on a task or on one of its images.");
    ClaimsBody "ClaimsRequest" = claims();
    RelabelBody "RelabelRequest" = described(schema(RELABELLING), "Other labels. What is left out stays; no title and no tags at all is an error.");
    ViewBody "ViewRequest" = described(schema(VIEW), "Filters and an order to keep.");
    StyleBody "StyleRequest" = style();
    QueueBody "QueueRequest" = described(schema(QUEUE), "Whether tasks are drawn.");
    PriorityBody "PriorityRequest" = described(schema(PRIORITY), "Whether a task is drawn before others.");
    NewCollectionBody "CollectionRequest" = collection(&["name"], "A new collection.");
    CollectionChangeBody "CollectionChange" = collection(&[], "What changes in a collection. What is left out stays.");
    SettingsSchema "Settings" = settings();
    ProblemSchema "Problem" = problem();
    FieldErrorSchema "FieldError" = field_error();
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

/// The schema of what may also be left out by saying null.
fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn bulk() -> Value {
    let mut schema = described(schema(BULK), "A move for many tasks.");
    schema["properties"]["ids"]["minItems"] = json!(1);
    schema["properties"]["ids"]["uniqueItems"] = json!(true);
    // Further fields depend on the move.
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("additionalProperties");
    }
    schema
}

fn claims() -> Value {
    let mut schema = described(schema(CLAIMS), "Tasks to claim for review.");
    schema["properties"]["ids"]["minItems"] = json!(1);
    schema["properties"]["ids"]["uniqueItems"] = json!(true);
    schema
}

/// A style: its words, and settings by their names.
fn style() -> Value {
    let mut schema_of_style = described(schema(&style_fields()), "Words and settings to keep under a name.");
    schema_of_style["properties"]["settings"] =
        or_null(described(schema(&Style::settings()), "Settings that go with the words."));
    schema_of_style
}

/// What is said of a collection.
fn collection(required: &[&str], description: &str) -> Value {
    let reference = json!({"$ref": "#/components/schemas/ImageReference"});
    let images = |most: usize, description: &str| json!({"type": ["array", "null"], "items": reference, "maxItems": most, "description": description});
    let mut properties = json!({
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_COLLECTION_NAME, "description": "Its name."},
        "shared": {"type": ["boolean", "null"], "description": "Whether everybody sees it, as far as they see its images' tasks."},
        "add": images(MAX_IMAGES, "Images to put at the end."),
    });
    if required.is_empty() {
        properties["name"] = or_null(properties["name"].take());
        properties["remove"] = images(MAX_IMAGES, "Images to take out.");
        properties["place"] = json!({
            "type": ["object", "null"],
            "description": "An image to move to the place before another, or to the end.",
            "properties": {"image": reference, "before": {"anyOf": [reference, {"type": "null"}]}},
            "required": ["image"],
            "additionalProperties": false,
        });
    }
    let mut schema = json!({
        "type": "object", "description": description, "properties": properties, "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The settings of an attempt: those that were given, and those that every attempt has.
fn settings() -> Value {
    let given = SETTINGS.iter().map(|field| Field { presence: Presence::Required, default: "", ..*field });
    let mut schema = described(
        schema(&given.collect::<Vec<_>>()),
        "The settings of an attempt. What is absent is the model's own default.",
    );
    schema["required"] = json!(["prompt", "seed", "count"]);
    schema
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was not answered as asked (RFC 9457).",
        "properties": {
            "type": text("What kind of problem it is, for programs."),
            "title": text("What kind of problem it is, for people."),
            "status": {"type": "integer", "format": "int32", "minimum": 0, "description": "The status of the answer."},
            "detail": text("What is wrong this time and what to do next."),
            "errors": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/FieldError"},
                "description": "Everything that is wrong with the request.",
            },
            "task_status": {
                "$ref": "#/components/schemas/Status",
                "description": "The task's state, when that is the problem.",
            },
            "legal_moves": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Move"},
                "description": "What can be done with the task in its state.",
            },
        },
        "required": ["type", "title", "status", "detail"],
    })
}

fn field_error() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong with one field of a request.",
        "properties": {
            "field": text("Its name, or a path such as `tags[3]`."),
            "message": text("What is wrong with it and what would be right."),
        },
        "required": ["field", "message"],
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn from_json(schema: Value) -> RefOr<Schema> {
    serde_json::from_value(schema).unwrap_or_else(|_| ObjectBuilder::new().into())
}

/// Answers with problem documents.
macro_rules! problems {
    ($( $(#[doc = $doc:tt])+ $name:ident: $( $status:literal $description:literal ),+; )+) => { $(
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$( ($status.to_owned(), RefOr::T(refusal($description))) ),+])
            }
        }
    )+ };
}

problems! {
    /// What can be wrong with any request.
    AnyProblem: "400" "The body, a parameter or a header cannot be read", "405" "The address does not take this method",
        "413" "The body is too long", "503" "A service behind this one is unavailable: try again";
    /// What can be wrong where a token is needed.
    TokenProblem: "401" "There is no valid token", "403" "The role does not allow this";
    /// What can be wrong with an id.
    TaskProblem: "404" "There is no such task";
    /// What can be wrong with a name or an id of something that is kept.
    NamedProblem: "404" "There is nothing under this name";
    /// What can be wrong with a body that can be read.
    BodyProblem: "422" "Fields are wrong";
    /// What can be too much.
    ManyProblem: "429" "The caller has had as much as anybody may have for now";
    /// What can stand in the way of a change.
    ConflictProblem: "409" "The task cannot be changed like this";
    /// What can be wrong with `If-Match`.
    StaleProblem: "412" "The task has changed";
}

fn refusal(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemSchema::name()))).build();
    ResponseBuilder::new().description(description).content(easel_problem::PROBLEM_JSON, content).build()
}

/// The answer to a caller who has everything already.
pub(crate) struct Unchanged;

impl IntoResponses for Unchanged {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let tag = HeaderBuilder::new().schema(Some(text)).build();
        let unchanged =
            ResponseBuilder::new().description("`If-None-Match` names this state").header("ETag", tag).build();
        BTreeMap::from([("304".to_owned(), RefOr::T(unchanged))])
    }
}

/// A part of the path.
pub(crate) fn path_parameter(name: &str, description: &str, schema: Value) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(description)).schema(Some(from_json(schema))).build()
}

/// An optional parameter.
pub(crate) fn parameter(place: ParameterIn, name: &str, description: &str, schema: Value) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
    parameter.description(Some(description)).schema(Some(from_json(schema))).build()
}

impl IntoParams for Known {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "`ETag`s of answers that the caller has: if the newest is among them, the answer is 304. \
                           Without it, URLs of images are fresh";
        vec![parameter(ParameterIn::Header, "If-None-Match", description, json!({"type": "string"}))]
    }
}

impl IntoParams for ExpectedVersion {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = json!({"type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$"});
        vec![parameter(ParameterIn::Header, "If-Match", "The `ETag` of the task as it was seen", schema)]
    }
}

impl IntoParams for SentKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"});
        vec![parameter(
            ParameterIn::Header,
            "Idempotency-Key",
            "A request with the same key and body is done once, and answered as the first time for 24 hours",
            schema,
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_on_the_way_into_the_description() {
        for (written, described) in all() {
            assert_eq!(serde_json::to_value(described).expect("JSON"), as_written(written));
        }
    }

    /// A schema with whole numbers in the place of floating-point numbers that are whole, which JSON does not tell apart, and
    /// without lists of properties that are empty.
    fn as_written(value: Value) -> Value {
        match value {
            Value::Number(number) => match number.as_f64() {
                Some(float) if float.fract() == 0.0 && number.is_f64() => json!(float as i64),
                _ => Value::Number(number),
            },
            Value::Array(values) => values.into_iter().map(as_written).collect(),
            Value::Object(mut values) => {
                values.retain(|name, value| name != "properties" || *value != json!({}));
                values.into_iter().map(|(name, value)| (name, as_written(value))).collect()
            }
            other => other,
        }
    }
}
