//! Buffers for results that are used again: new memory costs the operating system a fault for every page, a tenth of the
//! time of a UNet.

use std::mem;

use crate::Element;

/// Gives back what is kept for later, for work whose results have other sizes than those before it.
pub fn release_buffers() {
    f32::buffers().clear();
    half::bf16::buffers().clear();
}

/// An empty vector with room for `length` numbers.
pub(crate) fn empty<E: Element>(length: usize) -> Vec<E> {
    let mut buffer = E::buffers().take(length).unwrap_or_else(|| Vec::with_capacity(length));
    buffer.clear();
    buffer
}

/// A vector of `length` numbers, which may be any; wrapped as [`Recycled`], its memory is used again.
pub fn any<E: Element>(length: usize) -> Vec<E> {
    match E::buffers().take(length) {
        Some(mut buffer) => {
            buffer.resize(length, E::default());
            buffer
        }
        None => vec![E::default(); length],
    }
}

/// Results whose memory is used again once they are dropped.
#[derive(Debug)]
pub struct Recycled<E: Element>(Vec<E>);

impl<E: Element> Recycled<E> {
    /// Takes the results of a kernel.
    pub fn new(results: Vec<E>) -> Self {
        Self(results)
    }
}

impl<E: Element> AsRef<[u8]> for Recycled<E> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<E: Element> Drop for Recycled<E> {
    fn drop(&mut self) {
        E::buffers().give(mem::take(&mut self.0));
    }
}
