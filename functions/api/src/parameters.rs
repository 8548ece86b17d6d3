//! Query parameters.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use easel_settings::{FieldError, FieldErrors, quoted};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::error::{ApiError, Result};
use crate::schemas::parameter;

/// Query parameters that nobody has read yet, and what was wrong with those that were.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryParameters {
    unread: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: FieldErrors,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::new(parts.uri.query().unwrap_or_default()))
    }
}

/// That there are no query parameters.
#[derive(Debug)]
pub struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        QueryParameters::new(parts.uri.query().unwrap_or_default()).finish().map(|()| Self)
    }
}

impl QueryParameters {
    fn new(query: &str) -> Self {
        Self { unread: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), ..Self::default() }
    }

    /// A parameter as `read` understands it; a value that it does not is refused with `advice`.
    pub(crate) fn read<T>(&mut self, name: &'static str, advice: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.known.push(name);
        let mut values: Vec<_> = self.unread.extract_if(.., |(other, _)| other == name).collect();
        let (_, value) = values.pop()?;
        if !values.is_empty() {
            self.errors.push(FieldError::new(name, "is given more than once"));
            return None;
        }
        let result = read(&value);
        if result.is_none() {
            self.errors.push(FieldError::new(name, format!("`{}` {advice}", quoted(&value))));
        }
        result
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Returns [`ApiError::InvalidParameters`] with every wrong parameter and every one that has not been read.
    pub(crate) fn finish(self) -> Result<()> {
        let Self { unread, known, mut errors } = self;
        errors.unknown(unread.iter().map(|(name, _)| name.as_str()), "parameter", || match known.as_slice() {
            [] => "there are none here".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        });
        errors.or(()).map_err(ApiError::InvalidParameters)
    }
}

/// What a list that is shown page by page has.
pub(crate) trait Paged {
    /// What its entries are called.
    const WHAT: &'static str;
    /// How many a page has unless it is said.
    const LIMIT: usize;
    /// How many it has at most.
    const MOST: usize;
    /// How many are shown in all, at most.
    const DEEPEST: usize;
}

/// How many entries of a list, and behind how many: its cursors are counts.
pub(crate) struct PageParameters<P> {
    pub(crate) limit: usize,
    pub(crate) behind: usize,
    of: PhantomData<P>,
}

impl<S: Send + Sync, P: Paged> FromRequestParts<S> for PageParameters<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut parameters = QueryParameters::from_request_parts(parts, state).await?;
        let most = P::MOST;
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=most).contains(limit));
        let limit = parameters.read("limit", &format!("is not a number from 1 to {most}"), within);
        let deep = |text: &str| text.parse().ok().filter(|behind| *behind < P::DEEPEST);
        let behind = parameters.read("cursor", "is not the `next_cursor` of a page", deep);
        parameters.finish()?;
        Ok(Self { limit: limit.unwrap_or(P::LIMIT), behind: behind.unwrap_or_default(), of: PhantomData })
    }
}

impl<P: Paged> IntoParams for PageParameters<P> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": P::MOST, "default": P::LIMIT});
        let digits = (P::DEEPEST - 1).to_string().len();
        let cursor = json!({"type": "string", "pattern": format!("^[0-9]{{1,{digits}}}$")});
        vec![
            parameter(ParameterIn::Query, "limit", &format!("Most {} of the page", P::WHAT), limit),
            parameter(ParameterIn::Query, "cursor", "The `next_cursor` of the page before", cursor),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        let mut parameters = QueryParameters::new("limit=ten&a%20b=%C3%A4&cursor=1&cursor=2&page=3");
        let number = |text: &str| text.parse::<u8>().ok();
        assert_eq!(parameters.read("limit", "is no number", number), None);
        assert_eq!(parameters.read("cursor", "is no number", number), None);
        assert_eq!(parameters.read("a b", "is empty", |text| Some(text.to_owned())).as_deref(), Some("ä"));
        assert_eq!(parameters.read("missing", "is no number", number), None);
        let Err(ApiError::InvalidParameters(errors)) = parameters.finish() else { panic!("it is wrong") };
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let expected = [
            "limit: `ten` is no number",
            "cursor: is given more than once",
            "page: is not a parameter; there are: limit, cursor, a b, missing",
        ];
        assert_eq!(errors, expected);
        assert!(QueryParameters::new("").finish().is_ok());
    }
}
