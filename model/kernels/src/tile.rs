//! The innermost products: a tile of [`ROWS`] × [`COLUMNS`] results in registers.
//!
//! Both sides come in groups of 32 bits along their inner length: one f32, two bf16 or four int8
//! ([`Arithmetic::group`]). The left side has one row after another, `STRIDE` groups apart. The right side is a panel:
//! for every group of the inner length, the groups of [`COLUMNS`] columns side by side.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
mod results;

use crate::{Arithmetic, Instructions};
pub(crate) use results::{COLUMNS, ROWS, Tile};

/// Multiplies `left` `[ROWS][STRIDE]` with `right` `[groups][COLUMNS]`.
pub(crate) type Kernel = unsafe fn(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile);

/// The kernel for `arithmetic` with rows `STRIDE` groups apart.
pub(crate) fn kernel<const STRIDE: usize>(arithmetic: Arithmetic, instructions: Instructions) -> Kernel {
    use Arithmetic::{Bf16, F32, Int8};
    #[cfg(target_arch = "x86_64")]
    {
        use Instructions::{Avx2, Avx512, Avx512Bf16, Avx512Vnni, Plain};
        match (arithmetic, instructions) {
            (_, Plain) => {}
            (F32, Avx2) => return avx2::f32::<STRIDE>,
            (Bf16, Avx2) => return avx2::bf16::<STRIDE>,
            (Int8, Avx2) => return avx2::int8::<STRIDE>,
            (F32, Avx512 | Avx512Vnni | Avx512Bf16) => return avx512::f32::<STRIDE>,
            (Bf16, Avx512 | Avx512Vnni) => return avx512::bf16::<STRIDE>,
            (Bf16, Avx512Bf16) => return avx512::bf16_dot::<STRIDE>,
            (Int8, Avx512) => return avx512::int8::<STRIDE>,
            (Int8, Avx512Vnni | Avx512Bf16) => return avx512::int8_dot::<STRIDE>,
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = instructions;
    match arithmetic {
        F32 => plain::f32::<STRIDE>,
        Bf16 => plain::bf16::<STRIDE>,
        Int8 => plain::int8::<STRIDE>,
    }
}

/// Multiplies slices, whose lengths are checked.
#[inline]
pub(crate) fn multiply<const STRIDE: usize>(
    kernel: Kernel,
    left: &[u32],
    right: &[u32],
    groups: usize,
    tile: &mut Tile,
) {
    assert!(groups <= STRIDE && left.len() >= (ROWS - 1) * STRIDE + groups && right.len() >= groups * COLUMNS);
    // SAFETY: a kernel reads `groups` groups of each of the rows and of the panel, which the slices have.
    unsafe { kernel(left.as_ptr(), right.as_ptr(), groups, tile) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kernel against the plain one, on every inner length up to a few vectors and one long one.
    #[test]
    fn kernels_agree_with_the_plain_one() {
        const STRIDE: usize = 528;
        let mut state = 1_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        for instructions in Instructions::available() {
            for arithmetic in Arithmetic::ALL {
                let number = |random: &mut dyn FnMut() -> u32| match arithmetic {
                    Arithmetic::F32 => ((random() % 2001) as f32 / 1000.0 - 1.0).to_bits(),
                    Arithmetic::Bf16 => {
                        let one = |bits: u32| {
                            let value = (bits % 2001) as f32 / 1000.0 - 1.0;
                            u32::from(half::bf16::from_f32(value).to_bits())
                        };
                        one(random()) | one(random()) << 16
                    }
                    Arithmetic::Int8 => random() ^ random() << 9,
                };
                for groups in (0..40).chain([511, 512]) {
                    let left: Vec<u32> = (0..ROWS * STRIDE).map(|_| number(&mut random)).collect();
                    let right: Vec<u32> = (0..groups * COLUMNS).map(|_| number(&mut random)).collect();
                    let run = |instructions| {
                        let mut tile = Tile([[f32::NAN; COLUMNS]; ROWS]);
                        multiply::<STRIDE>(
                            kernel::<STRIDE>(arithmetic, instructions),
                            &left,
                            &right,
                            groups,
                            &mut tile,
                        );
                        tile.0
                    };
                    let (ours, plain) = (run(instructions), run(Instructions::Plain));
                    for (ours, plain) in ours.iter().flatten().zip(plain.iter().flatten()) {
                        if arithmetic == Arithmetic::Int8 {
                            assert_eq!(ours.to_bits(), plain.to_bits(), "{instructions} int8, {groups} groups");
                        } else {
                            let bound = 1e-5 * groups as f32 + 1e-7;
                            assert!(
                                (ours - plain).abs() <= bound,
                                "{instructions} {arithmetic:?}, {groups} groups: {ours} is not {plain}"
                            );
                        }
                    }
                }
            }
        }
    }
}
