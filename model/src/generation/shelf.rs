//! Networks beside the model's own that are in memory: ControlNets and image encoders.

use std::sync::Arc;

use parking_lot::Mutex;

use super::components::LoadedComponent;
use crate::network::image_encoder::ImageEncoder;
use crate::network::steering::SteeringNetwork;

/// What adapters have in memory.
#[derive(Default)]
pub(super) struct Adapters {
    pub(super) control_nets: Shelf<SteeringNetwork>,
    pub(super) image_encoders: Shelf<ImageEncoder>,
}

impl Adapters {
    /// Drops everything; a computation that uses it keeps it until it ends.
    pub(super) fn release(&self) {
        self.control_nets.keep_only(&[]);
        self.image_encoders.keep_only(&[]);
    }
}

/// Networks of one kind by the digests of their weights.
pub(super) struct Shelf<T>(Mutex<Vec<(String, Arc<LoadedComponent<T>>)>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    /// The place of the network with `digest`.
    pub(super) fn slot(&self, digest: &str) -> Arc<LoadedComponent<T>> {
        let mut slots = self.0.lock();
        if let Some((_, slot)) = slots.iter().find(|(known, _)| known == digest) {
            return slot.clone();
        }
        let slot = Arc::<LoadedComponent<T>>::default();
        slots.push((digest.to_owned(), slot.clone()));
        slot
    }

    /// Drops all but those with `digests`.
    pub(super) fn keep_only(&self, digests: &[String]) {
        self.0.lock().retain(|(digest, _)| digests.contains(digest));
    }
}
