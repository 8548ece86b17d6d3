//! The headers that protect the page.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::options::{DeskOptions, Error, Result, SignIn};

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The headers of every response.
///
/// # Errors
/// [`Error::NoOrigin`] if one of the addresses has no origin.
pub(crate) fn headers(options: &DeskOptions) -> Result<HeaderMap> {
    let policy = content_security_policy(options)?;
    let policy = HeaderValue::from_str(&policy).map_err(|_| Error::NoOrigin(policy))?;
    Ok(HeaderMap::from_iter([
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
        (PERMISSIONS_POLICY, HeaderValue::from_static("clipboard-write=(self), fullscreen=(self)")),
    ]))
}

/// Scripts and styles are the desk's own files; it connects to the API, the images' storage, and the sign-in.
fn content_security_policy(options: &DeskOptions) -> Result<String> {
    let images = options.images.as_deref().map(origin).transpose()?;
    let mut connections: Vec<_> = ["'self'"].into_iter().chain(images).collect();
    if let SignIn::Oidc { issuer, tokens, .. } = &options.sign_in {
        for address in [Some(issuer), tokens.as_ref()].into_iter().flatten() {
            let origin = origin(address)?;
            if !connections.contains(&origin) {
                connections.push(origin);
            }
        }
    }
    let connections = connections.join(" ");
    let images = images.map(|images| format!(" {images}")).unwrap_or_default();
    Ok(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:{images}; \
         connect-src {connections}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    ))
}

/// Scheme, host and port of an address; the port `*` is any port.
fn origin(address: &str) -> Result<&str> {
    let wrong = || Error::NoOrigin(address.to_owned());
    let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-.:*[]".contains(letter);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(allowed) {
        return Err(wrong());
    }
    Ok(&address[..scheme.len() + "://".len() + host.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(images: &str, sign_in: SignIn) -> DeskOptions {
        DeskOptions { images: Some(images.to_owned()), sign_in }
    }

    #[test]
    fn the_policy_names_the_desk_the_images_and_the_sign_in() {
        let policy = |options: &DeskOptions| content_security_policy(options).expect("origins");
        let local = policy(&options("http://127.0.0.1:*", SignIn::Link));
        assert_eq!(
            local,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: http://127.0.0.1:*; \
             connect-src 'self' http://127.0.0.1:*; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        );
        let alone = policy(&DeskOptions { images: None, sign_in: SignIn::Link });
        assert_eq!(alone, local.replace(" http://127.0.0.1:*", ""));
        let oidc = |issuer: &str, tokens: Option<&str>| SignIn::Oidc {
            issuer: issuer.to_owned(),
            client: "desk".to_owned(),
            tokens: tokens.map(str::to_owned),
            links: false,
        };
        let images = "https://bucket.s3.eu-west-1.amazonaws.com/images/a?X-Amz-Expires=3600";
        for (sign_in, more) in [
            (oidc("https://tokens.example/pool", None), " https://tokens.example"),
            (oidc("https://tokens.example/", Some("https://tokens.example")), " https://tokens.example"),
            (oidc("https://a.example", Some("https://b.example/x")), " https://a.example https://b.example"),
        ] {
            let expected = local.replace("http://127.0.0.1:*", "https://bucket.s3.eu-west-1.amazonaws.com");
            let expected = expected.replace("; form-action", &format!("{more}; form-action"));
            assert_eq!(policy(&options(images, sign_in)), expected);
        }
    }

    #[test]
    fn what_is_not_an_origin_does_not_get_into_the_policy() {
        for address in ["", "bucket", "ftp://a", "https://", "https:///x", "https://a; script-src *", "https://a b/c"] {
            assert!(matches!(origin(address), Err(Error::NoOrigin(_))), "{address}");
            assert!(headers(&options(address, SignIn::Link)).is_err(), "{address}");
        }
    }
}
