//! Which components of a model are in memory.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::network::text_encoder::TextEncoder;
use crate::network::unet::UNet;
use crate::network::vae::{TinyDecoder, VaeDecoder, VaeEncoder};

/// The components of one stage that are in memory.
#[derive(Default)]
pub(super) struct LoadedComponents {
    pub(super) text_encoder: LoadedComponent<TextEncoder>,
    pub(super) text_encoder_2: LoadedComponent<TextEncoder>,
    pub(super) unet: LoadedComponent<UNet>,
    pub(super) vae_encoder: LoadedComponent<VaeEncoder>,
    pub(super) vae_decoder: LoadedComponent<VaeDecoder>,
    pub(super) tiny_vae: LoadedComponent<TinyDecoder>,
}

impl LoadedComponents {
    /// Releases the text encoders.
    pub(super) fn release_text_encoders(&self) {
        self.text_encoder.release();
        self.text_encoder_2.release();
    }

    /// Releases every component.
    pub(super) fn release_all(&self) {
        self.release_text_encoders();
        self.unet.release();
        self.vae_encoder.release();
        self.vae_decoder.release();
        self.tiny_vae.release();
    }
}

/// A component that may be in memory.
pub(super) struct LoadedComponent<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for LoadedComponent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> LoadedComponent<T> {
    /// Puts the component in memory.
    pub(super) fn set(&self, component: Arc<T>) {
        *self.0.lock() = Some(component);
    }

    /// The component, if it is in memory.
    pub(super) fn get(&self) -> Option<Arc<T>> {
        self.0.lock().clone()
    }

    /// Drops the component; a computation that uses it keeps it until it ends.
    pub(super) fn release(&self) {
        *self.0.lock() = None;
    }
}
