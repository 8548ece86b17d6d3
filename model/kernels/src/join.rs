//! Copies: the channels of two images, one after the other, and numbers as they are.

use rayon::prelude::*;

use crate::{Element, buffers};

/// Pixels that one thread copies at a time.
const CHUNK: usize = 64;

/// `first` `[pixels][channels.0]` and `second` `[pixels][channels.1]` as `[pixels][channels.0 + channels.1]`.
///
/// # Panics
/// If the images have not as many pixels as each other, or no channels.
pub fn join_channels<E: Element>(first: &[E], second: &[E], channels: (usize, usize)) -> Vec<E> {
    let (left, right) = channels;
    assert!(left > 0 && right > 0, "images without channels");
    let pixels = first.len() / left;
    assert!(first.len() == pixels * left && second.len() == pixels * right, "images of other sizes");
    let mut results = buffers::any(first.len() + second.len());
    let chunks = first.par_chunks(CHUNK * left).zip(second.par_chunks(CHUNK * right));
    results.par_chunks_mut(CHUNK * (left + right)).zip(chunks).for_each(|(results, (first, second))| {
        let pixels = first.chunks_exact(left).zip(second.chunks_exact(right));
        for (result, (first, second)) in results.chunks_exact_mut(left + right).zip(pixels) {
            result[..left].copy_from_slice(first);
            result[left..].copy_from_slice(second);
        }
    });
    results
}

/// Copies `from` to `to`, by all threads: one alone does not use all of the memory's rate, and the faults of new pages are
/// shared.
///
/// # Panics
/// If the lengths differ.
pub fn copy<E: Element>(from: &[E], to: &mut [E]) {
    const NUMBERS: usize = 1 << 16;
    assert_eq!(from.len(), to.len(), "numbers of another count");
    to.par_chunks_mut(NUMBERS).zip(from.par_chunks(NUMBERS)).for_each(|(to, from)| to.copy_from_slice(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_both_images_stand_side_by_side() {
        for (pixels, left, right) in [(1, 1, 1), (3, 2, 5), (CHUNK + 1, 7, 3), (5 * CHUNK, 4, 1)] {
            let of = |start: f32, count: usize| (0..count).map(|index| start + index as f32).collect::<Vec<_>>();
            let (first, second) = (of(0.0, pixels * left), of(1e6, pixels * right));
            let both =
                first.chunks(left).zip(second.chunks(right)).flat_map(|(first, second)| [first, second].concat());
            assert_eq!(join_channels(&first, &second, (left, right)), both.collect::<Vec<_>>());
        }
    }
}
