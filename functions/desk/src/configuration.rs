//! What the page has to know about the service.

use serde::Serialize;

use crate::options::{DeskOptions, SignIn};

/// The content of `/desk/configuration.json`.
#[derive(Serialize)]
pub(crate) struct Configuration<'a> {
    sign_in: SignInConfiguration<'a>,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SignInConfiguration<'a> {
    Link,
    Oidc { issuer: &'a str, client_id: &'a str, scope: &'static str, links: bool },
}

impl<'a> Configuration<'a> {
    pub(crate) fn new(options: &'a DeskOptions) -> Self {
        let sign_in = match &options.sign_in {
            SignIn::Link => SignInConfiguration::Link,
            SignIn::Oidc { issuer, client, links, .. } => {
                SignInConfiguration::Oidc { issuer, client_id: client, scope: "openid", links: *links }
            }
        };
        Self { sign_in, version: env!("CARGO_PKG_VERSION") }
    }
}
