//! Tokens of an OpenID Connect issuer, checked here where no authorizer did so.

use std::pin::Pin;
use std::time::{Duration, Instant};

use easel_domain::identity::Identity;
use easel_settings::{quoted, shortened};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::error::{ApiError, Result};
use crate::fields::MAX_NAME;
use crate::role_claim::RoleClaim;

/// Signatures that are made with a key that the issuer alone has. With `none`, or a secret that is a public key, anybody could.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far clocks may be apart, seconds.
const LEEWAY: u64 = 60;
/// Keys are asked for again after so long: one that the issuer withdrew is good for no longer.
const FRESH: Duration = Duration::from_secs(3600);
/// Tokens with keys that nobody knows make the service ask no more often than this.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// What an issuer says of itself.
#[derive(Debug, Clone)]
pub struct IssuerKeys {
    /// Its name, as its tokens have it.
    pub name: String,
    /// The keys that it signs with.
    pub keys: JwkSet,
}

/// Asks the issuer for its keys.
pub trait KeySource: Send + Sync {
    /// The keys at this moment.
    ///
    /// # Errors
    /// Returns why the issuer does not say.
    fn keys(&self) -> Pin<Box<dyn Future<Output = Result<IssuerKeys, String>> + Send + '_>>;
}

/// Which of an issuer's tokens are for this service, and what they say.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// Whom tokens have to be for: their `aud` or, where they have none, their `client_id`.
    pub audiences: Vec<String>,
    /// The claim that names the bearer's role.
    pub role_claim: RoleClaim,
    /// The claim that names the bearer.
    pub name_claim: String,
}

/// An issuer whose tokens let people in.
pub struct Issuer {
    source: Box<dyn KeySource>,
    options: IssuerOptions,
    known: Mutex<Known>,
}

struct Known {
    issuer: IssuerKeys,
    /// When keys that nobody knew were last asked for.
    asked: Option<Instant>,
    answered: Instant,
}

impl Issuer {
    /// The issuer that `source` asks, once it has answered.
    ///
    /// # Errors
    /// Returns why it does not.
    pub async fn new(source: Box<dyn KeySource>, options: IssuerOptions) -> Result<Self, String> {
        let issuer = source.keys().await?;
        let known = Known { issuer, asked: None, answered: Instant::now() };
        Ok(Self { source, options, known: Mutex::new(known) })
    }

    /// Who bears the token.
    ///
    /// # Errors
    /// Returns [`ApiError::Unauthenticated`] if it is not good.
    pub(crate) async fn check(&self, token: &str) -> Result<Identity> {
        let refused = |why: String| ApiError::Unauthenticated(format!("the token is refused: {why}"));
        let header = decode_header(token).map_err(|error| refused(error.to_string()))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused(format!("{:?} is no signature that only the issuer can make", header.alg)));
        }
        let (name, key) = self.key(header.kid.as_deref(), header.alg).await.map_err(refused)?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[name]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_nbf = true;
        // Below, because access tokens of some issuers name their client instead.
        validation.validate_aud = false;
        validation.leeway = LEEWAY;
        let claims =
            decode::<Map<String, Value>>(token, &key, &validation).map_err(|error| refused(error.to_string()))?.claims;
        self.identity(&claims).map_err(refused)
    }

    /// The issuer's name and the key of this id.
    async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<(String, DecodingKey), String> {
        let mut known = self.known.lock().await;
        let missing = find(&known.issuer.keys, id, algorithm).is_none();
        let may_ask = known.asked.is_none_or(|asked| asked.elapsed() > ASK_EVERY);
        if (missing || known.answered.elapsed() > FRESH) && may_ask {
            let now = Instant::now();
            known.asked = Some(now);
            match self.source.keys().await {
                Ok(issuer) => (known.issuer, known.answered) = (issuer, now),
                // Those that are known stay good: people go on while the issuer is away.
                Err(error) => tracing::warn!(error, "the issuer does not say which keys it signs with"),
            }
        }
        let key = find(&known.issuer.keys, id, algorithm);
        let key = key.ok_or_else(|| "its key is none of the issuer's: sign in again".to_owned())?;
        let key = DecodingKey::from_jwk(key).map_err(|error| format!("the issuer's key cannot be read: {error}"))?;
        Ok((known.issuer.name.clone(), key))
    }

    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, String> {
        let IssuerOptions { audiences, role_claim, name_claim } = &self.options;
        if !is_for(claims, audiences) {
            return Err("it is for another service: its `aud` or `client_id` is none of this one's".to_owned());
        }
        // In a pool of Amazon Cognito, people may write some of their own attributes, and identity tokens carry them.
        if claims.get("token_use").is_some_and(|purpose| purpose != "access") {
            return Err("it is not for access: send the access token".to_owned());
        }
        if name_claim == "email" && claims.get("email_verified") == Some(&Value::Bool(false)) {
            return Err("nobody has verified the email address in it".to_owned());
        }
        let name = claims.get(name_claim).and_then(Value::as_str).unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(format!("its claim `{name_claim}` has to be a name of 1 to {MAX_NAME} characters"));
        }
        let role = role_claim.highest_among(claims).ok_or_else(|| {
            let claim = shortened(role_claim.as_str(), MAX_NAME).into_owned();
            format!("its claim `{}` has to name creator, reviewer or admin: ask who runs the service", quoted(&claim))
        })?;
        let token_id = claims.get("jti").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        Ok(Identity { token_id, ..Identity::new(name, role) })
    }
}

/// The key of this id or, without one, the only one.
fn find<'a>(keys: &'a JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let mut usable = keys.keys.iter().filter(|key| {
        let common = &key.common;
        let signs = !matches!(&common.public_key_use, Some(purpose) if *purpose != PublicKeyUse::Signature);
        let named = common.key_algorithm.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
        signs && named && id.is_none_or(|id| common.key_id.as_deref() == Some(id))
    });
    let first = usable.next()?;
    (id.is_some() || usable.next().is_none()).then_some(first)
}

fn is_for(claims: &Map<String, Value>, audiences: &[String]) -> bool {
    let ours = |name: &Value| name.as_str().is_some_and(|name| audiences.iter().any(|ours| ours == name));
    match claims.get("aud") {
        None => claims.get("client_id").is_some_and(ours),
        Some(Value::Array(names)) => names.iter().any(ours),
        Some(name) => ours(name),
    }
}
