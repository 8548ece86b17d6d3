//! What the desk has to be told.

use std::env;

/// An address of pictures, of which only the origin counts.
pub const PICTURES_ORIGIN: &str = "EASEL_PICTURES_ORIGIN";
/// The OIDC issuer of tokens.
const OIDC_ISSUER: &str = "EASEL_OIDC_ISSUER";
/// What the desk is registered as with the issuer.
const OIDC_CLIENT: &str = "EASEL_OIDC_CLIENT";
/// Where the issuer gives out tokens, if elsewhere.
const OIDC_ORIGIN: &str = "EASEL_OIDC_ORIGIN";
/// Where published pictures are.
const PUBLISHED_URL: &str = "EASEL_PUBLISHED_URL";

/// A result of the desk.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no desk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is missing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// An address is none.
    #[error("{0} has no origin: it should start like https://host/ or http://host:port/")]
    NoOrigin(String),
    /// A page cannot be compressed.
    #[error("compressing a page: {0}")]
    Compression(#[from] std::io::Error),
    /// The page's modules cannot be put together.
    #[error("the page's modules: {0}")]
    Module(String),
}

/// How people get their tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// In a link that somebody prints for them.
    Link,
    /// From an OIDC issuer, by the code flow with PKCE.
    Oidc {
        /// The issuer.
        issuer: String,
        /// What the desk is registered as there.
        client: String,
        /// The address that gives out tokens, where its origin is not the issuer's.
        tokens: Option<String>,
    },
}

/// What the desk works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskOptions {
    /// An address of pictures: browsers may load from its origin.
    pub pictures: String,
    /// How people get their tokens.
    pub sign_in: SignIn,
    /// Where published pictures are, if the public can see them.
    pub published_url: Option<String>,
}

impl DeskOptions {
    /// The options that the environment gives: `EASEL_PICTURES_ORIGIN`; to sign in, `EASEL_OIDC_ISSUER` with
    /// `EASEL_OIDC_CLIENT` and, where tokens come from elsewhere, `EASEL_OIDC_ORIGIN`; `EASEL_PUBLISHED_URL`.
    ///
    /// # Errors
    /// [`Error::Missing`] names the variable that is missing.
    pub fn from_environment() -> Result<Self> {
        Self::read(|name| env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let sign_in = match (variable(OIDC_ISSUER), variable(OIDC_CLIENT)) {
            (None, None) => SignIn::Link,
            (Some(issuer), Some(client)) => SignIn::Oidc { issuer, client, tokens: variable(OIDC_ORIGIN) },
            (None, Some(_)) => return Err(Error::Missing(OIDC_ISSUER)),
            (Some(_), None) => return Err(Error::Missing(OIDC_CLIENT)),
        };
        let pictures = variable(PICTURES_ORIGIN).ok_or(Error::Missing(PICTURES_ORIGIN))?;
        Ok(Self { pictures, sign_in, published_url: variable(PUBLISHED_URL) })
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
        let pictures = (PICTURES_ORIGIN, "https://pictures.example");
        let (issuer, client) = ((OIDC_ISSUER, "https://tokens.example/pool"), (OIDC_CLIENT, "desk"));
        let empty = [pictures, (OIDC_ISSUER, ""), (OIDC_CLIENT, ""), (OIDC_ORIGIN, ""), (PUBLISHED_URL, "")];
        let link = DeskOptions { pictures: pictures.1.to_owned(), sign_in: SignIn::Link, published_url: None };
        assert_eq!(read(&[pictures]).expect("enough"), link);
        assert_eq!(read(&empty).expect("what is empty is not set"), link);
        let all =
            [pictures, issuer, client, (OIDC_ORIGIN, "https://in.example"), (PUBLISHED_URL, "https://p.example/")];
        let sign_in = SignIn::Oidc {
            issuer: issuer.1.to_owned(),
            client: "desk".to_owned(),
            tokens: Some("https://in.example".to_owned()),
        };
        let published_url = Some("https://p.example/".to_owned());
        assert_eq!(read(&all).expect("enough"), DeskOptions { sign_in, published_url, ..link });
        for (given, name) in
            [(vec![], PICTURES_ORIGIN), (vec![pictures, issuer], OIDC_CLIENT), (vec![pictures, client], OIDC_ISSUER)]
        {
            assert!(matches!(read(&given), Err(Error::Missing(missing)) if missing == name), "{given:?}");
        }
    }
}
