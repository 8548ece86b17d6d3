//! The description of the API (OpenAPI 3.1), made from the routes and the types of the bodies.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::problem::Problem;
use super::routes::{Operation, ROUTES, Route};
use super::task_view::TaskView;
use super::views::{BulkAnswer, HealthView, HistoryView, MetricsView, TaskPage};
use crate::error::{Error, Result};
use crate::gallery::PresignedUpload;
use crate::order::Order;
use crate::store::Filter;
use crate::task::{Move, Status};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Easel",
        description = "Text to image with human approval. Ask for pictures, watch them being drawn, approve, publish."
    ),
    components(schemas(
        Order,
        TaskView,
        TaskPage,
        HistoryView,
        BulkAnswer,
        HealthView,
        MetricsView,
        PresignedUpload,
        Problem
    ))
)]
struct Schemas;

/// The whole description.
///
/// # Errors
/// [`Error::Internal`] if it cannot be written as JSON.
pub fn document() -> Result<Value> {
    let broken = |error: serde_json::Error| Error::Internal(format!("describing the API: {error}"));
    let mut document = serde_json::to_value(Schemas::openapi()).map_err(broken)?;
    let mut paths = Map::new();
    for route in &ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    document["paths"] = Value::Object(paths);
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    });
    document["components"]["schemas"]["Order"]["properties"]["scheduler"]["enum"] =
        json!(crate::task::settings::SCHEDULERS);
    document["components"]["schemas"]["Order"]["properties"]["guidance_interval"]["items"] =
        json!({"type": "number", "minimum": 0, "maximum": 1});
    Ok(document)
}

fn operation(route: &Route) -> Value {
    let mut answers = Map::new();
    let (status, schema) = success(route.operation);
    let mut good = answer(route.summary, schema, "application/json");
    if route.operation == Operation::CreateTask {
        good["links"] = links();
    }
    if is_conditional(route.operation) {
        good["headers"] = tag();
        answers.insert("304".to_owned(), unchanged(route.operation));
    }
    answers.insert(status.to_string(), good);
    for status in refusals(route) {
        answers.insert(status.to_string(), answer("Why not", Some("Problem"), "application/problem+json"));
    }
    let mut operation = json!({
        "operationId": name(route.operation),
        "summary": route.summary,
        "tags": [route.function.as_str()],
        "responses": answers,
        "security": if route.role.is_some() { json!([{"token": []}]) } else { json!([]) },
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some((schema, required)) = body(route.operation) {
        operation["requestBody"] = json!({"required": required, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

/// What can be called with the id of the task that was made.
fn links() -> Value {
    let with_id = ROUTES.iter().filter(|route| route.path.contains("{id}"));
    let links = with_id.map(|route| {
        let name = name(route.operation);
        (name.clone(), json!({"operationId": name, "parameters": {"id": "$response.body#/id"}}))
    });
    Value::Object(links.collect())
}

fn name(operation: Operation) -> String {
    match operation {
        Operation::CreateTask => "createTask".to_owned(),
        Operation::CreateUpload => "createUpload".to_owned(),
        Operation::ListTasks => "listTasks".to_owned(),
        Operation::GetTask => "getTask".to_owned(),
        Operation::GetHistory => "getHistory".to_owned(),
        Operation::Move(step) => format!("{step}Task"),
        Operation::MoveMany => "moveTasks".to_owned(),
        Operation::Identity => "identity".to_owned(),
        Operation::Health => "health".to_owned(),
        Operation::Metrics => "metrics".to_owned(),
        Operation::OpenApi => "openapi".to_owned(),
    }
}

/// The status of a good answer and the schema of its body.
fn success(operation: Operation) -> (u16, Option<&'static str>) {
    match operation {
        Operation::CreateTask => (201, Some("TaskView")),
        Operation::CreateUpload => (201, Some("PresignedUpload")),
        Operation::ListTasks => (200, Some("TaskPage")),
        Operation::GetTask => (200, Some("TaskView")),
        Operation::GetHistory => (200, Some("HistoryView")),
        Operation::Move(Move::Delete) => (202, Some("TaskView")),
        Operation::Move(_) => (200, Some("TaskView")),
        Operation::MoveMany => (200, Some("BulkAnswer")),
        Operation::Identity => (200, Some("Identity")),
        Operation::Health => (200, Some("HealthView")),
        Operation::Metrics => (200, Some("MetricsView")),
        Operation::OpenApi => (200, None),
    }
}

/// Whether the answer has an `ETag` that `If-None-Match` takes.
fn is_conditional(operation: Operation) -> bool {
    use Operation::{GetHistory, GetTask, Health, ListTasks, Metrics};
    matches!(operation, ListTasks | GetTask | GetHistory | Metrics | Health)
}

/// The header of answers that can be asked for again only if they have changed.
fn tag() -> Value {
    let description = "Names this state, for `If-None-Match`; that of a task is its version, for `If-Match` too";
    json!({"ETag": {"description": description, "required": true, "schema": {"type": "string"}}})
}

/// The answer to a caller who has everything already.
fn unchanged(operation: Operation) -> Value {
    let description = match operation {
        Operation::GetTask => "`If-None-Match` names its version, and it is not being drawn",
        _ => "`If-None-Match` names this state",
    };
    json!({"description": description, "headers": tag()})
}

/// The statuses of the ways in which the call can be refused.
fn refusals(route: &Route) -> Vec<u16> {
    let mut statuses = vec![400, 405, 413, 503];
    if route.role.is_some() {
        statuses.extend([401, 403]);
    }
    if route.path.contains("{id}") {
        statuses.push(404);
    }
    match route.operation {
        Operation::CreateTask | Operation::CreateUpload | Operation::MoveMany => statuses.push(422),
        Operation::Move(_) => statuses.extend([409, 412, 422]),
        _ => {}
    }
    if route.operation == Operation::CreateTask {
        statuses.push(409);
    }
    statuses.sort_unstable();
    statuses
}

fn answer(description: &str, schema: Option<&str>, content_type: &str) -> Value {
    let schema = schema.map_or_else(|| json!({"type": "object"}), reference);
    json!({"description": description, "content": {content_type: {"schema": schema}}})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        let schema = json!({"type": "string", "format": "uuid"});
        parameters.push(json!({"name": "id", "in": "path", "required": true, "schema": schema}));
    }
    let mut optional = |place: &str, name: &str, description: &str, schema: Value| {
        let schema =
            json!({"name": name, "in": place, "required": false, "description": description, "schema": schema});
        parameters.push(schema);
    };
    match route.operation {
        Operation::CreateTask => {
            let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
            optional("header", "Idempotency-Key", "The same key and body make one task", schema);
        }
        Operation::Move(_) => {
            let schema = json!({"type": "string", "pattern": "^(\\*|\"[0-9]{1,18}\")$"});
            optional("header", "If-Match", "The `ETag` of the task as it was seen", schema);
        }
        Operation::ListTasks => {
            let statuses: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
            optional("query", "status", "Only tasks that stand here", json!({"type": "string", "enum": statuses}));
            let text = json!({"type": "string", "minLength": 1});
            optional("query", "owner", "Only this person's tasks", text.clone());
            optional("query", "tag", "Only tasks with this tag", text);
            let text = json!({"type": "string", "minLength": 1, "maxLength": Filter::MAX_TEXT});
            optional("query", "text", "Only tasks with this in the prompt or the title, in whatever case", text);
            let order = json!({"type": "string", "enum": ["newest", "oldest"], "default": "newest"});
            optional("query", "order", "Which tasks come first", order);
            let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20});
            optional("query", "limit", "Most tasks of the page", limit);
            let cursor = json!({"type": "string", "format": "uuid"});
            optional("query", "cursor", "The `next_cursor` of the page before, with the same parameters", cursor);
        }
        _ => {}
    }
    if is_conditional(route.operation) {
        let description = "`ETag`s of answers that the caller has: if the newest is among them, the answer is 304. \
                           Without it, URLs of pictures are fresh";
        optional("header", "If-None-Match", description, json!({"type": "string"}));
    }
    parameters
}

/// The schema of the body, and whether there has to be one.
fn body(operation: Operation) -> Option<(Value, bool)> {
    let text = |name: &str| {
        let text = json!({"type": ["string", "null"], "maxLength": 2000});
        json!({"type": "object", "properties": {name: text}, "additionalProperties": false})
    };
    Some(match operation {
        Operation::CreateTask => (reference("Order"), true),
        Operation::CreateUpload => {
            let types: Vec<_> = crate::gallery::UPLOAD_TYPES.iter().map(|(name, _)| *name).collect();
            let properties = json!({
                "content_type": {"type": "string", "enum": types},
                "content_length": {"type": "integer", "minimum": 1, "maximum": 20 * 1024 * 1024},
            });
            let required = ["content_type", "content_length"];
            let object = json!({"type": "object", "properties": properties, "required": required});
            (closed(object), true)
        }
        Operation::Move(Move::Approve) => (text("note"), false),
        Operation::Move(Move::Cancel) => (text("reason"), false),
        Operation::Move(Move::Reject) => {
            let reason = json!({"type": "string", "minLength": 1, "maxLength": 2000});
            (closed(json!({"type": "object", "properties": {"reason": reason}, "required": ["reason"]})), true)
        }
        Operation::Move(Move::Retry) => {
            let properties = RETRY_FIELDS.iter().map(|name| {
                let schema = reference(&format!("Order/properties/{name}"));
                ((*name).to_owned(), schema)
            });
            let properties: Map<String, Value> = properties.collect();
            (closed(json!({"type": "object", "properties": properties})), false)
        }
        Operation::Move(_) => (closed(json!({"type": "object", "properties": {}})), false),
        Operation::MoveMany => {
            let steps: Vec<_> = Move::BY_PEOPLE.iter().map(|step| step.as_str()).collect();
            let ids = json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100, "uniqueItems": true});
            // What else there may be, the move says.
            let properties = json!({"ids": ids, "move": {"type": "string", "enum": steps}});
            (json!({"type": "object", "properties": properties, "required": ["ids", "move"]}), true)
        }
        _ => return None,
    })
}

/// What a new attempt can change.
const RETRY_FIELDS: [&str; 14] = [
    "prompt",
    "negative_prompt",
    "width",
    "height",
    "steps",
    "guidance_scale",
    "guidance_interval",
    "scheduler",
    "seed",
    "count",
    "use_refiner",
    "high_noise_frac",
    "init_image",
    "strength",
];

fn closed(mut object: Value) -> Value {
    object["additionalProperties"] = json!(false);
    object
}
