//! Who calls: from the authorizer's context on AWS, from a token that is checked here where no authorizer did so.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::request::Parts;
use easel_domain::identity::Identity;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::error::{ApiError, Result};
use crate::issuer::Issuer;
use crate::role_claim::RoleClaim;
use crate::tokens::TokenKey;

/// How callers are identified.
#[derive(Clone)]
pub enum Identification {
    /// API Gateway has checked the token; its claims come with the request, and this one names the role.
    Authorizer(RoleClaim),
    /// Tokens signed with this key are checked here, unless an authorizer did it: only a runtime can pass its claims on.
    Tokens(TokenKey),
    /// Tokens of the service's own and those of an OpenID Connect issuer are checked here.
    TokensAndIssuer(TokenKey, Arc<Issuer>),
}

impl Identification {
    /// Who sent the request.
    ///
    /// # Errors
    /// Returns [`ApiError::Unauthenticated`] if nobody known did.
    pub async fn identify(&self, request: &Parts) -> Result<Identity> {
        match self {
            Self::Authorizer(claim) => from_authorizer(request, claim),
            Self::Tokens(_) if claims(request).is_some() => from_authorizer(request, &RoleClaim::default()),
            Self::Tokens(key) => key.check(bearer(request)?),
            Self::TokensAndIssuer(key, issuer) => {
                let token = bearer(request)?;
                if TokenKey::may_have_made(token) { key.check(token) } else { issuer.check(token).await }
            }
        }
    }
}

/// The token that came with the request.
fn bearer(request: &Parts) -> Result<&str> {
    let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let missing = "there is no token: send `Authorization: Bearer TOKEN` (`easel token` prints one)";
    token.ok_or_else(|| ApiError::Unauthenticated(missing.to_owned()))
}

/// What an authorizer of API Gateway found in the token.
fn claims(request: &Parts) -> Option<&HashMap<String, String>> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => Some(&context.authorizer.as_ref()?.jwt.as_ref()?.claims),
        _ => None,
    }
}

fn from_authorizer(request: &Parts, role_claim: &RoleClaim) -> Result<Identity> {
    identity(claims(request).ok_or_else(|| unknown("no claims"))?, role_claim)
}

fn identity(claims: &HashMap<String, String>, role_claim: &RoleClaim) -> Result<Identity> {
    // In a pool of Amazon Cognito, people may write some of their own attributes, and identity tokens carry them.
    if claims.get("token_use").is_some_and(|purpose| purpose != "access") {
        return Err(unknown("a token that is not for access: send the access token"));
    }
    let name = claims.get("sub").filter(|name| !name.is_empty()).ok_or_else(|| unknown("no subject"))?;
    let role = claims.get(role_claim.as_str()).and_then(|value| role_claim.highest_role(value));
    let role = role.ok_or_else(|| {
        let claim = role_claim.as_str();
        unknown(&format!("no role: the token's claim `{claim}` has to name creator, reviewer or admin"))
    })?;
    let token_id = claims.get("jti").filter(|id| !id.is_empty()).cloned();
    Ok(Identity { token_id, ..Identity::new(name, role) })
}

fn unknown(what: &str) -> ApiError {
    ApiError::Unauthenticated(format!("the authorizer passed on {what}"))
}

#[cfg(test)]
mod tests {
    use easel_domain::identity::Role;

    use super::*;

    fn role(claims: &[(&str, &str)], claim: &str) -> Option<Role> {
        let claims = claims.iter().chain(&[("sub", "ada")]);
        let claims = claims.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        identity(&claims, &RoleClaim::new(claim)).ok().map(|identity| identity.role)
    }

    #[test]
    fn whole_words_of_the_configured_claim_are_roles_and_nothing_else() {
        use Role::{Admin, Creator, Reviewer};
        for (value, expected) in [
            ("[creator]", Some(Creator)),
            ("[creator reviewer]", Some(Reviewer)),
            ("[reviewer, creator]", Some(Reviewer)),
            ("[everybody admin]", Some(Admin)),
            ("admin", Some(Admin)),
            ("easel-reviewer", Some(Reviewer)),
            ("[photo-admin easel-creator]", Some(Creator)),
            ("[photo-admin]", None),
            ("[admin_readonly billing.admin no-admin]", None),
            ("ex-reviewer", None),
            ("Admin", None),
            ("[ADMIN]", None),
            ("admin reviewer", None),
            ("[[admin]]", None),
            ("easel-easel-admin", None),
            ("easeladmin", None),
            ("worker", None),
            ("[easel-worker]", None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(role(&[("cognito:groups", value)], "cognito:groups"), expected, "{value}");
            assert_eq!(role(&[("https://easel.example/role", value)], "https://easel.example/role"), expected);
        }
    }

    #[test]
    fn no_other_claim_counts() {
        let written_by_the_user = [("custom:role", "admin"), ("role", "admin"), ("cognito:groups", "[creator]")];
        assert_eq!(role(&written_by_the_user, "cognito:groups"), Some(Role::Creator));
        assert_eq!(role(&written_by_the_user[..2], "cognito:groups"), None);
        assert_eq!(role(&written_by_the_user, "role"), Some(Role::Admin));
    }

    #[test]
    fn of_tokens_that_say_what_they_are_for_only_those_for_access_count() {
        for (purpose, expected) in [("access", Some(Role::Creator)), ("id", None), ("", None), ("Access", None)] {
            let claims = [("cognito:groups", "[creator]"), ("token_use", purpose)];
            assert_eq!(role(&claims, "cognito:groups"), expected, "{purpose}");
        }
    }

    #[test]
    fn the_id_of_the_token_stays_with_its_bearer() {
        let claims = [("sub", "ada"), ("cognito:groups", "[creator]"), ("jti", "a-token")];
        let claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let identity = identity(&claims, &RoleClaim::default()).expect("a caller");
        assert_eq!(identity.token_id.as_deref(), Some("a-token"));
    }
}
