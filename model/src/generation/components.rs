//! Which components of a model are in memory.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::network::text_encoder::TextEncoder;
use crate::network::unet::UNet;
use crate::network::vae::{TinyDecoder, VaeDecoder, VaeEncoder};
use crate::weights::{ComponentMerge, Fingerprint, KeptMatrices};

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

/// A component that may be in memory, as it is in its files or with LoRAs merged into it.
pub(super) struct LoadedComponent<T> {
    current: Mutex<Option<(MergedAs, Arc<T>)>>,
    /// The matrices of the last one that was built, of which another with other LoRAs can have some.
    matrices: KeptMatrices,
}

/// What tells a component with LoRAs from the same one with others, or with none.
type MergedAs = Option<Fingerprint>;

impl<T> Default for LoadedComponent<T> {
    fn default() -> Self {
        Self { current: Mutex::new(None), matrices: KeptMatrices::default() }
    }
}

impl<T> LoadedComponent<T> {
    /// Puts the component with `merge` in memory.
    pub(super) fn set(&self, merge: Option<&ComponentMerge>, component: Arc<T>) {
        *self.current.lock() = Some((merge.map(ComponentMerge::fingerprint), component));
    }

    /// The component with `merge`, if it is in memory.
    pub(super) fn get(&self, merge: Option<&ComponentMerge>) -> Option<Arc<T>> {
        let current = self.current.lock();
        let (merged_as, component) = current.as_ref()?;
        (*merged_as == merge.map(ComponentMerge::fingerprint)).then(|| component.clone())
    }

    /// The matrices that the next one can have.
    pub(super) fn matrices(&self) -> &KeptMatrices {
        &self.matrices
    }

    /// Drops the component, but for the matrices that it has in common with the one with `merge`.
    pub(super) fn make_way(&self, merge: Option<&ComponentMerge>) {
        *self.current.lock() = None;
        self.matrices.retain(merge);
    }

    /// Drops the component; a computation that uses it keeps it until it ends.
    pub(super) fn release(&self) {
        *self.current.lock() = None;
        self.matrices.clear();
    }
}
