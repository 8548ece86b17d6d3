//! Who comes in with tokens of an OpenID Connect issuer, where the service checks them itself.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_api::{ApiError, Identification, Issuer, IssuerKeys, IssuerOptions, KeySource, Result, RoleClaim, TokenKey};
use easel_domain::identity::{Identity, Role};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

/// Who bears a token.
struct Checker(Identification);

impl Checker {
    async fn check(&self, token: &str) -> Result<Identity> {
        let request = Request::builder().header("authorization", format!("Bearer {token}"));
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        self.0.identify(&parts).await
    }
}

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

fn own_key() -> TokenKey {
    TokenKey::new(b"a secret".to_vec())
}

async fn issuer(role_claim: &str, name_claim: &str) -> (Checker, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let options = IssuerOptions {
        audiences: vec!["desk".to_owned()],
        role_claim: RoleClaim::new(role_claim),
        name_claim: name_claim.to_owned(),
    };
    let issuer = Issuer::new(Box::new(Rotating(asked.clone())), options).await.expect("an issuer");
    (Checker(Identification::TokensAndIssuer(own_key(), Arc::new(issuer))), asked)
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
    for changes in
        [json!({}), json!({"aud": "desk"}), json!({"aud": null, "client_id": "desk"}), json!({"token_use": "access"})]
    {
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
    let (_, other) =
        token(0, &json!({"sub": "other"})).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("one");
    let public = EncodingKey::from_secret(KEYS[0].2.as_bytes());
    let header = Header { kid: Some("first".to_owned()), ..Header::new(Algorithm::HS256) };
    let with_public_key = encode(&header, &claims(&json!({})), &public).expect("a token");
    let (_, body) = signed.split_once('.').expect("claims");
    // {"alg":"none","kid":"first"}
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiZmlyc3QifQ.{body}.");
    for token in
        [format!("{signed}.{other}"), format!("{signed}."), with_public_key, none, "a.b.c".to_owned(), String::new()]
    {
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

#[tokio::test]
async fn tokens_of_the_services_own_are_good_as_well() {
    let (issuer, asked) = issuer("groups", "sub").await;
    let ada = Identity::new("ada", Role::Admin);
    let own = own_key().sign(&ada, SignedDuration::from_hours(1)).expect("a token");
    assert_eq!(issuer.check(&own).await.expect("a caller").name, "ada");
    let forged = TokenKey::new(b"another".to_vec()).sign(&ada, SignedDuration::from_hours(1)).expect("a token");
    assert!(matches!(issuer.check(&forged).await, Err(ApiError::Unauthenticated(_))));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
