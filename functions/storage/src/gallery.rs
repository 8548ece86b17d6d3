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

mod address;
mod image_size;
pub mod keys;
mod objects;
mod presigning;
mod public_copies;
mod removal;
mod requests;
mod rights;
mod service_addresses;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

pub use address::Address;
pub use objects::{Object, ObjectFacts, Written};
pub use presigning::{PresignedUpload, UPLOAD_TYPES};
pub use public_copies::{CopiesPage, PublicCopy};
pub use requests::DrawRequest;
pub use service_addresses::OBJECTS;

use crate::error::Error;
use address::FrontDoor;

/// The bucket of images.
#[derive(Debug, Clone)]
pub struct Gallery {
    client: Client,
    bucket: String,
    /// Where clients find objects, if S3 itself is not where they can reach it.
    front_door: Option<FrontDoor>,
    /// What stands before the keys of public copies, without their prefix, in the addresses that everybody can open.
    public: Option<Address>,
}

impl Gallery {
    /// The gallery in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), front_door: None, public: None }
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
