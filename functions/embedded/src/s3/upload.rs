//! Writing an uploaded body to a file, and proving that it is what the client meant to send.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_system::files;
use futures_util::TryStreamExt;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, PutObjectInput, StreamingBlob};
use s3s::{S3Error, S3Request, S3Result, TrailingHeaders, s3_error};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// What was written.
pub(super) struct WrittenBody {
    /// Bytes.
    pub(super) size: u64,
    /// The MD5 in hexadecimal, which is the entity tag.
    pub(super) e_tag: String,
}

/// Writes the body to a new file at `path`, on disk when this returns.
///
/// # Errors
/// Fails if the body breaks off or does not have the length, MD5 or checksum that the client has announced.
pub(super) async fn write(path: &Path, request: &mut S3Request<PutObjectInput>) -> S3Result<WrittenBody> {
    let mut body = request.input.body.take().unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let announced = announced(&request.headers);
    let mut checksum = hasher(&announced);
    let mut md5 = Md5::new();
    let mut size = 0;

    let mut file = create(path).await.map_err(S3Error::internal_error)?;
    while let Some(bytes) = body.try_next().await.map_err(broken)? {
        checksum.update(&bytes);
        md5.update(&bytes);
        size += bytes.len() as u64;
        file.write_all(&bytes).await.map_err(S3Error::internal_error)?;
    }
    file.sync_all().await.map_err(S3Error::internal_error)?;
    // Without this the file's name may be gone after a power cut, though the index has it.
    let folder = files::folder_of(path).to_owned();
    let synced = tokio::task::spawn_blocking(move || files::sync_folder(&folder)).await;
    synced.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)?;

    let input = &request.input;
    if input.content_length.is_some_and(|length| u64::try_from(length) != Ok(size)) {
        return Err(s3_error!(IncompleteBody, "the body has {size} bytes and not what Content-Length says"));
    }
    let md5 = md5.finalize();
    if input.content_md5.as_ref().is_some_and(|expected| *expected != BASE64_STANDARD.encode(md5)) {
        return Err(s3_error!(BadDigest, "the body does not have the MD5 of Content-MD5"));
    }
    let trailers = request.trailing_headers.as_ref().and_then(TrailingHeaders::take).unwrap_or_default();
    let computed = checksum.finalize();
    for name in announced {
        let expected = request.headers.get(name).or_else(|| trailers.get(name)).and_then(|value| value.to_str().ok());
        if expected != value(&computed, name) {
            return Err(s3_error!(BadDigest, "the body does not have the checksum of {name}"));
        }
    }
    Ok(WrittenBody { size, e_tag: hex::encode(md5) })
}

/// A new file that its owner alone can read.
async fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(files::PRIVATE_FILE);
    options.open(path).await
}

/// The body broke off, or one of its chunks has a wrong signature.
fn broken(error: s3s::StdError) -> S3Error {
    tracing::debug!(error, "an upload broke off");
    s3_error!(IncompleteBody, "the body broke off or was changed on its way")
}

const CHECKSUMS: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// The checksums that come with the body, before it or after it.
fn announced(headers: &HeaderMap) -> Vec<&'static str> {
    let trailing: Vec<&str> = headers.get_all("x-amz-trailer").iter().filter_map(|value| value.to_str().ok()).collect();
    let follows = |name| trailing.iter().flat_map(|names| names.split(',')).any(|other| other.trim() == name);
    CHECKSUMS.into_iter().filter(|name| headers.contains_key(*name) || follows(*name)).collect()
}

fn hasher(names: &[&str]) -> ChecksumHasher {
    fn wanted<T: Default>(names: &[&str], name: &str) -> Option<T> {
        names.contains(&name).then(T::default)
    }
    let [crc32, crc32c, crc64nvme, sha1, sha256] = CHECKSUMS;
    ChecksumHasher {
        crc32: wanted(names, crc32),
        crc32c: wanted(names, crc32c),
        crc64nvme: wanted(names, crc64nvme),
        sha1: wanted(names, sha1),
        sha256: wanted(names, sha256),
    }
}

fn value<'a>(checksum: &'a Checksum, name: &str) -> Option<&'a str> {
    let [crc32, crc32c, crc64nvme, sha1, _] = CHECKSUMS;
    let value = match name {
        name if name == crc32 => &checksum.checksum_crc32,
        name if name == crc32c => &checksum.checksum_crc32c,
        name if name == crc64nvme => &checksum.checksum_crc64nvme,
        name if name == sha1 => &checksum.checksum_sha1,
        _ => &checksum.checksum_sha256,
    };
    value.as_deref()
}
