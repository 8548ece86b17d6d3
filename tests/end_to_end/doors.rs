//! Each listener of `easel serve`, and everybody that it should not let in.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use easel_test_support::addresses::Addresses;
use easel_test_support::person::send;
use easel_test_support::program;
use easel_test_support::service::{Service, Who};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;

use crate::authorization;

/// What asks each listener for everything that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    Api,
    S3,
    DynamoDb,
}

const LISTENERS: [Listener; 3] = [Listener::Api, Listener::S3, Listener::DynamoDb];

/// Somebody who should not get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intruder {
    /// A page that had the browser take the listener for a host of its own (DNS rebinding).
    ForeignHost,
    /// A page of another site, with all that lets somebody in.
    ForeignOrigin,
    /// A page of another site that asks first, as browsers do.
    Preflight,
    NoSignature,
    ForgedSignature,
    Expired,
    Revoked,
}

const INTRUDERS: [Intruder; 7] = [
    Intruder::ForeignHost,
    Intruder::ForeignOrigin,
    Intruder::Preflight,
    Intruder::NoSignature,
    Intruder::ForgedSignature,
    Intruder::Expired,
    Intruder::Revoked,
];

/// What only those may read who are let in.
const SECRET: &str = "a prompt that nobody else should read";

#[tokio::test(flavor = "multi_thread")]
async fn no_listener_lets_anybody_in_who_should_not() {
    let Some(service) = Service::alone() else { return };
    let creator = service.person(Who::Creator);
    creator.draw(json!({"prompt": SECRET, "width": 64, "height": 64, "steps": 1})).await;
    let asking = Asking::new(&service).await;
    for listener in LISTENERS {
        let content = if listener == Listener::S3 { "<Key>images/" } else { SECRET };
        let (status, _, text) = answer(asking.rightly(listener)).await;
        assert!(status == 200 && text.contains(content), "{listener:?}, rightly: {status} {text}");
        for intruder in INTRUDERS {
            let (status, allowed, text) = answer(asking.as_intruder(listener, intruder)).await;
            assert!(matches!(status, 400 | 401 | 403), "{listener:?}, {intruder:?}: {status} {text}");
            assert!(!allowed && !text.contains(content), "{listener:?}, {intruder:?}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_is_shown_to_its_own_address_alone() {
    let Some(service) = Service::alone() else { return };
    let (http, api) = (Client::new(), &service.addresses.api);
    let (status, allowed, text) = answer(http.get(api)).await;
    assert!(status == 200 && text.contains("<html") && !allowed, "{status} {text}");
    let own = answer(http.get(api).header("origin", api)).await;
    assert_eq!(own.0, 200);
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
        let (status, allowed, text) = answer(http.get(api).header(name, value)).await;
        assert!(status == 403 && !text.contains("<html") && !allowed, "{name}: {value}: {status} {text}");
        let refused = send(service.person(Who::Admin).request("GET", "/v1/tasks").header(name, value)).await;
        refused.expect_problem(403, "wrong-door");
    }
}

/// The status, whether a page of another origin may read the answer, and the text.
async fn answer(request: RequestBuilder) -> (u16, bool, String) {
    let answer = request.send().await.expect("an answer");
    let allowed = answer.headers().keys().any(|name| name.as_str().starts_with("access-control-allow"));
    (answer.status().as_u16(), allowed, answer.text().await.expect("text"))
}

/// Ways to ask the listeners of a service.
struct Asking {
    http: Client,
    addresses: Addresses,
    token: String,
    expired: String,
    revoked: String,
}

impl Asking {
    async fn new(service: &Service) -> Self {
        let data = service.data().expect("a folder of its own");
        let data = data.to_str().expect("UTF-8");
        let told = |arguments: &[&str]| {
            let outcome = program::run(&mut program::easel(arguments));
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
            outcome.stdout.trim().to_owned()
        };
        let revoked = told(&["token", "--data", data, "--role", "admin", "--name", "mallory"]);
        service.bearer(Some(&revoked)).get("/v1/identity").await.expect(200);
        told(&["token", "revoke", "mallory", "--data", data]);
        let expired = authorization::sign("admin", -60, &service.token_secret().expect("a secret"));
        let (token, addresses) = (service.token(Who::Admin).to_owned(), service.addresses.clone());
        Self { http: Client::new(), addresses, token, expired, revoked }
    }

    /// Somebody who may.
    fn rightly(&self, listener: Listener) -> RequestBuilder {
        self.signed(listener, &self.token, &self.addresses.secret_access_key, SystemTime::now())
    }

    fn as_intruder(&self, listener: Listener, intruder: Intruder) -> RequestBuilder {
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
        match intruder {
            Intruder::ForeignHost => self.rightly(listener).header("host", "evil.example"),
            Intruder::ForeignOrigin => self.rightly(listener).header("origin", "https://evil.example"),
            Intruder::Preflight => {
                let request = self.http.request(Method::OPTIONS, self.address(listener));
                let request = request.header("origin", "https://evil.example");
                let request = request.header("access-control-request-method", "POST");
                request.header("access-control-request-headers", "authorization,x-amz-target,content-type")
            }
            Intruder::NoSignature => self.unsigned(listener),
            Intruder::ForgedSignature => {
                let (signed, signature) = self.token.rsplit_once('.').expect("a signature");
                let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
                self.signed(listener, &forged, "a guess", now)
            }
            Intruder::Expired => self.signed(listener, &self.expired, &self.addresses.secret_access_key, now - hour),
            Intruder::Revoked if listener == Listener::Api => self.unsigned(listener).bearer_auth(&self.revoked),
            // S3 and DynamoDB take nobody's token, good or not.
            Intruder::Revoked => self.unsigned(listener).bearer_auth(&self.token),
        }
    }

    fn address(&self, listener: Listener) -> String {
        let Addresses { api, s3_endpoint, bucket, dynamodb_endpoint, .. } = &self.addresses;
        match listener {
            Listener::Api => format!("{api}/v1/tasks"),
            Listener::S3 => format!("{s3_endpoint}/{bucket}?list-type=2"),
            Listener::DynamoDb => format!("{dynamodb_endpoint}/"),
        }
    }

    fn unsigned(&self, listener: Listener) -> RequestBuilder {
        let address = self.address(listener);
        if listener != Listener::DynamoDb {
            return self.http.get(address);
        }
        let request = self.http.post(address).header("x-amz-target", "DynamoDB_20120810.Scan");
        request.header("content-type", "application/x-amz-json-1.0").body(self.scan())
    }

    fn scan(&self) -> String {
        json!({"TableName": self.addresses.table}).to_string()
    }

    /// A whole request with a token, or signed with a secret.
    fn signed(&self, listener: Listener, token: &str, secret: &str, at: SystemTime) -> RequestBuilder {
        let request = self.unsigned(listener);
        let mut settings = SigningSettings::default();
        let (service, method, body) = match listener {
            Listener::Api => return request.bearer_auth(token),
            Listener::S3 => {
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
                settings.percent_encoding_mode = PercentEncodingMode::Single;
                settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
                ("s3", "GET", String::new())
            }
            Listener::DynamoDb => ("dynamodb", "POST", self.scan()),
        };
        let identity = Credentials::new(&self.addresses.access_key_id, secret, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.addresses.region)
            .name(service)
            .time(at)
            .settings(settings)
            .build()
            .expect("complete");
        let (address, body) = (self.address(listener), SignableBody::Bytes(body.as_bytes()));
        let signable = SignableRequest::new(method, address, std::iter::empty(), body).expect("a request");
        let (instructions, _) = sign(signable, &parameters.into()).expect("signed").into_parts();
        instructions.headers().fold(request, |request, (name, value)| request.header(name, value))
    }
}
