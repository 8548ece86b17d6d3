//! `/openapi.json` with the service's own address, by which programs call it.

use axum::Router;
use axum::extract::State;
use axum::http::Method;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use easel_api::NoParameters;
use easel_problem::Problem;
use serde_json::{Value, json};

use super::own_address::OwnAddress;

const PATH: &str = "/openapi.json";

/// The route to the description.
pub(super) fn router(address: OwnAddress) -> Router {
    let wrong_method = async |method: Method| {
        let problem = Problem::method_not_allowed(format!("{PATH} takes GET, HEAD, not {method}"));
        ([(ALLOW, "GET, HEAD")], problem).into_response()
    };
    Router::new().route(PATH, get(describe).fallback(wrong_method)).with_state(address)
}

async fn describe(State(address): State<OwnAddress>, _: NoParameters) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    match serde_json::from_str::<Value>(easel_api::DESCRIPTION) {
        Ok(mut description) => {
            description["servers"] = json!([{"url": address.current()}]);
            (headers, description.to_string()).into_response()
        }
        Err(_) => (headers, easel_api::DESCRIPTION).into_response(),
    }
}
