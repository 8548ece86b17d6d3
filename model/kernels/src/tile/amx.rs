//! Tiles for AMX, which multiplies up to 16 rows with 16 columns, 16 groups deep, in one instruction. Its intrinsics are not
//! stable in Rust 1.95.

use std::arch::asm;
use std::sync::OnceLock;

use super::{COLUMNS, ROWS, Tile, avx512};

/// Groups that an instruction goes along.
const DEPTH: usize = 16;
/// Bytes of a row of a tile register.
const WIDTH: u16 = 64;

/// The shapes of the eight tile registers, as `ldtilecfg` reads them: two for sums; one for the left side and two for
/// the right; the same three for what is left of the inner length.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    widths: [u16; 16],
    rows: [u8; 16],
}

impl Shapes {
    fn new(rest: usize) -> Self {
        let (rows, depth, rest) = (ROWS as u8, DEPTH as u8, rest as u8);
        let mut shapes = Self { palette: 1, start: 0, reserved: [0; 14], widths: [0; 16], rows: [0; 16] };
        shapes.widths[..5].fill(WIDTH);
        shapes.rows[..5].copy_from_slice(&[rows, rows, rows, depth, depth]);
        if rest > 0 {
            shapes.widths[5..8].copy_from_slice(&[4 * u16::from(rest), WIDTH, WIDTH]);
            shapes.rows[5..8].copy_from_slice(&[rows, rest, rest]);
        }
        shapes
    }
}

/// Defines a kernel around the instruction `$multiply`.
macro_rules! kernel {
    ($name:ident, $multiply:literal) => {
        pub(super) unsafe fn $name<const STRIDE: usize>(
            left: *const u32,
            right: *const u32,
            groups: usize,
            tile: &mut Tile,
        ) {
            let shapes = Shapes::new(groups % DEPTH);
            // SAFETY: the processor has AMX and the system permits its use, as this kernel was chosen. Read are a panel
            // of `groups` × COLUMNS and ROWS rows of `groups`, STRIDE apart, which the caller gives; written is the
            // tile, ROWS × COLUMNS numbers.
            unsafe {
                asm!(
                    "ldtilecfg [{shapes}]",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "test {whole}, {whole}",
                    "jz 3f",
                    "2:",
                    "tileloadd tmm2, [{left} + {left_stride}*1]",
                    "tileloadd tmm3, [{right} + {right_stride}*1]",
                    "tileloadd tmm4, [{right} + {right_stride}*1 + 64]",
                    concat!($multiply, " tmm0, tmm2, tmm3"),
                    concat!($multiply, " tmm1, tmm2, tmm4"),
                    "add {left}, 64",
                    "add {right}, {step}",
                    "dec {whole}",
                    "jnz 2b",
                    "3:",
                    "test {rest}, {rest}",
                    "jz 4f",
                    "tileloadd tmm5, [{left} + {left_stride}*1]",
                    "tileloadd tmm6, [{right} + {right_stride}*1]",
                    "tileloadd tmm7, [{right} + {right_stride}*1 + 64]",
                    concat!($multiply, " tmm0, tmm5, tmm6"),
                    concat!($multiply, " tmm1, tmm5, tmm7"),
                    "4:",
                    "tilestored [{tile} + {right_stride}*1], tmm0",
                    "tilestored [{tile} + {right_stride}*1 + 64], tmm1",
                    "tilerelease",
                    shapes = in(reg) &raw const shapes,
                    whole = inout(reg) groups / DEPTH => _,
                    rest = in(reg) groups % DEPTH,
                    left = inout(reg) left => _,
                    right = inout(reg) right => _,
                    tile = in(reg) tile.0.as_mut_ptr(),
                    left_stride = in(reg) 4 * STRIDE,
                    right_stride = in(reg) 4 * COLUMNS,
                    step = const 4 * COLUMNS * DEPTH,
                    out("tmm0") _,
                    out("tmm1") _,
                    out("tmm2") _,
                    out("tmm3") _,
                    out("tmm4") _,
                    out("tmm5") _,
                    out("tmm6") _,
                    out("tmm7") _,
                    options(nostack)
                );
            }
        }
    };
}

kernel!(int8, "tdpbusd");
kernel!(bf16, "tdpbf16ps");

/// Whether these kernels give what those for AVX-512 give. Asked before they are used, as no machine of Easel's tests has
/// had AMX.
pub(super) fn agrees() -> bool {
    static AGREES: OnceLock<bool> = OnceLock::new();
    *AGREES.get_or_init(|| {
        const STRIDE: usize = 2 * DEPTH + 5;
        // Small whole numbers, whose sums are exact: bytes of any sign on the right, and bf16 from 1 to 2.
        let bytes: Vec<u32> =
            (0..(ROWS + COLUMNS) * STRIDE).map(|index| (index as u32).wrapping_mul(2_654_435_761)).collect();
        let floats: Vec<u32> = bytes.iter().map(|bits| 0x3f80_3f80 | bits & 0x0060_0060).collect();
        [1, DEPTH, STRIDE].into_iter().all(|groups| {
            let product = |numbers: &[u32], kernel: unsafe fn(*const u32, *const u32, usize, &mut Tile)| {
                let mut tile = Tile::ZERO;
                // SAFETY: there are STRIDE groups of all rows and columns, and the processor has AMX, and so AVX-512.
                unsafe { kernel(numbers.as_ptr(), numbers[ROWS * STRIDE..].as_ptr(), groups, &mut tile) };
                tile.0.as_flattened().iter().map(|sum| sum.to_bits()).collect::<Vec<_>>()
            };
            product(&bytes, int8::<STRIDE>) == product(&bytes, avx512::int8_dot::<STRIDE>)
                && product(&floats, bf16::<STRIDE>) == product(&floats, avx512::bf16_dot::<STRIDE>)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes as the processor reads them: widths from byte 16 on, rows from byte 48 on.
    #[test]
    fn shapes_lie_where_the_processor_reads_them() {
        assert_eq!((size_of::<Shapes>(), align_of::<Shapes>()), (64, 64));
        assert_eq!((std::mem::offset_of!(Shapes, widths), std::mem::offset_of!(Shapes, rows)), (16, 48));
        let shapes = Shapes::new(5);
        assert_eq!((shapes.palette, shapes.start, shapes.reserved), (1, 0, [0; 14]));
        assert_eq!(shapes.widths[..8], [64, 64, 64, 64, 64, 20, 64, 64]);
        assert_eq!(shapes.rows[..8], [12, 12, 12, 16, 16, 12, 5, 5]);
        assert_eq!(Shapes::new(0).widths[5..], [0; 11]);
    }
}
