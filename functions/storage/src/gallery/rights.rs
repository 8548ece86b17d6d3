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

impl Gallery {
    /// Tries everything that a worker does with the bucket, on an image of its own that is gone again afterwards, and
    /// under every prefix that it reads.
    pub async fn try_rights(&self) -> Vec<Trial> {
        let id = Uuid::new_v4();
        let key = keys::image(id, 0, 0);
        let put = self.may_put(&key, Some(NOT_APPROVED)).await;
        let read = match self.read(&key, CONTENT.len()).await {
            Ok(Some(object)) if object.bytes == CONTENT => Answer::Granted,
            Ok(_) => Answer::Unknown("what was written does not come back".to_owned()),
            Err(_) => self.may_get(&key).await,
        };
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(keys::images(id)).send().await;
        let delete = self.client.delete_object().bucket(&self.bucket).key(&key).send().await;
        let trial = |right, on: &str, answer| Trial { right, on: format!("{}/{on}", self.bucket), answer };
        let mut trials = vec![
            trial("s3:PutObject and s3:PutObjectTagging", "images/…", put),
            trial("s3:GetObject", "images/…", read),
            trial("s3:ListBucket", "", Answer::to(list, &NO_OBJECT)),
            trial("s3:DeleteObject", "images/…", Answer::to(delete, &NO_OBJECT)),
        ];
        for prefix in [keys::UPLOADS, keys::INPUTS, keys::REQUESTS, keys::CHECKPOINTS] {
            let answer = self.may_get(&format!("{prefix}{id}")).await;
            trials.push(trial("s3:GetObject", &format!("{prefix}…"), answer));
        }
        trials
    }

    /// Tries what no worker needs; what that writes is removed again.
    pub async fn try_excess(&self) -> Vec<Trial> {
        let key = keys::published(Uuid::new_v4(), 1, 0);
        let put = self.may_put(&key, None).await;
        if put == Answer::Granted
            && let Err(error) = self.remove(&key).await
        {
            tracing::warn!(key, %error, "an object that was written to see whether it can be is left");
        }
        vec![Trial { right: "s3:PutObject", on: format!("{}/published/…", self.bucket), answer: put }]
    }

    /// Whether objects may be read: only those who may read are told that an object is missing.
    async fn may_get(&self, key: &str) -> Answer {
        Answer::to(self.client.get_object().bucket(&self.bucket).key(key).send().await, &NO_OBJECT)
    }

    async fn may_put(&self, key: &str, tags: Option<&str>) -> Answer {
        let put = self.client.put_object().bucket(&self.bucket).key(key).set_tagging(tags.map(str::to_owned));
        Answer::to(put.body(ByteStream::from_static(CONTENT)).send().await, &NO_OBJECT)
    }
}
