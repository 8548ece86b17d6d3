//! Vectors kept to be used again.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Bytes that are kept for later at most.
const KEPT: usize = 96 << 20;
/// Bytes of one buffer that is kept: larger ones cost more memory than time.
const LARGEST: usize = 32 << 20;

/// Buffers that nobody uses at the moment, the longest unused first.
#[derive(Debug)]
pub struct Buffers<E>(Mutex<VecDeque<Vec<E>>>);

impl<E> Buffers<E> {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// An empty vector with room for `length` numbers.
    pub(crate) fn take(&self, length: usize) -> Option<Vec<E>> {
        let mut buffers = self.0.lock();
        // Not one of twice the length: it would be missed where it fits.
        let fits = |buffer: &Vec<E>| (length..=2 * length).contains(&buffer.capacity());
        let candidates = buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
        let (index, _) = candidates.min_by_key(|(_, buffer)| buffer.capacity())?;
        buffers.remove(index)
    }

    /// Frees all of them.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Keeps `buffer` for later, or frees it or others where that would be too much.
    pub(crate) fn give(&self, buffer: Vec<E>) {
        let bytes = |buffer: &Vec<E>| buffer.capacity() * size_of::<E>();
        if bytes(&buffer) > LARGEST {
            return;
        }
        let mut buffers = self.0.lock();
        buffers.push_back(buffer);
        let mut kept: usize = buffers.iter().map(bytes).sum();
        while kept > KEPT {
            kept -= buffers.pop_front().as_ref().map_or(kept, bytes);
        }
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
