//! Tokens that Easel issues and checks itself, where nobody else does.

use std::sync::Arc;

use easel_domain::identity::{Identity, Role};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{ApiError, Result};

const ISSUER: &str = "easel";
/// The longest that a token is good for.
pub const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Knows which tokens are not good any more.
pub trait Revocations: Send + Sync {
    /// Whether the token of this id was revoked.
    ///
    /// # Errors
    /// Returns why nobody can say.
    fn is_revoked(&self, token_id: &str) -> Result<bool, String>;
}

/// A secret that signs and checks tokens (HS256).
#[derive(Clone)]
pub struct TokenKey {
    secret: Vec<u8>,
    revocations: Option<Arc<dyn Revocations>>,
}

/// A token, and what is known of it.
#[derive(Clone)]
pub struct Token {
    /// Names the token in lists, logs and histories; it lets nobody in.
    pub id: String,
    /// What its bearer sends.
    pub text: String,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    iat: i64,
    exp: i64,
}

impl TokenKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(secret: Vec<u8>) -> Self {
        Self { secret, revocations: None }
    }

    /// The same key, which refuses tokens that were revoked.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<dyn Revocations>) -> Self {
        Self { revocations: Some(revocations), ..self }
    }

    /// The text of a new token, as [`TokenKey::issue`] makes it.
    ///
    /// # Errors
    /// As [`TokenKey::issue`].
    pub fn sign(&self, identity: &Identity, lifetime: SignedDuration) -> Result<String> {
        self.issue(identity, lifetime).map(|token| token.text)
    }

    /// A token that makes its bearer `identity` for `lifetime`.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`] if it cannot be signed, or would be good for longer than [`LONGEST_LIFETIME`].
    pub fn issue(&self, identity: &Identity, lifetime: SignedDuration) -> Result<Token> {
        let failed = |reason: String| ApiError::Internal(format!("signing a token: {reason}"));
        if lifetime > LONGEST_LIFETIME {
            return Err(failed("it would be good for longer than 365 days".to_owned()));
        }
        let (now, id) = (Timestamp::now().as_second(), Uuid::now_v7().to_string());
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: identity.name.clone(),
            role: identity.role.as_str().to_owned(),
            jti: Some(id.clone()),
            iat: now,
            exp: now.saturating_add(lifetime.as_secs()),
        };
        let text =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&self.secret))
                .map_err(|error| failed(error.to_string()))?;
        let time = |second| Timestamp::from_second(second).map_err(|error| failed(error.to_string()));
        Ok(Token { id, text, issued_at: time(claims.iat)?, expires_at: time(claims.exp)? })
    }

    /// Whether the token may be one of such a key's: it says that it is signed with a secret that both sides know.
    pub(crate) fn may_have_made(token: &str) -> bool {
        jsonwebtoken::decode_header(token).is_ok_and(|header| header.alg == Algorithm::HS256)
    }

    /// Who bears the token.
    ///
    /// # Errors
    /// Returns [`ApiError::Unauthenticated`] if it is not good, and [`ApiError::Internal`] if nobody can say whether it was
    /// revoked.
    pub(crate) fn check(&self, token: &str) -> Result<Identity> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.leeway = 0;
        let refused = |why: String| ApiError::Unauthenticated(format!("the token is refused: {why}"));
        let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&self.secret), &validation)
            .map_err(|error| refused(error.to_string()))?
            .claims;
        let Some(id) = claims.jti else {
            return Err(refused("it has no id to revoke it by: `easel token` creates another".to_owned()));
        };
        let latest = claims.iat.min(Timestamp::now().as_second()).saturating_add(LONGEST_LIFETIME.as_secs());
        if claims.exp > latest {
            return Err(refused("it is good for longer than 365 days: `easel token` creates another".to_owned()));
        }
        let role = Role::named(&claims.role).ok_or_else(|| refused(format!("there is no role `{}`", claims.role)))?;
        if let Some(revocations) = &self.revocations
            && revocations.is_revoked(&id).map_err(ApiError::Internal)?
        {
            return Err(refused("it was revoked: ask for another".to_owned()));
        }
        Ok(Identity { token_id: Some(id), ..Identity::new(claims.sub, role) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    struct Revoked(&'static str);

    impl Revocations for Revoked {
        fn is_revoked(&self, token_id: &str) -> Result<bool, String> {
            match self.0 {
                "nobody can say" => Err("the disk is gone".to_owned()),
                revoked => Ok(revoked == token_id),
            }
        }
    }

    fn key() -> TokenKey {
        TokenKey::new(b"a secret".to_vec())
    }

    /// A token whose claims are the usual ones but for `changes`; null leaves one out.
    fn token(changes: &Value) -> String {
        let now = Timestamp::now().as_second();
        let usual =
            json!({"iss": "easel", "sub": "ada", "role": "admin", "jti": "a-token", "iat": now, "exp": now + 60});
        let mut claims = usual.as_object().expect("an object").clone();
        claims.extend(changes.as_object().expect("an object").clone());
        claims.retain(|_, value| !value.is_null());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"a secret"))
            .expect("a token")
    }

    #[test]
    fn a_token_says_who_its_bearer_is_and_which_one_it_is() {
        let issued =
            key().issue(&Identity::new("ada", Role::Reviewer), SignedDuration::from_hours(1)).expect("a token");
        let identity = key().check(&issued.text).expect("a caller");
        assert_eq!((identity.name.as_str(), identity.role), ("ada", Role::Reviewer));
        assert_eq!(identity.token_id, Some(issued.id));
        assert!(key().check(&token(&json!({}))).is_ok());
    }

    #[test]
    fn a_token_without_an_id_or_an_end_within_a_year_is_refused() {
        let (now, year) = (Timestamp::now().as_second(), LONGEST_LIFETIME.as_secs());
        for changes in [
            json!({"iat": null}),
            json!({"exp": null}),
            json!({"exp": now - 1}),
            json!({"exp": now + year + 60}),
            json!({"iat": now + 60 * 60, "exp": now + year + 60}),
            json!({"iss": "another"}),
            json!({"role": "worker"}),
            json!({"role": "photo-admin"}),
        ] {
            assert!(matches!(key().check(&token(&changes)), Err(ApiError::Unauthenticated(_))), "{changes}");
        }
        let without = key().check(&token(&json!({"jti": null})));
        assert!(matches!(without, Err(ApiError::Unauthenticated(why)) if why.contains("no id")));
        let too_long = LONGEST_LIFETIME + SignedDuration::from_secs(1);
        assert!(key().issue(&Identity::new("ada", Role::Admin), too_long).is_err());
    }

    #[test]
    fn a_revoked_token_is_refused_and_so_is_every_one_while_nobody_can_say() {
        let checked = |revoked| key().with_revocations(Arc::new(Revoked(revoked))).check(&token(&json!({})));
        assert!(checked("another").is_ok());
        assert!(matches!(checked("a-token"), Err(ApiError::Unauthenticated(why)) if why.contains("revoked")));
        assert!(matches!(checked("nobody can say"), Err(ApiError::Internal(_))));
    }
}
