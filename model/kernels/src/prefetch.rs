//! Asks for memory before it is read.

#![allow(unsafe_code)]

/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Brings `items` into the second cache, if the processor likes to; what they are is not touched.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        for line in items.chunks(LINE / size_of::<T>().clamp(1, LINE)) {
            // SAFETY: a prefetch reads nothing that the program would see, and the address is that of a slice.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = items;
}

/// Brings the memory of `count` numbers from `start` on into the first cache, if the processor likes to; wherever it is,
/// nothing is read.
#[inline(always)]
pub(crate) fn prefetch_at<E>(start: *const E, count: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..(count * size_of::<E>()).div_ceil(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor with this architecture has the instruction, which never fails.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.cast::<i8>().wrapping_add(line * LINE)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, count);
}
