//! Buffers for results that are used again: new memory costs the operating system a fault for every page, a tenth of the
//! time of a UNet.

use std::collections::VecDeque;
use std::mem;
use std::sync::Mutex;

use crate::Element;

/// Bytes that are kept for later at most.
const KEPT: usize = 96 << 20;
/// Bytes of one buffer that is kept: larger ones cost more memory than time.
const LARGEST: usize = 32 << 20;

/// Buffers that nobody uses at the moment, the longest unused first.
#[derive(Debug)]
pub struct Buffers<E>(Mutex<VecDeque<Vec<E>>>);

impl<E: Element> Buffers<E> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// An empty vector with room for `length` numbers.
    fn take(&self, length: usize) -> Option<Vec<E>> {
        let mut buffers = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Not one of twice the length: it would be missed where it fits.
        let fits = |buffer: &Vec<E>| (length..=2 * length).contains(&buffer.capacity());
        let candidates = buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
        let (index, _) = candidates.min_by_key(|(_, buffer)| buffer.capacity())?;
        buffers.remove(index)
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }

    fn give(&self, buffer: Vec<E>) {
        let bytes = |buffer: &Vec<E>| buffer.capacity() * size_of::<E>();
        if bytes(&buffer) > LARGEST {
            return;
        }
        let mut buffers = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        buffers.push_back(buffer);
        let mut kept: usize = buffers.iter().map(bytes).sum();
        while kept > KEPT {
            kept -= buffers.pop_front().as_ref().map_or(kept, bytes);
        }
    }
}

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

/// A vector of `length` numbers, which may be any.
pub(crate) fn any<E: Element>(length: usize) -> Vec<E> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_and_not_kept_without_end() {
        let buffers = Buffers::<f32>::new();
        assert!(buffers.take(10).is_none());
        buffers.give(vec![1.0; 100]);
        assert!(buffers.take(101).is_none() && buffers.take(49).is_none());
        assert_eq!(buffers.take(60).map(|buffer| buffer.len()), Some(100));
        assert!(buffers.take(60).is_none());
        let large = LARGEST / size_of::<f32>();
        for _ in 0..6 {
            buffers.give(Vec::with_capacity(large / 2));
        }
        assert_eq!((0..6).filter(|_| buffers.take(large / 2).is_some()).count(), KEPT / (LARGEST / 2));
        buffers.give(Vec::with_capacity(large + 1));
        assert!(buffers.take(large + 1).is_none());
        buffers.give(vec![1.0; 100]);
        buffers.clear();
        assert!(buffers.take(100).is_none());
    }
}
