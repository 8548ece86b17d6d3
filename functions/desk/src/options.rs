//! What the desk needs to know.

use easel_system::environment::{self, IMAGES_ORIGIN, OIDC_CLIENT, OIDC_ISSUER, OIDC_ORIGIN};

/// A result of the desk.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the desk cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is missing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// An address has no origin.
    #[error("{0} has no origin: it should start like https://host/ or http://host:port/")]
    NoOrigin(String),
    /// The configuration of the page cannot be written.
    #[error("the page's configuration: {0}")]
    Configuration(#[from] serde_json::Error),
    /// An entity tag is malformed.
    #[error("{0} is not an entity tag")]
    Tag(String),
}

/// How people get their tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// In a link that somebody creates for them.
    Link,
    /// From an OIDC issuer, with the code flow and PKCE.
    Oidc {
        /// The issuer.
        issuer: String,
        /// The desk's client id there.
        client: String,
        /// The address of the token endpoint, if its origin is not the issuer's.
        tokens: Option<String>,
        /// Whether links sign in as well.
        links: bool,
    },
}

/// The desk's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskOptions {
    /// An address of images that are on another origin: browsers may load from there.
    pub images: Option<String>,
    /// How people get their tokens.
    pub sign_in: SignIn,
}

impl DeskOptions {
    /// The options in the environment: `EASEL_IMAGES_ORIGIN`; to sign in, `EASEL_OIDC_ISSUER` with `EASEL_OIDC_CLIENT`
    /// and, where tokens come from elsewhere, `EASEL_OIDC_ORIGIN`.
    ///
    /// # Errors
    /// [`Error::Missing`] names the variable that is missing.
    pub fn from_environment() -> Result<Self> {
        Self::read(environment::text)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let sign_in = match (variable(OIDC_ISSUER), variable(OIDC_CLIENT)) {
            (None, None) => SignIn::Link,
            (Some(issuer), Some(client)) => {
                SignIn::Oidc { issuer, client, tokens: variable(OIDC_ORIGIN), links: false }
            }
            (None, Some(_)) => return Err(Error::Missing(OIDC_ISSUER)),
            (Some(_), None) => return Err(Error::Missing(OIDC_CLIENT)),
        };
        let images = Some(variable(IMAGES_ORIGIN).ok_or(Error::Missing(IMAGES_ORIGIN))?);
        Ok(Self { images, sign_in })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<DeskOptions> {
        let value = |name: &str| given.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        DeskOptions::read(value)
    }

    #[test]
    fn the_environment_says_all_or_what_is_missing() {
        let images = (IMAGES_ORIGIN, "https://images.example");
        let (issuer, client) = ((OIDC_ISSUER, "https://tokens.example/pool"), (OIDC_CLIENT, "desk"));
        let link = DeskOptions { images: Some(images.1.to_owned()), sign_in: SignIn::Link };
        assert_eq!(read(&[images]).expect("enough"), link);
        let all = [images, issuer, client, (OIDC_ORIGIN, "https://in.example")];
        let sign_in = SignIn::Oidc {
            issuer: issuer.1.to_owned(),
            client: "desk".to_owned(),
            tokens: Some("https://in.example".to_owned()),
            links: false,
        };
        assert_eq!(read(&all).expect("enough"), DeskOptions { sign_in, ..link });
        for (given, name) in
            [(vec![], IMAGES_ORIGIN), (vec![images, issuer], OIDC_CLIENT), (vec![images, client], OIDC_ISSUER)]
        {
            assert!(matches!(read(&given), Err(Error::Missing(missing)) if missing == name), "{given:?}");
        }
    }
}
