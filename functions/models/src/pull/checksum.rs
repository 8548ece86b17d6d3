//! Checksums, which prove that a file arrived whole and unchanged.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// The checksum that is known of a file's content, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checksum {
    /// Its SHA-256.
    Sha256(String),
    /// The SHA-1 by which git knows it.
    GitSha1(String),
    /// Its MD5.
    Md5(String),
    /// Its CRC-64/NVME, which S3 keeps for files uploaded in parts.
    Crc64Nvme(String),
    /// None: only its size is known.
    SizeOnly,
}

impl Checksum {
    /// The algorithm's name, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitSha1(_) => "git SHA-1",
            Self::Md5(_) => "MD5",
            Self::Crc64Nvme(_) => "CRC-64/NVME",
            Self::SizeOnly => "size",
        }
    }

    /// The value that the file must have.
    pub(super) fn expected(&self) -> &str {
        match self {
            Self::Sha256(value) | Self::GitSha1(value) | Self::Md5(value) | Self::Crc64Nvme(value) => value,
            Self::SizeOnly => "",
        }
    }

    /// Begins to compute the same checksum for a file of `size` bytes.
    pub(super) fn begin(&self, size: u64) -> RunningChecksum {
        match self {
            Self::Sha256(_) => RunningChecksum::Sha256(Sha256::new()),
            Self::GitSha1(_) => RunningChecksum::GitSha1(Sha1::new_with_prefix(format!("blob {size}\0"))),
            Self::Md5(_) => RunningChecksum::Md5(Md5::new()),
            Self::Crc64Nvme(_) => RunningChecksum::Crc64Nvme(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme)),
            Self::SizeOnly => RunningChecksum::SizeOnly,
        }
    }
}

/// A checksum while it is being computed.
pub(super) enum RunningChecksum {
    Sha256(Sha256),
    GitSha1(Sha1),
    Md5(Md5),
    Crc64Nvme(crc_fast::Digest),
    SizeOnly,
}

impl RunningChecksum {
    /// The next bytes of the file.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(digest) => digest.update(bytes),
            Self::GitSha1(digest) => digest.update(bytes),
            Self::Md5(digest) => digest.update(bytes),
            Self::Crc64Nvme(digest) => digest.update(bytes),
            Self::SizeOnly => {}
        }
    }

    /// The checksum of all bytes, in hexadecimal.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha256(digest) => hex::encode(digest.finalize()),
            Self::GitSha1(digest) => hex::encode(digest.finalize()),
            Self::Md5(digest) => hex::encode(digest.finalize()),
            Self::Crc64Nvme(digest) => hex::encode(digest.finalize().to_be_bytes()),
            Self::SizeOnly => String::new(),
        }
    }
}

/// A short name for a text, which differs for different texts.
pub(super) fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_usual_tools() {
        let value = |check: Checksum| {
            let mut digest = check.begin(6);
            digest.update(b"hel");
            digest.update(b"lo\n");
            digest.finish()
        };
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(value(Checksum::Sha256(String::new())), sha256);
        assert_eq!(value(Checksum::GitSha1(String::new())), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(value(Checksum::Md5(String::new())), "b1946ac92492d2347c6235b4d2611184");
        let mut digest = Checksum::Crc64Nvme(String::new()).begin(9);
        digest.update(b"123456789");
        assert_eq!(digest.finish(), "ae8b14860a799888");
    }
}
