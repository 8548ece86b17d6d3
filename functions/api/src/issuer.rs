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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use easel_domain::identity::Role;
    use jiff::Timestamp;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const NAME: &str = "https://id.example/studio";
    /// Two keys of nobody's: Ed25519, as PKCS #8, and the public halves as keys of the issuer have them.
    const KEYS: [(&str, &str, &str); 2] = [
        (
            "first",
            "MC4CAQAwBQYDK2VwBCIEIC2EiVnV0e9nbsTaEh3k8ghwqXvYCXfsWHIrIJZcvohz",
            "TZtZoQJ-4e_KEzoGgcw9WjvPNS33yR92267s7dbxUms",
        ),
        (
            "second",
            "MC4CAQAwBQYDK2VwBCIEIGMIiyRfbVhjBdlrHp57B26BJ13ul5KHcQ443NzaqOFq",
            "QhbhQW40GR3-3HjUoQ4SG7-am_iaEBKFMzeHPpGPebQ",
        ),
    ];

    /// An issuer that has one key and, when it is asked again, another.
    struct Rotating(Arc<AtomicUsize>);

    impl KeySource for Rotating {
        fn keys(&self) -> Pin<Box<dyn Future<Output = Result<IssuerKeys, String>> + Send + '_>> {
            Box::pin(async {
                let (id, _, public) = KEYS[self.0.fetch_add(1, Ordering::Relaxed).min(1)];
                let key = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": public});
                let keys = serde_json::from_value(json!({"keys": [key]})).expect("a set of keys");
                Ok(IssuerKeys { name: NAME.to_owned(), keys })
            })
        }
    }

    async fn issuer(role_claim: &str, name_claim: &str) -> (Issuer, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let options = IssuerOptions {
            audiences: vec!["desk".to_owned()],
            role_claim: RoleClaim::new(role_claim),
            name_claim: name_claim.to_owned(),
        };
        (Issuer::new(Box::new(Rotating(asked.clone())), options).await.expect("an issuer"), asked)
    }

    fn claims(changes: &Value) -> Map<String, Value> {
        let now = Timestamp::now().as_second();
        let usual = json!({
            "iss": NAME, "aud": ["account", "desk"], "sub": "7d3f", "preferred_username": "ada", "groups": ["staff", "reviewer"],
            "jti": "a-token", "iat": now, "exp": now + 600,
        });
        let mut claims = usual.as_object().expect("an object").clone();
        claims.extend(changes.as_object().expect("an object").clone());
        claims.retain(|_, value| !value.is_null());
        claims
    }

    /// A token signed with one of the keys.
    fn token(key: usize, changes: &Value) -> String {
        let (id, private, _) = KEYS[key];
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let private = EncodingKey::from_ed_der(&BASE64_STANDARD.decode(private).expect("base64"));
        encode(&header, &claims(changes), &private).expect("a token")
    }

    #[tokio::test]
    async fn a_token_of_the_issuer_says_who_its_bearer_is() {
        let (issuer, _) = issuer("groups", "sub").await;
        for changes in [
            json!({}),
            json!({"aud": "desk"}),
            json!({"aud": null, "client_id": "desk"}),
            json!({"token_use": "access"}),
        ] {
            let identity = issuer.check(&token(0, &changes)).await.expect("a caller");
            assert_eq!((identity.name.as_str(), identity.role), ("7d3f", Role::Reviewer), "{changes}");
            assert_eq!(identity.token_id.as_deref(), Some("a-token"));
        }
    }

    #[tokio::test]
    async fn every_other_token_is_refused() {
        let (issuer, _) = issuer("groups", "sub").await;
        let now = Timestamp::now().as_second();
        for changes in [
            json!({"iss": "https://id.example/other"}),
            json!({"iss": format!("{NAME}/")}),
            json!({"iss": null}),
            json!({"aud": "another"}),
            json!({"aud": ["account"], "client_id": "desk"}),
            json!({"aud": null}),
            json!({"exp": now - 120}),
            json!({"exp": null}),
            json!({"nbf": now + 600}),
            json!({"sub": null}),
            json!({"sub": " "}),
            json!({"sub": "x".repeat(101)}),
            json!({"sub": "a\nb"}),
            json!({"groups": ["staff"]}),
            json!({"groups": null, "role": "admin"}),
            json!({"groups": {"admin": true}}),
            json!({"groups": ["worker"]}),
            json!({"token_use": "id"}),
        ] {
            let refused = issuer.check(&token(0, &changes)).await;
            assert!(matches!(refused, Err(ApiError::Unauthenticated(_))), "{changes}: {refused:?}");
        }
        let good = token(0, &json!({}));
        let (signed, _) = good.rsplit_once('.').expect("a signature");
        let (_, other) = token(0, &json!({"sub": "other"}))
            .rsplit_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("one");
        let public = EncodingKey::from_secret(KEYS[0].2.as_bytes());
        let header = Header { kid: Some("first".to_owned()), ..Header::new(Algorithm::HS256) };
        let with_public_key = encode(&header, &claims(&json!({})), &public).expect("a token");
        let (_, body) = signed.split_once('.').expect("claims");
        // {"alg":"none","kid":"first"}
        let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiZmlyc3QifQ.{body}.");
        for token in [
            format!("{signed}.{other}"),
            format!("{signed}."),
            with_public_key,
            none,
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert!(matches!(issuer.check(&token).await, Err(ApiError::Unauthenticated(_))), "{token}");
        }
    }

    #[tokio::test]
    async fn new_keys_are_learnt_and_old_ones_forgotten_without_asking_for_every_token() {
        let (issuer, asked) = issuer("groups", "sub").await;
        assert!(issuer.check(&token(0, &json!({}))).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1, "its key is known");
        assert!(issuer.check(&token(1, &json!({}))).await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        for _ in 0..10 {
            assert!(issuer.check(&token(0, &json!({}))).await.is_err(), "its key was withdrawn");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn names_and_roles_are_read_where_the_operator_says() {
        let (nested, _) = issuer("realm_access.roles", "preferred_username").await;
        let changes = json!({"realm_access": {"roles": ["offline_access", "easel-admin"]}});
        let identity = nested.check(&token(0, &changes)).await.expect("a caller");
        assert_eq!((identity.name.as_str(), identity.role), ("ada", Role::Admin));
        let (by_mail, _) = issuer("https://easel.example/role", "email").await;
        let mail = |verified: bool| json!({"email": "ada@easel.example", "email_verified": verified, "https://easel.example/role": "creator"});
        assert!(by_mail.check(&token(0, &mail(true))).await.is_ok());
        assert!(by_mail.check(&token(0, &mail(false))).await.is_err());
    }
}
