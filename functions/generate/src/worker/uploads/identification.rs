//! What the name of a dropped file says.

use easel_core::gallery::{ObjectFacts, keys};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

const PICTURES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// What a dropped file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text: the prompt.
    Prompt,
    /// A full request.
    Order,
    /// A picture to start from.
    Picture,
    /// Something else.
    Other,
}

pub(super) fn kind(key: &str) -> Kind {
    let (_, extension) = split(key);
    match extension.to_ascii_lowercase().as_str() {
        "txt" => Kind::Prompt,
        "json" => Kind::Order,
        extension if PICTURES.contains(&extension) => Kind::Picture,
        _ => Kind::Other,
    }
}

/// Whose file it is: the folder's, or everybody's.
pub(super) fn owner(key: &str) -> &str {
    let path = key.strip_prefix(keys::UPLOADS).unwrap_or(key);
    path.split_once('/').map(|(folder, _)| folder).filter(|folder| !folder.is_empty()).unwrap_or("uploads")
}

/// Whether the file says something about a picture and nothing by itself: `photo.png.json`.
pub(super) fn is_sidecar(key: &str) -> bool {
    kind(key) == Kind::Order && kind(split(key).0) == Kind::Picture
}

/// The pictures that a `.json` file may be about.
pub(super) fn pictures_beside(key: &str) -> Vec<String> {
    let (stem, _) = split(key);
    match kind(key) {
        Kind::Order if is_sidecar(key) => vec![stem.to_owned()],
        Kind::Order => PICTURES.iter().map(|extension| format!("{stem}.{extension}")).collect(),
        _ => Vec::new(),
    }
}

/// The files that may say what to do with a picture.
pub(super) fn sidecars(key: &str) -> [String; 2] {
    [format!("{key}.json"), format!("{}.json", split(key).0)]
}

/// A file's name without its extension (with its folders), and the extension.
fn split(key: &str) -> (&str, &str) {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    match key.rfind('.').filter(|dot| *dot > name) {
        Some(dot) => (&key[..dot], &key[dot + 1..]),
        None => (key, ""),
    }
}

/// The id of the task that a file makes: the same each time the file is announced, another when it is uploaded anew.
pub(in super::super) fn task_id(key: &str, facts: &ObjectFacts) -> Uuid {
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
            ("uploads/a.txt", Kind::Prompt),
            ("uploads/a.b.JSON", Kind::Order),
            ("uploads/alice/photo.JPG", Kind::Picture),
            ("uploads/a.webp", Kind::Picture),
            ("uploads/a.gif", Kind::Other),
            ("uploads/.png", Kind::Other),
            ("uploads/x.png/readme", Kind::Other),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
        assert!(is_sidecar("uploads/photo.png.json") && !is_sidecar("uploads/photo.json"));
        assert_eq!(pictures_beside("uploads/photo.png.json"), ["uploads/photo.png"]);
        assert!(pictures_beside("uploads/photo.json").contains(&"uploads/photo.webp".to_owned()));
        assert!(pictures_beside("uploads/photo.png").is_empty());
        assert_eq!(sidecars("uploads/photo.png"), ["uploads/photo.png.json", "uploads/photo.json"]);
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
