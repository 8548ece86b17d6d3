//! The body of a request.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use easel_settings::{Field, FieldError, Missing, parse_object, read};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, Result};

/// Most bytes of a body.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// A body that has been received and not yet read.
#[derive(Debug, Clone)]
pub(crate) struct Body(Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        receive(request.into_body()).await.map(Self)
    }
}

/// All bytes of a body.
///
/// # Errors
/// Returns [`ApiError::BodyTooLong`] if there are more than the API takes, or if they do not arrive.
pub(crate) async fn receive(body: axum::body::Body) -> Result<Bytes> {
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::BodyTooLong { limit: MAX_BODY })
}

impl Body {
    /// The JSON object that it is. An empty body is an empty object.
    ///
    /// # Errors
    /// Returns [`ApiError::MalformedBody`] if it is something else.
    pub(crate) fn object(&self) -> Result<Map<String, Value>> {
        parse_object(&self.0).map_err(|wrong| ApiError::MalformedBody(format!("the body {wrong}")))
    }

    /// A hash of its content: the same fields have the same hash, whatever their order and spacing.
    pub(crate) fn hash(&self) -> String {
        hash(&self.0)
    }
}

/// A hash of what a body says.
pub(crate) fn hash(body: &[u8]) -> String {
    let value = serde_json::from_slice::<Value>(body).map(|value| value.to_string().into_bytes());
    hex::encode(Sha256::digest(value.unwrap_or_else(|_| body.to_vec())))
}

/// An object that `fields` describe, as a type that holds their values.
///
/// # Errors
/// Returns everything that is wrong with it.
pub(crate) fn typed<T: DeserializeOwned>(fields: &[Field], object: Map<String, Value>) -> Result<T, Vec<FieldError>> {
    let values = read(fields, object, Missing::Refused)?;
    serde_json::from_value(Value::Object(values)).map_err(|error| vec![FieldError::new("body", error.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_what_is_said() {
        let hash = |text: &'static str| Body(Bytes::from_static(text.as_bytes())).hash();
        assert_eq!(hash(r#"{"a": 1, "b": 2}"#), hash(r#"{"b":2,"a":1}"#));
        assert_ne!(hash(r#"{"a": 1}"#), hash(r#"{"a": 2}"#));
        assert_eq!(hash("{").len(), 64);
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for text in ["[]", "1", "null", "{", "\"a\""] {
            let body = Body(Bytes::from_static(text.as_bytes()));
            assert!(matches!(body.object(), Err(ApiError::MalformedBody(_))), "{text}");
        }
        assert_eq!(Body(Bytes::from_static(b" ")).object().expect("an object"), Map::new());
    }
}
