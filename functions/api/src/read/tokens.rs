//! Tokens of the service's own: who has them, new ones, and taking them back.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use easel_domain::Error;
use easel_domain::identity::{Identity, Role};
use easel_settings::quoted;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::body::{Body, typed};
use crate::caller::Creator;
use crate::error::{ApiError, Result};
use crate::fields::TOKEN;
use crate::parameters::{NoParameters, QueryParameters};
use crate::schemas::{
    self, AnyProblem, BodyProblem, ManyProblem, TaskProblem, TokenProblem, parameter, path_parameter,
};
use crate::services::Services;
use crate::token_register::{IssuedToken, TokenRegister};

const MOST: usize = 100;
/// How long a token is good unless somebody says otherwise, days.
const DAYS: u64 = 30;
/// Most good tokens of one person; a session in the desk is one, too.
const MOST_GOOD: usize = 200;
const TOO_MANY_FOR: u64 = 24 * 3600;

/// Part of a list of tokens.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TokenPage {
    /// The newest first, with those that ended or were taken back within a month.
    tokens: Vec<IssuedToken>,
    /// What to give as `cursor` for the tokens after these; none at the end of the list.
    next_cursor: Option<String>,
}

/// A new token. Nobody can read its text again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NewToken {
    /// What its bearer sends: `Authorization: Bearer TOKEN`.
    token: String,
    #[serde(flatten)]
    issued: IssuedToken,
}

#[derive(Deserialize)]
struct Wanted {
    name: Option<String>,
    role: Option<String>,
    days: Option<u64>,
}

/// List tokens: an admin everybody's, others their own.
///
/// There are none where somebody else issues them, as on AWS.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    operation_id = "listTokens",
    tag = "read",
    params(TokenParameters),
    responses((status = 200, description = "A page", body = TokenPage), AnyProblem, TokenProblem, TaskProblem),
    security(("token" = []))
)]
pub(super) async fn list_tokens(
    State(services): State<Services>,
    Creator(identity): Creator,
    TokenParameters { limit, behind }: TokenParameters,
) -> Result<Json<TokenPage>> {
    let name = whose(&identity);
    let mut tokens = register(&services)?.list(name, behind.as_deref(), limit + 1)?;
    let more = tokens.len() > limit;
    tokens.truncate(limit);
    let next_cursor = tokens.last().filter(|_| more).map(|token| token.id.clone());
    Ok(Json(TokenPage { tokens, next_cursor }))
}

/// Make a token: for yourself with your role or a lower one, or, as an admin, for anybody.
///
/// A request that is sent again makes another token: no answer with a token is kept.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    operation_id = "createToken",
    tag = "read",
    request_body = schemas::NewTokenBody,
    responses(
        (status = 201, description = "The token", body = NewToken),
        AnyProblem, TokenProblem, TaskProblem, BodyProblem, ManyProblem
    ),
    security(("token" = []))
)]
pub(super) async fn create_token(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    body: Body,
) -> Result<Response> {
    let wanted: Wanted = typed(TOKEN, body.object()?).map_err(Error::Invalid)?;
    let register = register(&services)?;
    let role = wanted.role.as_deref().and_then(Role::named).unwrap_or(identity.role);
    identity.has_role(role)?;
    let name = wanted.name.unwrap_or_else(|| identity.name.clone());
    if name != identity.name {
        identity.has_role(Role::Admin)?;
    }
    if register.count_good(&name)? >= MOST_GOOD {
        let what = format!("{} has {MOST_GOOD} tokens that are good, which is the most: revoke some", quoted(&name));
        return Err(Error::TooMany { what, retry_after_seconds: TOO_MANY_FOR }.into());
    }
    let days = i64::try_from(wanted.days.unwrap_or(DAYS)).unwrap_or(1);
    let bearer = Identity::new(name, role);
    let token = register.issue(&bearer, SignedDuration::from_hours(24 * days), &identity)?;
    let issued = IssuedToken {
        id: token.id,
        name: bearer.name,
        role: role.as_str().to_owned(),
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        revoked_at: None,
    };
    Ok((StatusCode::CREATED, Json(NewToken { token: token.text, issued })).into_response())
}

/// Take a token back: your own, or, as an admin, anybody's. It is refused from then on.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{token}",
    operation_id = "revokeToken",
    tag = "read",
    params(TokenName),
    responses((status = 200, description = "The token", body = IssuedToken), AnyProblem, TokenProblem, TaskProblem),
    security(("token" = []))
)]
pub(super) async fn revoke_token(
    State(services): State<Services>,
    Creator(identity): Creator,
    _: NoParameters,
    TokenName(id): TokenName,
) -> Result<Json<IssuedToken>> {
    let revoked = register(&services)?.revoke(&id, whose(&identity), &identity)?;
    let missing = || ApiError::NotFound(format!("there is no token {} that is still good", quoted(&id)));
    Ok(Json(revoked.ok_or_else(missing)?))
}

fn register(services: &Services) -> Result<&Arc<dyn TokenRegister>> {
    let elsewhere = "this service issues no tokens: whoever signs people in does";
    services.tokens.as_ref().ok_or_else(|| ApiError::NotFound(elsewhere.to_owned()))
}

/// Whose tokens somebody sees; everybody's if it is nobody's in particular.
fn whose(identity: &Identity) -> Option<&str> {
    (identity.role != Role::Admin).then_some(identity.name.as_str())
}

/// How many tokens to list, and behind which one.
pub(super) struct TokenParameters {
    limit: usize,
    behind: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for TokenParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        let limit = parameters.read("limit", &format!("is not a number from 1 to {MOST}"), within);
        let id = |text: &str| text.parse::<uuid::Uuid>().ok().map(|id| id.to_string());
        let behind = parameters.read("cursor", "is not the `next_cursor` of a page", id);
        parameters.finish()?;
        Ok(Self { limit: limit.unwrap_or(MOST), behind })
    }
}

impl IntoParams for TokenParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": MOST});
        let cursor = json!({"type": "string", "format": "uuid"});
        vec![
            parameter(ParameterIn::Query, "limit", "Most tokens of the page", limit),
            parameter(ParameterIn::Query, "cursor", "The `next_cursor` of the page before", cursor),
        ]
    }
}

/// The `{token}` of the path.
pub(super) struct TokenName(String);

impl<S: Send + Sync> FromRequestParts<S> for TokenName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(ApiError::NotFound("there is no such token: its id is not UTF-8".to_owned()));
        };
        Ok(Self(id))
    }
}

impl IntoParams for TokenName {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path_parameter("token", "The token's id", json!({"type": "string", "minLength": 1}))]
    }
}
