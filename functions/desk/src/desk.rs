//! The desk as browsers see it.

use std::collections::HashMap;

use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use lambda_http::http::{HeaderMap, Method, StatusCode};
use lambda_http::{Body, Response};
use sha2::{Digest, Sha256};

use crate::bundle::bundle;
use crate::configuration::Configuration;
use crate::content::{ASK_AGAIN, Content, KEEP, hexadecimal};
use crate::files::{ENTRY, FILES, INDEX};
use crate::options::{DeskOptions, Result};
use crate::policy;
use crate::problem::Problem;

/// Stands in the page for the version of its files.
const VERSION: &str = "{version}";

/// The page and its files, ready to be sent.
///
/// `/` is the page, `/desk/configuration.json` what it has to know, and everything else lies under
/// `/desk/{version}/`, where the version is a hash of all files: browsers keep those for good.
pub struct Desk {
    contents: HashMap<String, Content>,
    headers: HeaderMap,
}

impl Desk {
    /// The desk with everything compressed.
    ///
    /// # Errors
    /// [`Error::NoOrigin`](crate::Error::NoOrigin) if one of the addresses is none;
    /// [`Error::Module`](crate::Error::Module) if the page's modules do not fit together.
    pub fn new(options: &DeskOptions) -> Result<Self> {
        let version = version();
        let mut contents = HashMap::new();
        for file in FILES.iter().filter(|file| file.name == ENTRY || !file.is_module()) {
            let (path, content) = if file.name == INDEX {
                let page = String::from_utf8_lossy(file.bytes).replace(VERSION, &version);
                ("/".to_owned(), Content::new(file.media_type(), ASK_AGAIN, page.into_bytes())?)
            } else {
                let path = format!("/desk/{version}/{}", file.name);
                let bytes = if file.name == ENTRY { bundle(ENTRY, FILES)? } else { file.bytes.to_vec() };
                (path, Content::new(file.media_type(), KEEP, bytes)?)
            };
            contents.insert(path, content);
        }
        let configuration = serde_json::to_vec(&Configuration::new(options)).map_err(std::io::Error::from)?;
        let configuration = Content::new("application/json", ASK_AGAIN, configuration)?;
        contents.insert("/desk/configuration.json".to_owned(), configuration);
        Ok(Self { contents, headers: policy::headers(options)? })
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        let mut response = match self.contents.get(path) {
            None => problem(&Problem::NotFound { path }),
            Some(_) if !matches!(*method, Method::GET | Method::HEAD) => {
                problem(&Problem::WrongMethod { path, method })
            }
            Some(content) => answer(content, headers),
        };
        response.headers_mut().extend(self.headers.clone());
        if method == Method::HEAD {
            *response.body_mut() = Body::Empty;
        }
        response
    }
}

/// The content, unless the caller has it.
fn answer(content: &Content, asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(content.cache_control));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&content.etag) {
        headers.insert(ETAG, etag);
    }
    if content.is_had(asked) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let (bytes, compressed) = content.bytes_for(asked);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content.media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() = Body::from(bytes);
    response
}

fn problem(problem: &Problem<'_>) -> Response<Body> {
    let document = problem.document();
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = problem.status();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    if problem.status() == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    *response.body_mut() = Body::from(document);
    response
}

/// A hash of the names and contents of all files.
fn version() -> String {
    let mut hash = Sha256::new();
    for file in FILES {
        hash.update(Sha256::digest(file.name));
        hash.update(Sha256::digest(file.bytes));
    }
    hexadecimal(&hash.finalize())
}
