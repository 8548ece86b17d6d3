//! The operations of S3 that Easel and its users need; the others answer `NotImplemented`.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::capacity::Storage;
use super::conditions::Conditions;
use super::object::{IndexedObject, ObjectAttributes};
use super::options::S3Options;
use super::store::{NewFile, ObjectStore};
use super::time::{now, timestamp};
use super::{listing, upload};
use crate::notification::{Creation, ObjectCreated};

/// S3's own limit for the names and values of `x-amz-meta-*` together, bytes.
const METADATA_LIMIT: usize = 2048;
/// How much of an object is read at once, bytes.
const CHUNK: usize = 64 * 1024;
/// The content type of an object that was stored without one.
const UNKNOWN_TYPE: &str = "binary/octet-stream";

/// Carries out S3's operations on the store.
pub(super) struct S3Operations {
    store: Arc<ObjectStore>,
    storage: Storage,
    options: Arc<S3Options>,
}

impl S3Operations {
    pub(super) fn new(store: Arc<ObjectStore>, storage: Storage, options: S3Options) -> Self {
        Self { store, storage, options: Arc::new(options) }
    }

    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.options.bucket {
            return Ok(());
        }
        Err(s3_error!(NoSuchBucket, "the only bucket is {}", self.options.bucket))
    }

    /// Runs what waits for the disk on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce(&ObjectStore) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || run(&store)).await.map_err(S3Error::internal_error)?
    }

    /// Makes the object visible and reports it, both even if the client has disconnected.
    async fn create(&self, by: Creation, object: IndexedObject, file: NewFile, conditions: Conditions) -> S3Result<()> {
        let options = self.options.clone();
        let put = move |store: &ObjectStore| {
            let sequencer = store.put(&object, file, &conditions)?;
            if options.watched_prefixes.iter().any(|prefix| object.key.starts_with(prefix)) {
                (options.notifier)(ObjectCreated {
                    by,
                    bucket: options.bucket.clone(),
                    key: object.key,
                    size: object.size,
                    e_tag: object.e_tag,
                    time: Timestamp::now(),
                    sequencer,
                });
            }
            Ok(())
        };
        self.blocking(put).await
    }
}

#[async_trait]
impl S3 for S3Operations {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let bucket = Bucket { name: Some(self.options.bucket.clone()), ..Default::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(vec![bucket]), ..Default::default() }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.check_bucket(&request.input.bucket)?;
        let length = request.input.content_length.and_then(|length| u64::try_from(length).ok());
        self.storage.check(&request.input.key, length.unwrap_or_default())?;
        let metadata = checked_metadata(request.input.metadata.take())?;
        let file = self.store.new_file();
        let upload = upload::write(&file.path, &mut request).await?;

        let input = request.input;
        let object = IndexedObject {
            key: input.key,
            file: file.name.clone(),
            size: upload.size,
            e_tag: upload.e_tag.clone(),
            last_modified: now(),
            attributes: ObjectAttributes {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                content_disposition: input.content_disposition,
                cache_control: input.cache_control,
                metadata,
                tags: tags(input.tagging.as_deref()),
            },
        };
        let conditions = Conditions { if_match: input.if_match, if_none_match: input.if_none_match };
        self.create(Creation::Put, object, file, conditions).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(ETag::Strong(upload.e_tag)), ..Default::default() }))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "objects are copied from buckets only"));
        };
        self.check_bucket(bucket)?;
        if input.copy_source_if_match.is_some()
            || input.copy_source_if_none_match.is_some()
            || input.copy_source_if_modified_since.is_some()
            || input.copy_source_if_unmodified_since.is_some()
        {
            return Err(s3_error!(NotImplemented, "conditions on the source of a copy are not supported"));
        }

        let source = key.to_string();
        let copied = self.blocking(move |store| store.copy_file(&source)).await?;
        let (mut object, file) = copied.ok_or_else(|| s3_error!(NoSuchKey))?;
        object.key = input.key;
        object.file = file.name.clone();
        object.last_modified = now();
        if input.tagging_directive.is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE) {
            object.attributes.tags = tags(input.tagging.as_deref());
        }
        if input.metadata_directive.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE) {
            object.attributes = ObjectAttributes {
                content_type: input.content_type,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                content_disposition: input.content_disposition,
                cache_control: input.cache_control,
                metadata: checked_metadata(input.metadata)?,
                tags: object.attributes.tags,
            };
        }
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(object.e_tag.clone())),
            last_modified: Some(timestamp(object.last_modified)),
            ..Default::default()
        };
        self.create(Creation::Copy, object, file, Conditions::default()).await?;
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let found = self.blocking(move |store| store.read(&input.key)).await?;
        let (object, file) = found.ok_or_else(|| s3_error!(NoSuchKey))?;

        let range = input.range.map(|range| range.check(object.size)).transpose()?;
        let content_range =
            range.as_ref().map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
        let range = range.unwrap_or(0..object.size);
        let length = range.end - range.start;
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(range.start)).await.map_err(S3Error::internal_error)?;
        let body = StreamingBlob::wrap(ReaderStream::with_capacity(file.take(length), CHUNK));

        let ObjectAttributes { content_type, content_encoding, content_language, content_disposition, .. } =
            object.attributes;
        Ok(S3Response::new(GetObjectOutput {
            body: Some(body),
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(length).ok(),
            content_range,
            e_tag: Some(ETag::Strong(object.e_tag)),
            last_modified: Some(timestamp(object.last_modified)),
            content_type: content_type.or_else(|| Some(UNKNOWN_TYPE.to_owned())),
            content_encoding,
            content_language,
            content_disposition,
            cache_control: object.attributes.cache_control,
            metadata: Some(object.attributes.metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let found = self.blocking(move |store| store.find(&input.key)).await?;
        let object = found.ok_or_else(|| s3_error!(NoSuchKey))?;

        let ObjectAttributes { content_type, content_encoding, content_language, content_disposition, .. } =
            object.attributes;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(object.size).ok(),
            e_tag: Some(ETag::Strong(object.e_tag)),
            last_modified: Some(timestamp(object.last_modified)),
            content_type: content_type.or_else(|| Some(UNKNOWN_TYPE.to_owned())),
            content_encoding,
            content_language,
            content_disposition,
            cache_control: object.attributes.cache_control,
            metadata: Some(object.attributes.metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let found = self.blocking(move |store| store.find(&input.key)).await?;
        let tags = found.ok_or_else(|| s3_error!(NoSuchKey))?.attributes.tags.into_iter();
        let tag_set = tags.map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect();
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        self.blocking(move |store| store.remove_tags(&input.key)).await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(self.blocking(|store| listing::list(store, request.input)).await?))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let conditions = Conditions { if_match: input.if_match, if_none_match: None };
        self.blocking(move |store| store.delete(&input.key, &conditions)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let delete = move |store: &ObjectStore| {
            let mut deleted = Vec::new();
            for ObjectIdentifier { key, .. } in input.delete.objects {
                store.delete(&key, &Conditions::default())?;
                deleted.push(DeletedObject { key: Some(key), ..Default::default() });
            }
            Ok(deleted)
        };
        let deleted = self.blocking(delete).await?;
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
    }
}

/// The tags that a header names, as a query of an address does.
fn tags(header: Option<&str>) -> BTreeMap<String, String> {
    form_urlencoded::parse(header.unwrap_or_default().as_bytes()).into_owned().collect()
}

fn checked_metadata(metadata: Option<Metadata>) -> S3Result<BTreeMap<String, String>> {
    let metadata = metadata.unwrap_or_default();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_LIMIT {
        return Err(s3_error!(MetadataTooLarge, "the metadata has {bytes} bytes; {METADATA_LIMIT} are allowed"));
    }
    Ok(metadata.into_iter().collect())
}
