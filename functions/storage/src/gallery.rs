//! Images and what leads to them, in S3.
//!
//! | prefix | what | who writes |
//! |---|---|---|
//! | `uploads/` | files that people and programs drop | they |
//! | `inputs/{hash of the owner}/` | init images, through presigned URLs | clients |
//! | `requests/` | one object a task: "draw this" | the API |
//! | `checkpoints/` | where a running attempt stands | workers |
//! | `images/` | images and their thumbnails | workers |
//! | `published/` | what the public may see | the API |

pub mod keys;
mod objects;
mod presigning;
mod public_copies;
mod removal;
mod requests;
mod rights;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

pub use objects::{Object, ObjectFacts, Written};
pub use presigning::{PresignedUpload, UPLOAD_TYPES};
pub use public_copies::PublicCopy;
pub use requests::DrawRequest;

use crate::error::Error;

/// The bucket of images.
#[derive(Debug, Clone)]
pub struct Gallery {
    client: Client,
    bucket: String,
}

impl Gallery {
    /// The gallery in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// What S3 still refuses after the client's retries.
fn failed<E>(error: SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    Error::of_service("S3", &error)
}
