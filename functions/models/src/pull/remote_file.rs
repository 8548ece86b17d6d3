//! A file on a server, and its content as it arrives.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::checksum::Checksum;
use super::fetch_error::{FetchError, causes};

/// A file to fetch.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    /// Its path in the model's folder.
    pub(super) path: String,
    /// Its size.
    pub(super) bytes: u64,
    /// Changes whenever its content does.
    pub(super) identity: String,
    pub(super) checksum: Checksum,
}

/// The rest of a file, from `start` on.
pub(super) struct FileBody {
    /// The offset in the file at which it begins.
    pub(super) start: u64,
    stream: BodyStream,
}

enum BodyStream {
    Http(Box<reqwest::Response>),
    Object(Box<ByteStream>),
}

impl FileBody {
    pub(super) fn http(start: u64, response: reqwest::Response) -> Self {
        Self { start, stream: BodyStream::Http(Box::new(response)) }
    }

    pub(super) fn object(start: u64, stream: ByteStream) -> Self {
        Self { start, stream: BodyStream::Object(Box::new(stream)) }
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        match &mut self.stream {
            BodyStream::Http(response) => response.chunk().await.map_err(|error| FetchError::transient(causes(&error))),
            BodyStream::Object(stream) => {
                stream.next().await.transpose().map_err(|error| FetchError::transient(causes(&error)))
            }
        }
    }
}

/// The offset at which the range of a response begins: `bytes 100-199/200`.
pub(super) fn range_start(content_range: Option<&str>) -> u64 {
    let range = content_range.and_then(|range| range.trim().strip_prefix("bytes"));
    range.and_then(|range| range.trim().split('-').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_where_they_begin() {
        assert_eq!(range_start(Some("bytes 100-199/200")), 100);
        for nothing in [None, Some(""), Some("bytes */200"), Some("lines 3-4/5")] {
            assert_eq!(range_start(nothing), 0);
        }
    }
}
