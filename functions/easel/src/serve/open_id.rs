//! The OpenID Connect issuer that people sign in at: what it says of itself, and its keys.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use easel_api::{Issuer, IssuerKeys, IssuerOptions, KeySource, RoleClaim};
use easel_desk::SignIn;
use easel_system::environment;
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::command_error::CommandError;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than a description or a set of keys takes, bytes.
const MOST: usize = 1 << 20;

/// Who signs people in, and what is believed of their tokens.
#[derive(Debug, Args)]
pub(crate) struct OpenIdArguments {
    /// Sign people in at this OpenID Connect issuer, and take its tokens
    #[arg(long, value_name = "URL", env = environment::ISSUER, hide_env_values = true, requires = "client_id")]
    issuer: Option<String>,
    /// What the desk is called at the issuer: a public client with the code flow, PKCE, and the desk's address to return to
    #[arg(long, value_name = "ID", env = environment::OIDC_CLIENT, hide_env_values = true)]
    client_id: Option<String>,
    /// Whom the issuer's tokens are for; may be given several times [default: the client]
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = environment::AUDIENCE, hide_env_values = true)]
    audience: Vec<String>,
    /// The claim that names the bearer's role, such as `groups` or `realm_access.roles` [default: cognito:groups]
    #[arg(long, value_name = "CLAIM", env = environment::ROLE_CLAIM, hide_env_values = true)]
    role_claim: Option<String>,
    /// The claim that names the bearer: one that nobody can give to themselves
    #[arg(long, value_name = "CLAIM", default_value = "sub", env = environment::NAME_CLAIM, hide_env_values = true)]
    name_claim: String,
    /// Let nobody sign in by a link, only at the issuer
    #[arg(long, requires = "issuer")]
    pub(super) no_links: bool,
}

/// An issuer that has answered.
pub(super) struct OpenId {
    pub(super) issuer: Arc<Issuer>,
    pub(super) sign_in: SignIn,
}

impl OpenIdArguments {
    /// The issuer, if one is named.
    ///
    /// # Errors
    /// It does not answer, or not as an issuer does.
    pub(super) async fn open(&self) -> Result<Option<OpenId>, CommandError> {
        let (Some(issuer), Some(client)) = (&self.issuer, &self.client_id) else { return Ok(None) };
        let failed = |why: String| CommandError::failed(format!("--issuer: {issuer}: {why}"));
        let source = Source::new(issuer).map_err(failed)?;
        let tokens = source.description().await.map_err(failed)?.token_endpoint;
        let audiences = if self.audience.is_empty() { vec![client.clone()] } else { self.audience.clone() };
        let role_claim = self.role_claim.clone().map_or_else(RoleClaim::default, RoleClaim::new);
        let options = IssuerOptions { audiences, role_claim, name_claim: self.name_claim.clone() };
        let sign_in = SignIn::Oidc {
            issuer: issuer.clone(),
            client: client.clone(),
            tokens: Some(tokens),
            links: !self.no_links,
        };
        let issuer = Issuer::new(Box::new(source), options).await.map_err(failed)?;
        Ok(Some(OpenId { issuer: Arc::new(issuer), sign_in }))
    }
}

/// Asks an issuer.
struct Source {
    http: Client,
    issuer: String,
}

#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
}

impl Source {
    fn new(issuer: &str) -> Result<Self, String> {
        private(issuer)?;
        let http = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none()).build();
        Ok(Self { http: http.map_err(|error| error.to_string())?, issuer: issuer.trim_end_matches('/').to_owned() })
    }

    async fn description(&self) -> Result<Description, String> {
        let description: Description = self.get(&format!("{}/.well-known/openid-configuration", self.issuer)).await?;
        if description.issuer.trim_end_matches('/') != self.issuer {
            return Err(format!("calls itself {}: name it so", description.issuer));
        }
        Ok(description)
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T, String> {
        private(address)?;
        let asked = async {
            let mut response = self.http.get(address).send().await?.error_for_status()?;
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await? {
                if body.len() + part.len() > MOST {
                    return Ok(None);
                }
                body.extend_from_slice(&part);
            }
            Ok(Some(body))
        };
        let body = asked.await.map_err(|error: reqwest::Error| crate::client::cause(&error))?;
        let body = body.ok_or_else(|| format!("{address} has more than {MOST} bytes"))?;
        serde_json::from_slice(&body).map_err(|error| format!("{address} is not what an issuer has there: {error}"))
    }
}

impl KeySource for Source {
    fn keys(&self) -> Pin<Box<dyn Future<Output = Result<IssuerKeys, String>> + Send + '_>> {
        Box::pin(async {
            let Description { issuer, jwks_uri, .. } = self.description().await?;
            Ok(IssuerKeys { name: issuer, keys: self.get(&jwks_uri).await? })
        })
    }
}

/// Whoever could change what is read there could let anybody in: it has to be encrypted, or on this machine.
fn private(address: &str) -> Result<(), String> {
    let url: Url = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && local) {
        return Ok(());
    }
    Err(format!("`{address}` is not encrypted: it has to begin with https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_over_what_nobody_can_change() {
        for address in
            ["https://id.example/realms/studio", "http://127.0.0.1:9000", "http://localhost/x", "http://[::1]:1"]
        {
            assert_eq!(private(address), Ok(()), "{address}");
        }
        for address in ["http://id.example", "http://127.0.0.1.id.example", "ftp://127.0.0.1", "id.example", ""] {
            assert!(private(address).is_err(), "{address}");
        }
    }
}
