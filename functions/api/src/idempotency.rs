//! Idempotency keys.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use easel_settings::FieldError;

use crate::error::{ApiError, Result};

/// Most characters of an idempotency key.
pub(crate) const MAX_KEY: usize = 255;

/// The `Idempotency-Key` header, if there is one.
pub(crate) struct SentKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for SentKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(key) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let is_right = (1..=MAX_KEY).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
        match key.to_str() {
            Ok(key) if is_right => Ok(Self(Some(key.to_owned()))),
            _ => {
                let message = format!("must be 1 to {MAX_KEY} visible ASCII characters");
                Err(ApiError::InvalidParameters(vec![FieldError::new("Idempotency-Key", message)]))
            }
        }
    }
}
