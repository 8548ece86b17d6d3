//! The desk as browsers see it.

use std::future::ready;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{ALLOW, LOCATION};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use easel_problem::Problem;
use sha2::{Digest, Sha256};

use crate::assets::ASSETS;
use crate::configuration::Configuration;
use crate::content::Content;
use crate::options::{DeskOptions, Error, Result};
use crate::policy;

/// The media type of the page's icon.
const ICON: &str = "image/svg+xml";

/// The page and its files: `/` is the page, `/docs` leads to its documentation of the API, `/favicon.ico` is its icon,
/// `/desk/configuration.json` what it has to know of the service, and everything else is under `/desk/{version}/`, where the
/// version is a hash of all files, so that browsers keep them for good.
///
/// It has no fallback and nothing outside these paths, so it can be merged with the API's router.
///
/// # Errors
/// [`Error::NoOrigin`] if one of the addresses has no origin.
pub fn router(options: &DeskOptions) -> Result<Router> {
    let mut router = Router::new().route("/desk/configuration.json", configuration(options)?.route());
    for asset in ASSETS {
        let content = Content {
            media_type: asset.media_type,
            cache_control: asset.cache_control,
            etag: asset.etag.parse().map_err(|_| Error::Tag(asset.etag.to_owned()))?,
            plain: Bytes::from_static(asset.plain),
            compressed: Some(Bytes::from_static(asset.compressed)),
        };
        // Browsers look for it there, whatever a page says.
        if asset.media_type == ICON {
            let cache_control = "public, max-age=86400";
            router = router.route("/favicon.ico", Content { cache_control, ..content.clone() }.route());
        }
        router = router.route(asset.path, content.route());
    }
    router = router.route("/docs", get(async || (StatusCode::FOUND, [(LOCATION, "./#/docs")])));
    let headers = policy::headers(options)?;
    let router = router.method_not_allowed_fallback(method_not_allowed);
    let router = router.route("/desk/", any(not_found)).route("/desk/{*path}", any(not_found));
    Ok(router.layer(map_response(move |mut response: Response| {
        response.headers_mut().extend(headers.clone());
        ready(response)
    })))
}

/// The response for a path where the desk has nothing.
pub async fn not_found(uri: Uri) -> Response {
    let detail = format!("there is nothing at {}; the desk is at /: open or reload it", uri.path());
    Problem::not_found(detail).into_response()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    let problem = Problem::method_not_allowed(format!("{} supports GET, not {method}", uri.path()));
    ([(ALLOW, "GET, HEAD")], problem).into_response()
}

fn configuration(options: &DeskOptions) -> Result<Content> {
    let document = serde_json::to_vec(&Configuration::new(options))?;
    let etag = format!("W/\"{}\"", hex::encode(&Sha256::digest(&document)[..8]));
    Ok(Content {
        media_type: "application/json",
        cache_control: "no-cache",
        etag: etag.parse().map_err(|_| Error::Tag(etag))?,
        plain: Bytes::from(document),
        compressed: None,
    })
}
