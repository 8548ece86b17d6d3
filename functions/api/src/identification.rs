//! Who calls: from the authorizer's context on AWS, from a token that is checked here where no authorizer did so.

use std::collections::HashMap;

use axum::http::request::Parts;
use easel_domain::identity::{Identity, Role};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, Result};

const ISSUER: &str = "easel";
/// Claims that may carry a role: our own, and what user pools of Amazon Cognito write.
const ROLE_CLAIMS: [&str; 3] = ["role", "custom:role", "cognito:groups"];

/// How callers are identified.
#[derive(Clone)]
pub enum Identification {
    /// API Gateway has checked the token; its claims come with the request.
    Authorizer,
    /// Tokens signed with this key are checked here, unless an authorizer did it: only a runtime can pass its claims on.
    Tokens(TokenKey),
}

impl Identification {
    /// Who sent the request.
    ///
    /// # Errors
    /// Returns [`ApiError::Unauthenticated`] if nobody known did.
    pub fn identify(&self, request: &Parts) -> Result<Identity> {
        match self {
            Self::Authorizer => from_authorizer(request),
            Self::Tokens(_) if claims(request).is_some() => from_authorizer(request),
            Self::Tokens(key) => {
                let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
                let token = header.and_then(|value| {
                    let (scheme, token) = value.split_once(' ')?;
                    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
                });
                let missing = "there is no token: send `Authorization: Bearer TOKEN` (`easel token` prints one)";
                key.check(token.ok_or_else(|| ApiError::Unauthenticated(missing.to_owned()))?)
            }
        }
    }
}

/// What an authorizer of API Gateway found in the token.
fn claims(request: &Parts) -> Option<&HashMap<String, String>> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => Some(&context.authorizer.as_ref()?.jwt.as_ref()?.claims),
        _ => None,
    }
}

fn from_authorizer(request: &Parts) -> Result<Identity> {
    let unknown = |what: &str| ApiError::Unauthenticated(format!("the authorizer passed on {what}"));
    let claims = claims(request).ok_or_else(|| unknown("no claims"))?;
    let name = claims.get("sub").filter(|name| !name.is_empty()).ok_or_else(|| unknown("no subject"))?;
    // Lists arrive as `[creator reviewer]`.
    let words = ROLE_CLAIMS.iter().filter_map(|claim| claims.get(*claim));
    let words = words.flat_map(|claim| claim.split(|letter: char| !letter.is_ascii_alphanumeric()));
    let role = words.filter_map(Role::named).max();
    let role = role.ok_or_else(|| unknown("no role: the token needs a `role` of creator, reviewer or admin"))?;
    Ok(Identity::new(name, role))
}

/// A secret that signs and checks tokens (HS256).
#[derive(Clone)]
pub struct TokenKey(Vec<u8>);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    role: String,
    iat: i64,
    exp: i64,
}

impl TokenKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(secret: Vec<u8>) -> Self {
        Self(secret)
    }

    /// A token that makes its bearer `identity` for `lifetime`.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`] if it cannot be signed.
    pub fn sign(&self, identity: &Identity, lifetime: SignedDuration) -> Result<String> {
        let now = Timestamp::now().as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: identity.name.clone(),
            role: identity.role.as_str().to_owned(),
            iat: now,
            exp: now.saturating_add(lifetime.as_secs()),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&self.0))
            .map_err(|error| ApiError::Internal(format!("signing a token: {error}")))
    }

    fn check(&self, token: &str) -> Result<Identity> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.leeway = 0;
        let refused = |why: String| ApiError::Unauthenticated(format!("the token is refused: {why}"));
        let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&self.0), &validation)
            .map_err(|error| refused(error.to_string()))?
            .claims;
        let role = Role::named(&claims.role).ok_or_else(|| refused(format!("there is no role `{}`", claims.role)))?;
        Ok(Identity::new(claims.sub, role))
    }
}
