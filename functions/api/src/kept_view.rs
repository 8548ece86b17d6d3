//! Views and styles as clients see them, and what is read of them.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use easel_domain::identity::Identity;
use easel_domain::{Error, Style};
use easel_settings::{FieldError, Missing};
use easel_storage::store::{Kept, ShelfKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, Result};
use crate::fields::{SHARED, VIEW};
use crate::schemas::path_parameter;

/// Most characters of a name under which something is kept.
const MAX_NAME: usize = 100;

/// Filters and an order under a name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SavedView {
    /// Its name.
    pub(crate) name: String,
    /// Who saved it.
    pub(crate) owner: String,
    /// Whether everybody sees it.
    pub(crate) shared: bool,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// The page of the desk that it is a view of: `review` or `library`.
    pub(crate) page: String,
    /// Its filters and order, as they stand in the page's address.
    pub(crate) query: String,
}

/// Words and settings that go with many prompts, under a name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SavedStyle {
    /// Its name.
    pub(crate) name: String,
    /// Who saved it.
    pub(crate) owner: String,
    /// Whether everybody sees it.
    pub(crate) shared: bool,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// Words around the prompt, which `{prompt}` stands for, or after it.
    pub(crate) prompt: Option<String>,
    /// Words around the negative prompt, which `{prompt}` stands for, or after it.
    pub(crate) negative_prompt: Option<String>,
    /// Settings by their names.
    #[schema(value_type = Object)]
    pub(crate) settings: Map<String, Value>,
}

/// The caller's and everybody's views.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SavedViews {
    /// The caller's own first.
    pub(crate) views: Vec<SavedView>,
}

/// The caller's and everybody's styles.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SavedStyles {
    /// The caller's own first.
    pub(crate) styles: Vec<SavedStyle>,
}

#[derive(Deserialize)]
struct ViewLabel {
    page: String,
    query: String,
}

impl SavedView {
    /// The view that is kept.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`] if it is no view.
    pub(crate) fn new(kept: Kept) -> Result<Self> {
        let Kept { key: name, owner, shared, updated_at, label, .. } = kept;
        let ViewLabel { page, query } = read(label)?;
        Ok(Self { name, owner, shared, updated_at, page, query })
    }
}

impl SavedStyle {
    /// The style that is kept.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`] if it is no style.
    pub(crate) fn new(kept: Kept) -> Result<Self> {
        let Kept { key: name, owner, shared, updated_at, label, .. } = kept;
        let Style { prompt, negative_prompt, settings } = read(label)?;
        Ok(Self { name, owner, shared, updated_at, prompt, negative_prompt, settings })
    }
}

fn read<T: serde::de::DeserializeOwned>(label: Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(label))
        .map_err(|error| ApiError::Internal(format!("reading what is kept: {error}")))
}

/// What is to be kept, and whether for everybody.
///
/// # Errors
/// Returns [`Error::Invalid`] with everything that is wrong.
pub(crate) fn read_label(kind: ShelfKind, mut object: Map<String, Value>) -> Result<(Map<String, Value>, bool), Error> {
    if kind == ShelfKind::Views {
        let mut label = easel_settings::read(VIEW, object, Missing::Refused).map_err(Error::Invalid)?;
        let shared = label.remove(SHARED.name);
        return Ok((label, shared == Some(Value::Bool(true))));
    }
    let shared = object.remove(SHARED.name).unwrap_or_default();
    let shared = match shared {
        Value::Null => false,
        Value::Bool(shared) => shared,
        _ => return Err(Error::Invalid(vec![FieldError::new(SHARED.name, "must be true or false")])),
    };
    let style = serde_json::to_value(Style::read(object)?);
    let style = style.map_err(|error| Error::Invalid(vec![FieldError::new("settings", error.to_string())]))?;
    let Value::Object(label) = style else { return Ok((Map::new(), shared)) };
    Ok((label, shared))
}

/// Whether somebody may change or remove what is kept.
pub(crate) fn may_change(identity: &Identity, kept: &Kept) -> bool {
    kept.owner == identity.name || (kept.shared && identity.sees_all())
}

/// The `{name}` of the path.
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let name = Path::<String>::from_request_parts(parts, state).await.map(|Path(name)| name).unwrap_or_default();
        let is_name =
            !name.trim().is_empty() && name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
        if is_name {
            return Ok(Self(name));
        }
        let message = format!("must be 1 to {MAX_NAME} characters on one line");
        Err(ApiError::InvalidParameters(vec![FieldError::new("name", message)]))
    }
}

impl IntoParams for Name {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path_parameter("name", "Its name", json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME}))]
    }
}
