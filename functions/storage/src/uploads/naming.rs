//! What the key of a dropped file means: its kind, its owner, its sidecars, its task.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::gallery::ObjectFacts;
use crate::gallery::keys::{self, IMAGES_DROPPED, split};

/// The kind of a dropped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadKind {
    /// A text: the prompt.
    Prompt,
    /// A full request.
    Request,
    /// An image to start from.
    Image,
    /// Any other file.
    Other,
}

pub(super) fn kind(key: &str) -> UploadKind {
    let (_, extension) = split(key);
    match extension.to_ascii_lowercase().as_str() {
        "txt" => UploadKind::Prompt,
        "json" => UploadKind::Request,
        extension if IMAGES_DROPPED.contains(&extension) => UploadKind::Image,
        _ => UploadKind::Other,
    }
}

/// The owner of a file: its folder's name, or `uploads` outside of folders.
pub(super) fn owner(key: &str) -> &str {
    let path = key.strip_prefix(keys::UPLOADS).unwrap_or(key);
    path.split_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty()).unwrap_or("uploads")
}

/// Whether the file can only be about an image, such as `photo.png.json`.
pub(super) fn is_sidecar(key: &str) -> bool {
    kind(key) == UploadKind::Request && kind(split(key).0) == UploadKind::Image
}

/// The images that a `.json` file may be about.
pub(super) fn images_beside(key: &str) -> Vec<String> {
    let (stem, _) = split(key);
    match kind(key) {
        UploadKind::Request if is_sidecar(key) => vec![stem.to_owned()],
        UploadKind::Request => IMAGES_DROPPED.iter().map(|extension| format!("{stem}.{extension}")).collect(),
        _ => Vec::new(),
    }
}

/// The id of a file's task: the same each time the file is announced, another one when it is uploaded again.
pub(super) fn task_id(key: &str, facts: &ObjectFacts) -> Uuid {
    let digest = Sha256::digest(format!("{key}\n{}\n{}", facts.etag, facts.modified));
    let mut random = [0; 10];
    random.copy_from_slice(&digest[..10]);
    let milliseconds = u64::try_from(facts.modified).unwrap_or_default() * 1000;
    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn names_say_what_files_are() {
        for (key, expected) in [
            ("uploads/a.txt", UploadKind::Prompt),
            ("uploads/a.b.JSON", UploadKind::Request),
            ("uploads/alice/photo.JPG", UploadKind::Image),
            ("uploads/a.webp", UploadKind::Image),
            ("uploads/a.gif", UploadKind::Other),
            ("uploads/.png", UploadKind::Other),
            ("uploads/x.png/readme", UploadKind::Other),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
        assert!(is_sidecar("uploads/photo.png.json") && !is_sidecar("uploads/photo.json"));
        assert_eq!(images_beside("uploads/photo.png.json"), ["uploads/photo.png"]);
        assert!(images_beside("uploads/photo.json").contains(&"uploads/photo.webp".to_owned()));
        assert!(images_beside("uploads/photo.png").is_empty());
        assert_eq!(keys::sidecars("uploads/photo.png"), ["uploads/photo.png.json", "uploads/photo.json"]);
    }

    #[test]
    fn the_folder_is_the_owner() {
        assert_eq!(owner("uploads/alice/x.txt"), "alice");
        assert_eq!(owner("uploads/alice/deep/x.txt"), "alice");
        assert_eq!(owner("uploads/x.txt"), "uploads");
        assert_eq!(owner("uploads//x.txt"), "uploads");
    }

    #[test]
    fn the_same_file_makes_the_same_id_and_another_upload_another() {
        let facts = ObjectFacts { length: 3, etag: "e".into(), modified: 1_700_000_000, metadata: HashMap::default() };
        let id = task_id("uploads/a.txt", &facts);
        assert_eq!(id, task_id("uploads/a.txt", &facts));
        assert_ne!(id, task_id("uploads/b.txt", &facts));
        let later = ObjectFacts { modified: 1_700_000_001, ..facts };
        let later = task_id("uploads/a.txt", &later);
        assert!(id < later);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().map(|time| time.to_unix().0), Some(1_700_000_000));
    }
}
