//! Asks for memory before it is read.

#![allow(unsafe_code)]

/// Brings `items` into the second cache, if the processor likes to; what they are is not touched.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINE: usize = 64;
        for line in items.chunks(LINE / size_of::<T>().clamp(1, LINE)) {
            // SAFETY: a prefetch reads nothing that the program would see, and the address is that of a slice.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = items;
}
