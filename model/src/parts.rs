//! Which components of a model are in memory.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::text_encoder::TextEncoder;
use crate::unet::UNet;
use crate::vae::{TinyDecoder, VaeDecoder, VaeEncoder};

/// The components of one stage that are in memory.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) text_encoder: Slot<TextEncoder>,
    pub(crate) text_encoder_2: Slot<TextEncoder>,
    pub(crate) unet: Slot<UNet>,
    pub(crate) vae_encoder: Slot<VaeEncoder>,
    pub(crate) vae_decoder: Slot<VaeDecoder>,
    pub(crate) tiny_vae: Slot<TinyDecoder>,
}

/// A component that may be in memory.
pub(crate) struct Slot<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Puts the component in memory.
    pub(crate) fn set(&self, part: Arc<T>) {
        *self.lock() = Some(part);
    }

    /// The component, if it is in memory.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.lock().clone()
    }

    /// Lets go of it; whoever still computes with it keeps it until then.
    pub(crate) fn release(&self) {
        *self.lock() = None;
    }
}
