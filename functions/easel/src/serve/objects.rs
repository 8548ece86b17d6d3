//! Images and uploads on the service's own origin: what URLs that were signed for a while lead to, and what everybody may
//! see.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use easel_embedded::s3::{Gateway, ObjectBody};
use easel_problem::Problem;
use easel_storage::gallery::{Gallery, OBJECTS, keys};

/// What stands before the rest of a public copy's key in the path of its address.
pub(super) const PUBLIC: &str = "/public/";
/// A signed URL is good for about an hour and its object never changes.
const WHILE_SIGNED: HeaderValue = HeaderValue::from_static("private, max-age=3600, immutable");
/// Public images can be taken back: whoever keeps one asks whether it is still there.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("public, no-cache");
const NOTHING: HeaderValue = HeaderValue::from_static("no-store");
/// People bring files: none of them ever runs as a page of the service. The styles are those of browsers that show an image.
const NO_PAGE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// What browsers see of S3's own headers.
const SHOWN: [&str; 6] = ["accept-ranges", "content-length", "content-range", "content-type", "etag", "last-modified"];

#[derive(Clone)]
struct Objects {
    gateway: Gateway,
    gallery: Gallery,
}

/// Whether everybody sees published images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    Public,
    Nowhere,
}

/// The routes to objects, and to published images where they are public.
pub(super) fn router(gateway: Gateway, gallery: Gallery, published: Published) -> Router {
    let signed = get(read).put(write).fallback(async |method: Method| wrong_method("GET, HEAD, PUT", &method));
    let mut router = Router::new().route(&format!("{OBJECTS}{{*key}}"), signed);
    if published == Published::Public {
        let public = get(show).fallback(async |method: Method| wrong_method("GET, HEAD", &method));
        router = router.route(&format!("{PUBLIC}{{*name}}"), public);
    }
    router.with_state(Objects { gateway, gallery })
}

async fn read(State(objects): State<Objects>, request: Request) -> Response {
    let (asked, headers) = (below(&request, OBJECTS), request.headers());
    // A client that asks for the headers alone has a URL that is signed for all of it.
    let mut response = objects.gateway.respond(Method::GET, &asked, headers, ObjectBody::empty()).await;
    if response.status() == StatusCode::BAD_REQUEST {
        // Nothing but the address can be wrong with a read.
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    shown(response, headers, &WHILE_SIGNED, "same-origin")
}

async fn write(State(objects): State<Objects>, request: Request) -> Response {
    let asked = below(&request, OBJECTS);
    let (parts, body) = request.into_parts();
    let body = ObjectBody::http_body_unsync(body);
    let response = objects.gateway.respond(Method::PUT, &asked, &parts.headers, body).await;
    shown(response, &HeaderMap::new(), &NOTHING, "same-origin")
}

async fn show(State(objects): State<Objects>, request: Request) -> Response {
    let headers = request.headers();
    let key = format!("{}{}", keys::PUBLISHED, request.uri().path().strip_prefix(PUBLIC).unwrap_or_default());
    if keys::of_published(&key).is_none() {
        return not_public();
    }
    let signed = match objects.gallery.reading_path(&key).await {
        Ok(signed) => signed,
        Err(error) => {
            tracing::error!(%error, "a published image could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let response = objects.gateway.respond(Method::GET, &signed, headers, ObjectBody::empty()).await;
    match response.status() {
        StatusCode::NOT_FOUND => not_public(),
        _ => shown(response, headers, &ASK_AGAIN, "cross-origin"),
    }
}

/// A request's path and query behind a prefix, as they were sent: that is what is signed.
fn below(request: &Request, prefix: &str) -> String {
    let asked = request.uri().path_and_query().map_or("", axum::http::uri::PathAndQuery::as_str);
    asked.strip_prefix(prefix).unwrap_or_default().to_owned()
}

/// S3's response for the client of the service.
fn shown(response: Response<ObjectBody>, request: &HeaderMap, cached: &HeaderValue, readers: &'static str) -> Response {
    let (parts, body) = response.into_parts();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        return refused(parts.status);
    }
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = parts.status;
    for name in SHOWN {
        if let Some(value) = parts.headers.get(name) {
            response.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    if parts.headers.get(ETAG).is_some_and(|tag| is_known(request, tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, cached.clone());
    headers.insert(CONTENT_SECURITY_POLICY, NO_PAGE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static(readers));
    response
}

/// Whether the client has what this entity tag names.
fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    known.any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}

fn refused(status: StatusCode) -> Response {
    let (name, title, detail) = match status {
        StatusCode::NOT_FOUND => return Problem::not_found("the file is not there any more").into_response(),
        StatusCode::FORBIDDEN => {
            let detail = "the address was changed, was made for another request, or is older than an hour: read the task, or \
                          ask for the upload, again";
            ("wrong-address", "The address is not good for this", detail)
        }
        StatusCode::PRECONDITION_FAILED => {
            ("uploaded-before", "Uploaded already", "an address takes one file, once: ask for another upload")
        }
        StatusCode::RANGE_NOT_SATISFIABLE => ("no-such-range", "No such range", "the file is shorter than that"),
        StatusCode::INSUFFICIENT_STORAGE => {
            ("storage-full", "No room left", "the service keeps as much as it may: delete tasks, or ask who runs it")
        }
        _ if status.is_server_error() => ("unavailable", "Service unavailable", "try again in a few seconds"),
        _ => {
            ("wrong-upload", "The file was not taken", "send it whole, with exactly the headers that the upload names")
        }
    };
    Problem::new(status, name, title, detail).into_response()
}

fn not_public() -> Response {
    let mut response = Problem::not_found("nothing is public here, or not any more").into_response();
    response.headers_mut().insert(CACHE_CONTROL, NOTHING);
    response
}

fn wrong_method(allowed: &'static str, method: &Method) -> Response {
    let problem = Problem::method_not_allowed(format!("this takes {allowed}, not {method}"));
    ([(ALLOW, allowed)], problem).into_response()
}
