//! The description of the API (OpenAPI 3.1), from the handlers.

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::error::{ApiError, Result};
use crate::routers::routes;
use crate::schemas::{FieldErrorSchema, ProblemSchema};

/// What the `ETag` of an answer is.
const TAG: &str = "Names this state, for `If-None-Match`; that of a task is its version, for `If-Match` too";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Easel",
        description = "Text to image with human approval. Ask for images, watch them being drawn, approve, publish.\n\n\
                       Every image carries its prompt, its seed and its other settings in the file's metadata, and so do its \
                       published copies: who publishes an image publishes its prompt.\n\n\
                       A request that may have been lost can be sent again: with the same `Idempotency-Key` it is done once. \
                       The answer that was given before comes with `idempotent-replayed: true`. Every answer has an \
                       `x-request-id`, which is in the log and in the history."
    ),
    components(schemas(ProblemSchema, FieldErrorSchema))
)]
struct Easel;

/// The whole description. A function answers with what it was when it was checked in, as `openapi.json`.
///
/// # Errors
/// Returns [`ApiError::Internal`] if it cannot be written as JSON.
pub fn document() -> Result<Value> {
    let mut api = OpenApiRouter::with_openapi(Easel::openapi()).merge(routes()).into_openapi();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    api.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    let broken = |error: serde_json::Error| ApiError::Internal(format!("describing the API: {error}"));
    let mut document = serde_json::to_value(api).map_err(broken)?;
    let schemas = document["components"]["schemas"].clone();
    let links = links(&document["paths"]);
    let (key, running) = keyed(&document["paths"]["/v1/tasks"]["post"]);
    for (method, operation) in operations(&mut document["paths"]) {
        complete(operation, &schemas);
        if method == "post" && operation["operationId"] != "createToken" {
            take_key(operation, &key, &running);
        }
        if operation["operationId"] == "createTask" {
            operation["responses"]["201"]["links"] = links.clone();
        }
    }
    Ok(document)
}

/// Every operation of every path, with its method.
fn operations(paths: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.flat_map(|path| path.as_object_mut().into_iter().flatten())
}

/// The idempotency key among an operation's parameters, and what is answered to one that is in use.
fn keyed(create: &Value) -> (Value, Value) {
    let parameters = create["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let key = parameters.iter().find(|parameter| parameter["name"] == "Idempotency-Key");
    (key.cloned().unwrap_or_default(), create["responses"]["409"].clone())
}

/// Says that the operation takes an idempotency key, as every `POST` does.
fn take_key(operation: &mut Value, key: &Value, running: &Value) {
    let parameters = operation.as_object_mut().map(|operation| operation.entry("parameters").or_insert(json!([])));
    if let Some(parameters) = parameters.and_then(Value::as_array_mut)
        && !parameters.contains(key)
    {
        parameters.push(key.clone());
    }
    if operation["responses"]["409"].is_null() {
        operation["responses"]["409"] = running.clone();
    }
}

/// Says what the attributes of handlers cannot: which bodies may be left out, and what the `ETag` of an answer is.
fn complete(operation: &mut Value, schemas: &Value) {
    if let Some(body) = operation.get_mut("requestBody") {
        let reference = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
        let name = reference.rsplit('/').next().unwrap_or_default();
        body["required"] = json!(schemas[name]["required"].is_array());
    }
    let responses = operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for tag in responses.filter_map(|response| response.get_mut("headers")?.get_mut("ETag")) {
        tag["description"] = json!(TAG);
        tag["required"] = json!(true);
    }
}

/// What can be called with the id of a task that was made.
fn links(paths: &Value) -> Value {
    let with_id = paths.as_object().into_iter().flatten().filter(|(path, _)| path.contains("{id}"));
    let operations = with_id.flat_map(|(_, path)| path.as_object().into_iter().flat_map(Map::values));
    let links = operations.filter_map(|operation| {
        let name = operation["operationId"].as_str()?;
        Some((name.to_owned(), json!({"operationId": name, "parameters": {"id": "$response.body#/id"}})))
    });
    Value::Object(links.collect())
}
