//! The names of objects. All follow from the task, so that repeating an operation writes to the same place.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Files that people and programs drop.
pub const UPLOADS: &str = "uploads/";
/// The extensions of dropped files that are images to start from.
pub const IMAGES_DROPPED: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Init images.
pub const INPUTS: &str = "inputs/";
/// Where running attempts stand.
pub const CHECKPOINTS: &str = "checkpoints/";
/// Images.
pub const IMAGES: &str = "images/";
/// What the public may see.
pub const PUBLISHED: &str = "published/";
/// Requests to generate.
pub const REQUESTS: &str = "requests/";
/// The longest key that every S3 service takes.
pub const MAX_KEY: usize = 120;

/// Bytes of an owner's hash in a key.
const OWNER_HASH: usize = 8;

/// The start of the init images that `owner` uploads. Names may hold what keys should not, so it is their hash.
#[must_use]
pub fn inputs_of(owner: &str) -> String {
    format!("{INPUTS}{}/", hex::encode(&Sha256::digest(owner)[..OWNER_HASH]))
}

/// The copy, among what `owner` uploaded, of a task's image that somebody starts from. It is the same however often the image
/// is copied.
#[must_use]
pub fn copied(owner: &str, origin: Origin) -> String {
    let Origin { task, attempt, index } = origin;
    format!("{}{task}-{attempt}-{index}.png", inputs_of(owner))
}

/// A task's image that was copied to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The task.
    pub task: Uuid,
    /// Which try at it.
    pub attempt: u32,
    /// Which image of that try.
    pub index: u32,
}

/// Whose image the input under `key` is a copy of; `None` of what somebody uploaded, whose keys the service gives them.
#[must_use]
pub fn origin(key: &str) -> Option<Origin> {
    let (_, name) = key.strip_prefix(INPUTS)?.split_once('/')?;
    let mut parts = name.strip_suffix(".png")?.rsplitn(3, '-');
    let (index, attempt, task) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Origin { task: task.parse().ok()?, attempt: attempt.parse().ok()?, index: index.parse().ok()? })
}

/// The start of the files that are dropped for `owner`.
#[must_use]
pub fn uploads_of(owner: &str) -> String {
    format!("{UPLOADS}{owner}/")
}

/// Whether a dropped file is an image to start from.
#[must_use]
pub fn is_dropped_image(key: &str) -> bool {
    IMAGES_DROPPED.contains(&split(key).1.to_ascii_lowercase().as_str())
}

/// The files that may have the request for a dropped image.
#[must_use]
pub fn sidecars(image: &str) -> [String; 2] {
    [format!("{image}.json"), format!("{}.json", split(image).0)]
}

/// A file's name without its extension (with its folders), and the extension.
#[must_use]
pub fn split(key: &str) -> (&str, &str) {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    match key.rfind('.').filter(|dot| *dot > name) {
        Some(dot) => (&key[..dot], &key[dot + 1..]),
        None => (key, ""),
    }
}

/// The request to generate the task's images.
#[must_use]
pub fn request(task: Uuid) -> String {
    format!("{REQUESTS}{task}.json")
}

/// The task that the object under `key` asks for; `None` if it is not the key of a request.
#[must_use]
pub fn requested(key: &str) -> Option<Uuid> {
    key.strip_prefix(REQUESTS)?.strip_suffix(".json")?.parse().ok()
}

/// Where an attempt stands.
#[must_use]
pub fn checkpoint(task: Uuid, attempt: u32) -> String {
    format!("{}{attempt}", checkpoints(task))
}

/// The start of all of a task's checkpoints.
#[must_use]
pub fn checkpoints(task: Uuid) -> String {
    format!("{CHECKPOINTS}{task}/")
}

/// An image.
#[must_use]
pub fn image(task: Uuid, attempt: u32, index: u32) -> String {
    format!("{}{attempt}-{index}.png", images(task))
}

/// The small version of an image.
#[must_use]
pub fn thumbnail(task: Uuid, attempt: u32, index: u32) -> String {
    format!("{}{attempt}-{index}-small.jpg", images(task))
}

/// The start of all of a task's images.
#[must_use]
pub fn images(task: Uuid) -> String {
    format!("{IMAGES}{task}/")
}

/// The public copy of an image, made for the move that gives its task this version.
#[must_use]
pub fn published(task: Uuid, version: u64, index: u32) -> String {
    format!("{}{version}-{index}.png", all_published(task))
}

/// The task and the version that a public copy was made for; `None` of other keys. Older keys have no version, which
/// counts as 0.
#[must_use]
pub fn of_published(key: &str) -> Option<(Uuid, u64)> {
    let (task, name) = key.strip_prefix(PUBLISHED)?.split_once('/')?;
    let version = match name.split_once('-') {
        Some((version, _)) => version.parse().ok()?,
        None => 0,
    };
    Some((task.parse().ok()?, version))
}

/// The index of the image that a public copy is of; `None` of other keys.
#[must_use]
pub fn index_of_published(key: &str) -> Option<u32> {
    of_published(key)?;
    let name = key.rsplit_once('/')?.1.strip_suffix(".png")?;
    name.rsplit_once('-').map_or(name, |(_, index)| index).parse().ok()
}

/// The start of all that is published of a task.
#[must_use]
pub fn all_published(task: Uuid) -> String {
    format!("{PUBLISHED}{task}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_copy_says_which_move_it_was_made_for() {
        let task = Uuid::from_u128(7);
        assert_eq!(of_published(&published(task, 12, 3)), Some((task, 12)));
        assert_eq!(index_of_published(&published(task, 12, 3)), Some(3));
        let older = format!("published/{task}/3.png");
        assert_eq!((of_published(&older), index_of_published(&older)), (Some((task, 0)), Some(3)));
        for key in ["published/heart/1-0.png", &format!("images/{task}/1-0.png"), &format!("published/{task}/x-0.png")]
        {
            assert_eq!((of_published(key), index_of_published(key)), (None, None), "{key}");
        }
    }

    #[test]
    fn a_copy_says_what_it_is_of() {
        let of = Origin { task: Uuid::from_u128(7), attempt: 2, index: 3 };
        let key = copied("carla", of);
        assert_eq!(origin(&key), Some(of));
        assert!(key.starts_with(&inputs_of("carla")) && key.len() <= MAX_KEY, "{key}");
        for key in [&format!("{}{}.png", inputs_of("carla"), Uuid::now_v7()), "inputs/a.png", "images/7/2-3.png"] {
            assert_eq!(origin(key), None, "{key}");
        }
    }

    #[test]
    fn everybody_uploads_to_a_place_of_their_own() {
        assert_eq!(inputs_of("carla"), inputs_of("carla"));
        for other in ["Carla", "carla ", "", "bob", "carla/"] {
            assert_ne!(inputs_of("carla"), inputs_of(other), "{other}");
        }
        let prefix = inputs_of("../ä b");
        assert_eq!((prefix.len(), prefix.is_ascii()), (INPUTS.len() + 17, true), "{prefix}");
    }
}
