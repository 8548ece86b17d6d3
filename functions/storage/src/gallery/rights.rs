//! What a worker may do with the bucket.

use aws_sdk_s3::primitives::ByteStream;
use uuid::Uuid;

use super::objects::NOT_APPROVED;
use super::{Gallery, keys};
use crate::rights::{Answer, Trial};

/// The content of an object that is written to see whether it can be.
const CONTENT: &[u8] = b"written to see whether it can be";

/// Only those who may do something with an object hear that there is none.
const NO_OBJECT: [&str; 1] = ["NoSuchKey"];
/// The entity tag of no object: a write on the condition that an object has it never happens.
const NO_TAG: &str = "\"none\"";
/// Only those who may write hear that the condition does not hold.
const NEVER_HOLDS: [&str; 2] = ["NoSuchKey", "PreconditionFailed"];

impl Gallery {
    /// Tries everything that a worker does with the bucket: on a checkpoint of its own that is gone again afterwards, under
    /// every prefix that it reads, and, without writing anything, where it may not remove what it writes.
    pub async fn try_rights(&self) -> Vec<Trial> {
        let id = Uuid::new_v4();
        let key = keys::checkpoint(id, 0);
        let put = self.client.put_object().bucket(&self.bucket).key(&key).body(ByteStream::from_static(CONTENT));
        let put = Answer::to(put.send().await, &NO_OBJECT);
        let read = match self.read(&key, CONTENT.len()).await {
            Ok(Some(object)) if object.bytes == CONTENT => Answer::Granted,
            Ok(_) => Answer::Unknown("what was written does not come back".to_owned()),
            Err(_) => self.may_get(&key).await,
        };
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(keys::checkpoints(id)).send().await;
        let delete = self.client.delete_object().bucket(&self.bucket).key(&key).send().await;
        let image = self.may_put(&keys::image(id, 0, 0), Some(NOT_APPROVED)).await;
        let request = self.may_put(&keys::request(id), None).await;
        let trial = |right, on: &str, answer| Trial { right, on: format!("{}/{on}", self.bucket), answer };
        let mut trials = vec![
            trial("s3:PutObject", "checkpoints/…", put),
            trial("s3:GetObject", "checkpoints/…", read),
            trial("s3:DeleteObject", "checkpoints/…", Answer::to(delete, &NO_OBJECT)),
            trial("s3:ListBucket", "", Answer::to(list, &NO_OBJECT)),
            trial("s3:PutObject and s3:PutObjectTagging", "images/…", image),
            trial("s3:PutObject", "requests/…", request),
        ];
        for prefix in [keys::UPLOADS, keys::INPUTS, keys::REQUESTS, keys::IMAGES] {
            let answer = self.may_get(&format!("{prefix}{id}")).await;
            trials.push(trial("s3:GetObject", &format!("{prefix}…"), answer));
        }
        trials
    }

    /// Tries what no worker needs.
    pub async fn try_excess(&self) -> Vec<Trial> {
        let id = Uuid::new_v4();
        let put = self.may_put(&keys::published(id, 1, 0), None).await;
        let delete = self.client.delete_object().bucket(&self.bucket).key(keys::image(id, 0, 0)).send().await;
        let trial = |right, on: &str, answer| Trial { right, on: format!("{}/{on}", self.bucket), answer };
        vec![
            trial("s3:PutObject", "published/…", put),
            trial("s3:DeleteObject", "images/…", Answer::to(delete, &NO_OBJECT)),
        ]
    }

    /// Whether objects may be read: only those who may read are told that an object is missing.
    async fn may_get(&self, key: &str) -> Answer {
        Answer::to(self.client.get_object().bucket(&self.bucket).key(key).send().await, &NO_OBJECT)
    }

    /// Whether an object may be written, without writing it.
    async fn may_put(&self, key: &str, tags: Option<&str>) -> Answer {
        let put = self.client.put_object().bucket(&self.bucket).key(key).set_tagging(tags.map(str::to_owned));
        let put = put.if_match(NO_TAG).body(ByteStream::from_static(CONTENT));
        Answer::to(put.send().await, &NEVER_HOLDS)
    }
}
