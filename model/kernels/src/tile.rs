//! The innermost products: a tile of [`ROWS`] × [`COLUMNS`] results in registers.
//!
//! Both sides come in groups of 32 bits along their inner length: one f32, two bf16 or four int8
//! ([`Arithmetic::group`]). The left side has one row after another, `STRIDE` groups apart. The right side is a panel:
//! for every group of the inner length, the groups of [`COLUMNS`] columns side by side.

#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod blocks;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_matrix;
mod plain;
mod results;

use crate::{Arithmetic, Instructions};
pub(crate) use results::{COLUMNS, ROWS, Tile};

/// Multiplies `left` `[ROWS][STRIDE]` with `right` `[groups][COLUMNS]`. Bytes of the left side are unsigned, up to
/// [`Instructions::largest_byte`], those of the right side from −127 to 127.
pub(crate) type Kernel = unsafe fn(left: *const u32, right: *const u32, groups: usize, tile: &mut Tile);

/// The kernel for `arithmetic` with rows `STRIDE` groups apart.
pub(crate) fn kernel<const STRIDE: usize>(arithmetic: Arithmetic, instructions: Instructions) -> Kernel {
    use Arithmetic::{Bf16, F32, Int8};
    #[cfg(target_arch = "x86_64")]
    {
        use Instructions::{Amx, Avx2, Avx512, Avx512Bf16, Avx512Vnni, AvxVnni};
        match (arithmetic, instructions) {
            (F32, Avx2 | AvxVnni) => return avx2::f32::<STRIDE>,
            (Bf16, Avx2 | AvxVnni) => return avx2::bf16::<STRIDE>,
            (Int8, Avx2) => return avx2::int8::<STRIDE>,
            (Int8, AvxVnni) => return avx2::int8_dot::<STRIDE>,
            #[cfg(target_os = "linux")]
            (Bf16, Amx) if amx::agrees() => return amx::bf16::<STRIDE>,
            #[cfg(target_os = "linux")]
            (Int8, Amx) if amx::agrees() => return amx::int8::<STRIDE>,
            (F32, Avx512 | Avx512Vnni | Avx512Bf16 | Amx) => return avx512::f32::<STRIDE>,
            (Bf16, Avx512 | Avx512Vnni) => return avx512::bf16::<STRIDE>,
            (Bf16, Avx512Bf16 | Amx) => return avx512::bf16_dot::<STRIDE>,
            (Int8, Avx512) => return avx512::int8::<STRIDE>,
            (Int8, Avx512Vnni | Avx512Bf16 | Amx) => return avx512::int8_dot::<STRIDE>,
            _ => {}
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        use Instructions::{Neon, NeonDot, NeonMatrix};
        match (arithmetic, instructions) {
            (F32, Neon | NeonDot | NeonMatrix) => return neon::f32::<STRIDE>,
            (Bf16, Neon | NeonDot) => return neon::bf16::<STRIDE>,
            (Bf16, NeonMatrix) => return neon_matrix::bf16::<STRIDE>,
            (Int8, Neon) => return neon::int8::<STRIDE>,
            (Int8, NeonDot) => return neon::int8_dot::<STRIDE>,
            (Int8, NeonMatrix) => return neon_matrix::int8::<STRIDE>,
            _ => {}
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
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
    use crate::tests::{Random, shapes};

    /// Groups of the two sides that a product is made of, of any length up to that of a whole block.
    const STRIDE: usize = 656;

    /// A product of random sides, as every set computes it beside plain code.
    fn compare(arithmetic: Arithmetic, groups: usize, left: &[u32], right: &[u32]) {
        let run = |instructions| {
            let mut tile = Tile([[f32::NAN; COLUMNS]; ROWS]);
            multiply::<STRIDE>(kernel::<STRIDE>(arithmetic, instructions), left, right, groups, &mut tile);
            tile.0
        };
        let plain = run(Instructions::Plain);
        let largest = left.iter().flat_map(|group| group.to_ne_bytes()).max().unwrap_or_default();
        let takes = |set: &Instructions| arithmetic != Arithmetic::Int8 || largest <= set.largest_byte();
        for instructions in Instructions::available().filter(takes) {
            for (ours, plain) in run(instructions).iter().flatten().zip(plain.iter().flatten()) {
                let is_close = match arithmetic {
                    Arithmetic::Int8 => ours.to_bits() == plain.to_bits(),
                    _ => (ours - plain).abs() <= 1e-6 * (groups as f32 + 1.0),
                };
                assert!(is_close, "{instructions} {arithmetic:?}, {groups} groups: {ours} is not {plain}");
            }
        }
    }

    #[test]
    fn every_kernel_agrees_with_the_plain_one() {
        let mut random = Random::new(20);
        let lengths: Vec<_> = (0..40)
            .chain([63, 64, 65, 127, 128, 129, 511, 512, STRIDE])
            .chain((0..shapes(400)).map(|_| random.between(0, 300)))
            .collect();
        for groups in lengths {
            for arithmetic in Arithmetic::ALL {
                let length = ROWS * STRIDE + groups * COLUMNS;
                let numbers: Vec<u32> = match arithmetic {
                    Arithmetic::F32 => random.numbers::<f32>(length).into_iter().map(f32::to_bits).collect(),
                    Arithmetic::Bf16 => {
                        let numbers = random.numbers::<half::bf16>(2 * length);
                        numbers.as_chunks::<2>().0.iter().map(|&[low, high]| crate::pack::pair(low, high)).collect()
                    }
                    // Weights have no −128.
                    Arithmetic::Int8 => (0..length)
                        .map(|place| {
                            let least = u8::from(place >= ROWS * STRIDE);
                            let byte = |random: &mut Random| (random.between(least.into(), 255) as u8) ^ least << 7;
                            u32::from_ne_bytes([0; 4].map(|_: u8| byte(&mut random)))
                        })
                        .collect(),
                };
                let (left, right) = numbers.split_at(ROWS * STRIDE);
                compare(arithmetic, groups, left, right);
                if arithmetic == Arithmetic::Int8 {
                    // For sets that take no larger bytes.
                    let left: Vec<u32> = left.iter().map(|group| group & 0x7f7f_7f7f).collect();
                    compare(arithmetic, groups, &left, right);
                }
            }
        }
    }

    /// No sum in between may be too large for what it is held in.
    #[test]
    fn the_largest_bytes_do_not_overflow() {
        for groups in [1, 2, 3, 64, 65, STRIDE] {
            for activations in [0, 0x7f, 0x80, 0xff] {
                for weights in [127_i8, -127] {
                    let left = vec![u32::from_ne_bytes([activations; 4]); ROWS * STRIDE];
                    let right = vec![u32::from_ne_bytes([weights as u8; 4]); groups * COLUMNS];
                    compare(Arithmetic::Int8, groups, &left, &right);
                }
            }
        }
    }
}
