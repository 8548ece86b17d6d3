//! The memory of results.

#![allow(unsafe_code)]

use crate::prefetch::prefetch_at;
use crate::{Element, buffers};

/// Where results go.
pub(crate) struct Target<E> {
    start: *mut E,
    length: usize,
}

// SAFETY: threads write to places of their own only, which `places` gives to one product each.
unsafe impl<E: Send> Sync for Target<E> {}
// SAFETY: as above.
unsafe impl<E: Send> Send for Target<E> {}

impl<E: Element> Target<E> {
    /// Results are written into the spare capacity of `results`.
    fn spare(results: &mut Vec<E>) -> Self {
        let spare = results.spare_capacity_mut();
        Self { start: spare.as_mut_ptr().cast(), length: spare.len() }
    }

    /// Has the memory of `count` places brought near, which will be filled soon.
    #[inline(always)]
    pub(crate) fn prefetch(&self, place: usize, count: usize) {
        prefetch_at(self.start.wrapping_add(place), count);
    }

    /// The places `place..place + count`, for the one product that fills them.
    ///
    /// # Safety
    /// Nobody else has the same places.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn places(&self, place: usize, count: usize) -> &mut [E] {
        assert!(place + count <= self.length, "results outside of their tensor");
        // SAFETY: they are within the target, and numbers may have any bits.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(place), count) }
    }
}

/// The `length` results that `store` writes, which must be all of them; `residual` is what will be added to them.
pub(crate) fn stored<E: Element>(length: usize, residual: Option<&[E]>, store: impl FnOnce(&Target<E>)) -> Vec<E> {
    if let Some(residual) = residual {
        assert_eq!(residual.len(), length, "a residual of another length");
    }
    let mut results = buffers::empty(length);
    store(&Target::spare(&mut results));
    // SAFETY: `store` has written every result, as it is asked to.
    unsafe { results.set_len(length) };
    results
}
