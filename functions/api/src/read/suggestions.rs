//! Names to choose from while somebody types one.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use easel_storage::store::{Filter, NameKind};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::caller::Creator;
use crate::error::{ApiError, Result};
use crate::parameters::QueryParameters;
use crate::schemas::{AnyProblem, TokenProblem, parameter};
use crate::services::Services;
use crate::views::Suggestions;

/// Most names of an answer.
const MOST: usize = 10;

/// Suggest owners or tags that begin like this.
///
/// Creators are suggested what their own tasks have.
#[utoipa::path(
    get,
    path = "/v1/suggestions",
    operation_id = "suggestions",
    tag = "read",
    params(SuggestionParameters),
    responses((status = 200, description = "Up to 10 names", body = Suggestions), AnyProblem, TokenProblem),
    security(("token" = []))
)]
pub(super) async fn suggestions(
    State(services): State<Services>,
    Creator(identity): Creator,
    SuggestionParameters { kind, prefix }: SuggestionParameters,
) -> Result<Json<Suggestions>> {
    let store = &services.workflow.store;
    let names = match kind {
        NameKind::Owner if !identity.sees_all() => vec![identity.name.clone()],
        kind => {
            let owner = Some(identity.name.as_str()).filter(|_| !identity.sees_all());
            store.names(owner, kind, &prefix, MOST).await?
        }
    };
    Ok(Json(Suggestions { names }))
}

/// What is typed, and where.
pub(super) struct SuggestionParameters {
    kind: NameKind,
    prefix: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SuggestionParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let kind = parameters.read("field", "is neither owner nor tag", |name| match name {
            "owner" => Some(NameKind::Owner),
            "tag" => Some(NameKind::Tag),
            _ => None,
        });
        let short = |text: &str| Some(text.to_owned()).filter(|text| text.chars().count() <= Filter::MAX_TEXT);
        let prefix = parameters.read("prefix", &format!("is longer than {} characters", Filter::MAX_TEXT), short);
        parameters.finish()?;
        Ok(Self { kind: kind.unwrap_or(NameKind::Tag), prefix: prefix.unwrap_or_default() })
    }
}

impl IntoParams for SuggestionParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let field = json!({"type": "string", "enum": ["owner", "tag"], "default": "tag"});
        let prefix = json!({"type": "string", "maxLength": Filter::MAX_TEXT, "default": ""});
        vec![
            parameter(ParameterIn::Query, "field", "What is looked for", field),
            parameter(ParameterIn::Query, "prefix", "What the names begin with, whatever the case", prefix),
        ]
    }
}
