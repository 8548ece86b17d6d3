//! Collections as clients see them, and what they say of one.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use easel_domain::Error;
use easel_domain::collection::{Collection, ImageReference, MAX_IMAGES};
use easel_domain::task::{GenerationReport, Settings, Status};
use easel_settings::{FieldError, Kind};
use easel_storage::store::Kept;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::error::{ApiError, Result};
use crate::fields::MAX_COLLECTION_NAME;
use crate::schemas::{SettingsSchema, path_parameter};

/// The id of the collection that each person has from the start.
pub(crate) const FAVOURITES: &str = "favourites";

/// A collection, without its images.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct CollectionView {
    /// Its id: a UUID, or `favourites`, which is everybody's own.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Who made it.
    pub(crate) owner: String,
    /// Whether everybody sees it.
    pub(crate) shared: bool,
    /// Counts the changes.
    pub(crate) version: u64,
    /// When it last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) updated_at: Option<Timestamp>,
    /// How many images it has, those that the caller may not see among them.
    pub(crate) count: usize,
}

/// The caller's and everybody's collections.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CollectionList {
    /// The favourites first, then the caller's own.
    pub(crate) collections: Vec<CollectionView>,
}

/// A collection with a part of its images.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WholeCollection {
    /// The collection.
    #[serde(flatten)]
    pub(crate) collection: CollectionView,
    /// In their order. What is gone, and what the caller may not see, is left out.
    pub(crate) images: Vec<CollectedImage>,
    /// What to give as `cursor` for the images after these; none at the end.
    pub(crate) next_cursor: Option<String>,
}

/// An image of a collection, with URLs that work for an hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CollectedImage {
    /// Which image of which task.
    #[serde(flatten)]
    pub(crate) reference: ImageReference,
    /// The task's title.
    pub(crate) title: Option<String>,
    /// Whose task it is.
    pub(crate) owner: String,
    /// Where the task stands.
    pub(crate) status: Status,
    /// Where to get it.
    pub(crate) url: String,
    /// Where to get its small version.
    pub(crate) thumbnail_url: String,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// The seed that draws it.
    pub(crate) seed: u64,
    /// Hash of the file, in hexadecimal.
    pub(crate) sha256: String,
    /// What its attempt was asked to draw.
    #[schema(value_type = SettingsSchema)]
    pub(crate) settings: Settings,
    /// How it was drawn.
    pub(crate) generation: Option<GenerationReport>,
}

/// What a collection's row says, beside its images.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Label {
    name: String,
    count: usize,
}

impl CollectionView {
    /// The collection that is kept.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`] if it is no collection.
    pub(crate) fn new(kept: &Kept) -> Result<Self> {
        let label: Label = serde_json::from_value(Value::Object(kept.label.clone())).map_err(unreadable)?;
        Ok(Self {
            id: kept.key.clone(),
            name: label.name,
            owner: kept.owner.clone(),
            shared: kept.shared,
            version: kept.version,
            updated_at: Some(kept.updated_at),
            count: label.count,
        })
    }

    /// The favourites of somebody who has none yet.
    pub(crate) fn favourites(owner: &str) -> Self {
        Self {
            id: FAVOURITES.to_owned(),
            name: "Favourites".to_owned(),
            owner: owner.to_owned(),
            shared: false,
            version: 0,
            updated_at: None,
            count: 0,
        }
    }
}

fn unreadable(error: serde_json::Error) -> ApiError {
    ApiError::Internal(format!("reading a collection: {error}"))
}

/// The images of the collection that is kept.
///
/// # Errors
/// Returns [`ApiError::Internal`] if they cannot be read.
pub(crate) fn images_of(kept: &Kept) -> Result<Collection> {
    let images = kept.content.get("images").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let images = images.iter().map(|image| image.as_str().unwrap_or_default().parse::<ImageReference>());
    let images: Result<Vec<_>, _> = images.collect();
    Ok(Collection::of(images.map_err(|wrong| ApiError::Internal(format!("reading a collection: {wrong}")))?))
}

/// The label and the content of a row.
pub(crate) fn written(name: &str, collection: &Collection) -> (Map<String, Value>, Map<String, Value>) {
    let label = [("name".to_owned(), json!(name)), ("count".to_owned(), json!(collection.images().len()))];
    let images: Vec<_> = collection.images().iter().map(ToString::to_string).collect();
    (Map::from_iter(label), Map::from_iter([("images".to_owned(), json!(images))]))
}

/// What somebody says of a collection.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CollectionWords {
    /// Its name.
    pub(crate) name: Option<String>,
    /// Whether everybody sees it.
    pub(crate) shared: Option<bool>,
    /// Images to put at the end.
    pub(crate) add: Vec<ImageReference>,
    /// Images to take out.
    pub(crate) remove: Vec<ImageReference>,
    /// An image to move, and the one to move it before.
    pub(crate) place: Option<(ImageReference, Option<ImageReference>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    task: Uuid,
    #[serde(deserialize_with = "number")]
    attempt: u32,
    #[serde(deserialize_with = "number")]
    image: u32,
}

/// A number as the description of the API bounds it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<u32, D::Error> {
    let number = i32::deserialize(deserializer)?;
    u32::try_from(number).map_err(|_| D::Error::custom(format!("{number} is below 0")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    image: Reference,
    before: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Said {
    name: Option<Value>,
    shared: Option<bool>,
    add: Option<Vec<Reference>>,
    remove: Option<Vec<Reference>>,
    place: Option<Place>,
}

impl From<Reference> for ImageReference {
    fn from(Reference { task, attempt, image }: Reference) -> Self {
        Self { task, attempt, image }
    }
}

impl CollectionWords {
    /// Reads what somebody says.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] with what is wrong.
    pub(crate) fn read(object: Map<String, Value>) -> Result<Self, Error> {
        let wrong = |field: &str, message: String| Error::Invalid(vec![FieldError::new(field, message)]);
        let said: Said =
            serde_json::from_value(Value::Object(object)).map_err(|error| wrong("body", error.to_string()))?;
        let name = said.name.map(|name| Kind::text(MAX_COLLECTION_NAME).check("name", name)).transpose();
        let name = name.map_err(Error::Invalid)?.and_then(|name| name.as_str().map(str::to_owned));
        let images = |field: &str, said: Option<Vec<Reference>>| -> Result<Vec<ImageReference>, Error> {
            let images: Vec<_> = said.unwrap_or_default().into_iter().map(ImageReference::from).collect();
            if images.len() <= MAX_IMAGES {
                return Ok(images);
            }
            Err(wrong(field, format!("has {} images, the limit is {MAX_IMAGES}", images.len())))
        };
        Ok(Self {
            name,
            shared: said.shared,
            add: images("add", said.add)?,
            remove: images("remove", said.remove)?,
            place: said.place.map(|place| (place.image.into(), place.before.map(ImageReference::from))),
        })
    }

    /// The collection after this.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if it would have too many images.
    pub(crate) fn change(&self, collection: &mut Collection) -> Result<(), Error> {
        collection.remove(&self.remove);
        collection.add(&self.add)?;
        if let Some((image, before)) = self.place {
            collection.place(image, before);
        }
        Ok(())
    }
}

/// The `{collection}` of the path.
pub(crate) struct CollectionId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for CollectionId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let id = Path::<String>::from_request_parts(parts, state).await.map(|Path(id)| id).unwrap_or_default();
        if id == FAVOURITES {
            return Ok(Self(id));
        }
        id.parse::<Uuid>().map(|id| Self(id.to_string())).map_err(|_| no_such())
    }
}

impl IntoParams for CollectionId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = json!({"type": "string", "pattern": "^(favourites|[0-9a-fA-F-]{32,36})$"});
        vec![path_parameter("collection", "The collection's id, or `favourites`", schema)]
    }
}

/// The error of a collection that the caller has not.
pub(crate) fn no_such() -> ApiError {
    ApiError::NotFound("there is no such collection: `GET /v1/collections` lists yours and the shared ones".to_owned())
}
