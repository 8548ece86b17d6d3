//! Collections: named, ordered sets of images, whichever tasks they are of.

use easel_settings::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Most images of a collection.
pub const MAX_IMAGES: usize = 500;

/// One image of one attempt at a task. A later attempt's images are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ImageReference {
    /// The task.
    pub task: Uuid,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The index of the image within the attempt, from 0.
    pub image: u32,
}

/// The images of a collection, in their order, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collection {
    images: Vec<ImageReference>,
}

impl Collection {
    /// The collection of these images.
    #[must_use]
    pub fn of(images: impl IntoIterator<Item = ImageReference>) -> Self {
        let mut collection = Self::default();
        for image in images {
            if !collection.images.contains(&image) {
                collection.images.push(image);
            }
        }
        collection
    }

    /// The images in their order.
    #[must_use]
    pub fn images(&self) -> &[ImageReference] {
        &self.images
    }

    /// Puts images at the end; those that are there stay where they are.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if there would be more than [`MAX_IMAGES`].
    pub fn add(&mut self, images: &[ImageReference]) -> Result<()> {
        let more = Self::of(self.images.iter().chain(images).copied());
        if more.images.len() > MAX_IMAGES {
            let message = format!(
                "the collection would have {} images, the limit is {MAX_IMAGES}: begin another",
                more.images.len()
            );
            return Err(Error::Invalid(vec![FieldError::new("add", message)]));
        }
        *self = more;
        Ok(())
    }

    /// Takes images out, where they are there.
    pub fn remove(&mut self, images: &[ImageReference]) {
        self.images.retain(|image| !images.contains(image));
    }

    /// Moves an image to the place before another one, or to the end. Nothing moves where the collection has not both.
    pub fn place(&mut self, image: ImageReference, before: Option<ImageReference>) {
        let at = |collection: &Self, wanted| collection.images.iter().position(|other| *other == wanted);
        let Some(from) = at(self, image) else { return };
        if before.is_some_and(|before| before == image || at(self, before).is_none()) {
            return;
        }
        self.images.remove(from);
        let to = before.and_then(|before| at(self, before)).unwrap_or(self.images.len());
        self.images.insert(to, image);
    }
}

impl std::fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.task, self.attempt, self.image)
    }
}

impl std::str::FromStr for ImageReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not TASK/ATTEMPT/IMAGE");
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or_else(wrong);
        let (task, attempt, image) = (next()?, next()?, next()?);
        let reference = Self {
            task: task.parse().map_err(|_| wrong())?,
            attempt: attempt.parse().map_err(|_| wrong())?,
            image: image.parse().map_err(|_| wrong())?,
        };
        if parts.next().is_some() { Err(wrong()) } else { Ok(reference) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(number: u32) -> ImageReference {
        ImageReference { task: Uuid::from_u128(u128::from(number / 4)), attempt: 1, image: number % 4 }
    }

    fn of(numbers: &[u32]) -> Collection {
        Collection::of(numbers.iter().copied().map(image))
    }

    #[test]
    fn each_image_is_there_once_and_in_its_place() {
        let mut collection = of(&[1, 2, 1]);
        collection.add(&[image(2), image(3), image(4)]).expect("there is room");
        assert_eq!(collection, of(&[1, 2, 3, 4]));
        collection.place(image(4), Some(image(1)));
        assert_eq!(collection, of(&[4, 1, 2, 3]));
        collection.place(image(1), None);
        assert_eq!(collection, of(&[4, 2, 3, 1]));
        collection.place(image(4), Some(image(3)));
        assert_eq!(collection, of(&[2, 4, 3, 1]));
        for (moved, before) in [(image(9), None), (image(4), Some(image(9))), (image(4), Some(image(4)))] {
            collection.place(moved, before);
            assert_eq!(collection, of(&[2, 4, 3, 1]));
        }
        collection.remove(&[image(4), image(9)]);
        assert_eq!(collection, of(&[2, 3, 1]));
    }

    #[test]
    fn there_is_a_limit() {
        let most: Vec<_> = (0..500).map(image).collect();
        let mut collection = Collection::default();
        collection.add(&most).expect("as many as there may be");
        collection.add(&most[..3]).expect("they are there");
        assert!(matches!(collection.add(&[image(500)]), Err(Error::Invalid(_))));
        assert_eq!(collection.images().len(), MAX_IMAGES);
    }

    #[test]
    fn a_reference_is_read_as_it_is_written() {
        let reference = ImageReference { task: Uuid::max(), attempt: 3, image: 7 };
        assert_eq!(reference.to_string().parse(), Ok(reference));
        for wrong in
            ["", "heart", "ffffffff-ffff-ffff-ffff-ffffffffffff/1", "ffffffff-ffff-ffff-ffff-ffffffffffff/1/2/3"]
        {
            assert!(wrong.parse::<ImageReference>().is_err(), "{wrong}");
        }
    }
}
