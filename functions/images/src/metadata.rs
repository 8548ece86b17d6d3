//! How an image was made, in the forms that image files carry.

use crate::error::ImageFileError;
use crate::infotext::infotext;
use crate::record::ImageRecord;

/// How an image was made, for the file's metadata.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The text that users of AUTOMATIC1111 and ComfyUI expect; see [`infotext`].
    pub infotext: String,
    /// Easel's own record, a JSON document.
    pub json: String,
}

impl ImageRecord<'_> {
    /// The record in the forms that an image's file carries.
    ///
    /// # Errors
    /// Returns [`ImageFileError::Undescribable`] if the record cannot be written as JSON, which no record of Easel's
    /// causes.
    pub fn metadata(&self) -> Result<Metadata, ImageFileError> {
        let json = serde_json::to_string(self);
        let json = json.map_err(|error| ImageFileError::Undescribable(error.to_string()))?;
        Ok(Metadata { infotext: infotext(self), json })
    }
}
