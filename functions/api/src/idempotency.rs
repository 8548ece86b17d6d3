//! Idempotency keys: a request that is sent again because its answer was lost is answered as before, and done once.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_settings::FieldError;
use easel_storage::store::{Begun, KeptAnswer, RequestKey};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use crate::body::{hash, receive};
use crate::error::{ApiError, Result};
use crate::services::Services;

/// Most characters of an idempotency key.
pub(crate) const MAX_KEY: usize = 255;
/// The path whose keys are rows of their own, written in one transaction with the task that is made.
const CREATE: &str = "/v1/tasks";
/// The path whose answers let somebody in, so that they are kept nowhere.
const TOKENS: &str = "/v1/tokens";
/// Marks an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What an answer is known by, beside its status and body.
const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];
/// Most bytes of an answer that is kept: a row has room for it.
const MAX_KEPT: usize = 350_000;
/// Most bytes of an answer that is packed to be kept.
const MAX_ANSWER: usize = 4 << 20;

/// The `Idempotency-Key` header, if there is one.
pub(crate) struct SentKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for SentKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        sent_key(&parts.headers).map(Self)
    }
}

fn sent_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let is_right = (1..=MAX_KEY).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
    match key.to_str() {
        Ok(key) if is_right => Ok(Some(key.to_owned())),
        _ => {
            let message = format!("must be 1 to {MAX_KEY} visible ASCII characters");
            Err(ApiError::InvalidParameters(vec![FieldError::new("Idempotency-Key", message)]))
        }
    }
}

/// Answers a `POST` with an idempotency key once, and again with the same answer.
pub(crate) async fn answer_once(State(services): State<Services>, request: Request, next: Next) -> Response {
    let is_keyed = request.method() == Method::POST && ![CREATE, TOKENS].contains(&request.uri().path());
    if !is_keyed || !request.headers().contains_key("idempotency-key") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // Who is nobody is told so by the route itself.
    let Ok(caller) = services.identification.identify(&parts).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    match keyed(&services, caller.name, parts, body, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn keyed(services: &Services, caller: String, parts: Parts, body: Body, next: Next) -> Result<Response> {
    let Some(key) = sent_key(&parts.headers)? else { return Ok(next.run(Request::from_parts(parts, body)).await) };
    let bytes = receive(body).await?;
    let condition = parts.headers.get(IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
    let content = format!("{} {}", hash(&bytes), hex::encode(Sha256::digest(condition)));
    let route = format!("{} {}", parts.method, parts.uri);
    let key = RequestKey { caller, route, key, content };
    let store = &services.workflow.store;
    let began = match store.begin(&key).await? {
        Begun::First(began) => began,
        Begun::Answered(answer) => return replay(&answer),
        Begun::Running => return Err(ApiError::StillAnswering),
        Begun::KeyReused => return Err(easel_domain::Error::KeyReused.into()),
    };
    let response = next.run(Request::from_parts(parts, bytes.into())).await;
    let (response, answer) = keep(response).await?;
    if let Err(error) = store.conclude(&key, began, answer).await {
        // What was asked for is done, and its answer is what the caller should have.
        tracing::warn!(%error, "an answer could not be kept for its idempotency key");
    }
    Ok(response)
}

/// The answer, and what is kept of it: nothing of one that another try may change.
async fn keep(response: Response) -> Result<(Response, Option<KeptAnswer>)> {
    let status = response.status();
    let may_change = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    if status.is_server_error() || may_change {
        return Ok((response, None));
    }
    let (parts, body) = response.into_parts();
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(format!("keeping an answer: {error}"));
    let bytes = to_bytes(body, usize::MAX).await.map_err(|error| internal(&error))?;
    let body = if bytes.len() <= MAX_ANSWER { pack(&bytes).map_err(|error| internal(&error))? } else { String::new() };
    let headers = KEPT_HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let answer = KeptAnswer { status: status.as_u16(), headers: headers.collect::<BTreeMap<_, _>>(), body };
    let answer = (!answer.body.is_empty() && answer.body.len() <= MAX_KEPT).then_some(answer);
    Ok((Response::from_parts(parts, Body::from(bytes)), answer))
}

/// An answer as it was given before.
fn replay(answer: &KeptAnswer) -> Result<Response> {
    let internal = |error: &dyn std::fmt::Display| ApiError::Internal(format!("an answer that was kept: {error}"));
    let body = unpack(&answer.body).map_err(|error| internal(&error))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|error| internal(&error))?;
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| internal(&error))?;
        response.headers_mut().insert(name, HeaderValue::from_str(value).map_err(|error| internal(&error))?);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// URLs of images say much the same again and again, so bodies are kept compressed.
fn pack(bytes: &[u8]) -> std::io::Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(BASE64_STANDARD.encode(encoder.finish()?))
}

fn unpack(text: &str) -> std::io::Result<Vec<u8>> {
    let packed = BASE64_STANDARD.decode(text).map_err(std::io::Error::other)?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was() {
        let body = "{\"url\": \"http://127.0.0.1/ä\"}".repeat(1_000);
        let response = (StatusCode::CREATED, [(LOCATION, "/v1/tasks/1"), (ETAG, "\"1\"")], body.clone());
        let (response, kept) = keep(response.into_response()).await.expect("kept");
        let kept = kept.expect("it is worth keeping");
        assert!(kept.body.len() < 2_000, "{}", kept.body.len());
        assert_eq!(to_bytes(response.into_body(), usize::MAX).await.expect("a body"), body);
        let again = replay(&kept).expect("an answer");
        assert_eq!(
            (again.status(), &again.headers()[REPLAYED]),
            (StatusCode::CREATED, &"true".parse().expect("a value"))
        );
        assert_eq!(again.headers()[LOCATION], "/v1/tasks/1");
        assert_eq!(to_bytes(again.into_body(), usize::MAX).await.expect("a body"), body);
    }

    #[tokio::test]
    async fn what_may_change_is_not_kept() {
        for (status, is_kept) in [(200, true), (202, true), (404, true), (409, true), (412, true), (422, true)]
            .into_iter()
            .chain([(401, false), (403, false), (429, false), (500, false), (503, false)])
        {
            let status = StatusCode::from_u16(status).expect("a status");
            let (_, kept) = keep((status, "{}").into_response()).await.expect("an answer");
            assert_eq!(kept.is_some(), is_kept, "{status}");
        }
    }
}
