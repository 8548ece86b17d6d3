//! What the processor can do, and what is chosen of it.

#[cfg(target_arch = "x86_64")]
mod amx;

use std::fmt;
use std::sync::OnceLock;

use easel_system::environment::{self, INSTRUCTIONS};

use crate::Arithmetic;

/// A set of instructions that kernels are written for. Each kind of processor has its own; later ones include those
/// before, but AVX-512 does not include AVX-VNNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instructions {
    /// What every processor has; the compiler makes of it what the target has.
    Plain,
    /// AVX2 with fused multiply-add (x86-64-v3).
    Avx2,
    /// AVX2 with the dot product of 8-bit integers (AVX-VNNI: Intel since Alder Lake, AMD since Zen 5).
    AvxVnni,
    /// AVX-512 F, BW, DQ and VL (x86-64-v4).
    Avx512,
    /// AVX-512 with the dot product of 8-bit integers (VNNI).
    Avx512Vnni,
    /// AVX-512 with the dot products of 8-bit integers and of bf16.
    Avx512Bf16,
    /// The same with products of tiles of 8-bit integers and of bf16 (AMX: Intel since Sapphire Rapids).
    Amx,
    /// ARM's vectors.
    Neon,
    /// NEON with the dot product of 8-bit integers (Armv8.2; Graviton2, Apple M1, Cortex-A76).
    NeonDot,
    /// NEON with products of matrices of 8-bit integers (i8mm) and of bf16 (Armv8.6; Graviton3, Apple M2, Cortex-A710).
    NeonMatrix,
}

/// The instructions chosen for an arithmetic, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What products in it compute with.
    pub instructions: Instructions,
    /// The reason, for people.
    pub reason: String,
}

impl Instructions {
    /// Every set that there are kernels for on this kind of processor, least first.
    #[cfg(target_arch = "x86_64")]
    pub const ALL: &[Self] =
        &[Self::Plain, Self::Avx2, Self::AvxVnni, Self::Avx512, Self::Avx512Vnni, Self::Avx512Bf16, Self::Amx];

    /// Every set that there are kernels for on this kind of processor, least first.
    #[cfg(target_arch = "aarch64")]
    pub const ALL: &[Self] = &[Self::Plain, Self::Neon, Self::NeonDot, Self::NeonMatrix];

    /// Every set that there are kernels for on this kind of processor, least first.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub const ALL: &[Self] = &[Self::Plain];

    /// The best set that this processor has, or the one that `EASEL_INSTRUCTIONS` allows at most, by its [name](Self::name).
    /// Found once.
    pub fn best() -> Self {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        *BEST.get_or_init(|| Self::best_of(environment::text(INSTRUCTIONS).as_deref()))
    }

    /// The best set that this processor has up to the one of that name. A name that no set has allows all of them.
    fn best_of(allowed: Option<&str>) -> Self {
        let allowed = Self::ALL.iter().find(|set| Some(set.name()) == allowed);
        let is_allowed = |set: &Self| allowed.is_none_or(|allowed| set <= allowed);
        Self::available().filter(is_allowed).last().unwrap_or(Self::Plain)
    }

    /// The sets that this processor has, least first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|set| set.missing().is_none())
    }

    /// What `EASEL_INSTRUCTIONS` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512vnni",
            Self::Avx512Bf16 => "avx512bf16",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::NeonDot => "neondot",
            Self::NeonMatrix => "neonmatrix",
        }
    }

    /// Whether this processor multiplies bf16 numbers by instructions of their own, in half the time of f32, and may use
    /// them.
    pub fn multiply_bf16() -> bool {
        Self::best().products(Arithmetic::Bf16) > Self::best().products(Arithmetic::F32)
    }

    /// What is chosen for `arithmetic` on this processor.
    pub fn choose(arithmetic: Arithmetic) -> Choice {
        let instructions = Self::best();
        let is_faster = |other: &&Self| other.products(arithmetic) > instructions.products(arithmetic);
        let reason = match Self::ALL.iter().find(is_faster).map(|next| (next, next.missing())) {
            Some((next, Some(missing))) => format!("{next} would be faster, but the processor has no {missing}"),
            Some((next, None)) => format!("{next} would be faster, but EASEL_INSTRUCTIONS does not allow it"),
            None => "the fastest that there are kernels for".to_owned(),
        };
        Choice { instructions, reason }
    }

    /// Products that one instruction makes.
    fn products(self, arithmetic: Arithmetic) -> u32 {
        let [f32, bf16, int8] = match self {
            Self::Plain => [1, 1, 1],
            Self::Avx2 => [8, 8, 16],
            Self::AvxVnni => [8, 8, 32],
            Self::Avx512 => [16, 16, 32],
            Self::Avx512Vnni => [16, 16, 64],
            Self::Avx512Bf16 => [16, 32, 64],
            Self::Amx => [16, 6144, 12288],
            Self::Neon => [4, 4, 8],
            Self::NeonDot => [4, 4, 16],
            Self::NeonMatrix => [4, 16, 32],
        };
        match arithmetic {
            Arithmetic::F32 => f32,
            Arithmetic::Bf16 => bf16,
            Arithmetic::Int8 => int8,
        }
    }

    /// The largest byte that an activation becomes. Without a dot product, pairs of products of bytes are added in 16 bits,
    /// which hold no more than twice 127 · 127.
    pub const fn largest_byte(self) -> u8 {
        match self {
            Self::Avx2 | Self::Avx512 => 127,
            _ => 255,
        }
    }

    /// A feature that this processor lacks for the set, if any.
    #[cfg(target_arch = "x86_64")]
    fn missing(self) -> Option<&'static str> {
        macro_rules! features {
            ($($name:tt)*) => {
                [$(($name, std::arch::is_x86_feature_detected!($name))),*]
                    .into_iter()
                    .find_map(|(name, is_there)| (!is_there).then_some(name))
            };
        }
        match self {
            Self::Plain => None,
            Self::Avx2 => features!("avx2" "fma"),
            Self::AvxVnni => Self::Avx2.missing().or(features!("avxvnni")),
            Self::Avx512 => Self::Avx2.missing().or(features!("avx512f" "avx512bw" "avx512dq" "avx512vl")),
            Self::Avx512Vnni => Self::Avx512.missing().or(features!("avx512vnni")),
            Self::Avx512Bf16 => Self::Avx512Vnni.missing().or(features!("avx512bf16")),
            Self::Amx => Self::Avx512Bf16.missing().or((!amx::is_there()).then_some("amx")),
            Self::Neon | Self::NeonDot | Self::NeonMatrix => Some("neon"),
        }
    }

    /// A feature that this processor lacks for the set, if any.
    #[cfg(target_arch = "aarch64")]
    fn missing(self) -> Option<&'static str> {
        macro_rules! features {
            ($($name:tt)*) => {
                [$(($name, std::arch::is_aarch64_feature_detected!($name))),*]
                    .into_iter()
                    .find_map(|(name, is_there)| (!is_there).then_some(name))
            };
        }
        match self {
            Self::Plain => None,
            Self::Neon => features!("neon"),
            Self::NeonDot => Self::Neon.missing().or(features!("dotprod")),
            Self::NeonMatrix => Self::NeonDot.missing().or(features!("i8mm" "bf16")),
            _ => Some("avx2"),
        }
    }

    /// A feature that this processor lacks for the set, if any.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn missing(self) -> Option<&'static str> {
        (self != Self::Plain).then_some("vector instructions that there are kernels for")
    }

    /// Runs `work` compiled with this set's vector instructions. Loops in it become vector code; products of whole
    /// tiles have kernels of their own ([`crate::tile`]). The processor must have the set.
    #[inline]
    pub(crate) fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        #[cfg(target_arch = "x86_64")]
        match self {
            // SAFETY: sets are made by `best` and `available` alone, which ask the processor.
            #[allow(unsafe_code)]
            Self::Avx2 | Self::AvxVnni => unsafe { x86::avx2(work) },
            // SAFETY: as above.
            #[allow(unsafe_code)]
            Self::Avx512 | Self::Avx512Vnni | Self::Avx512Bf16 | Self::Amx => unsafe { x86::avx512(work) },
            Self::Plain | Self::Neon | Self::NeonDot | Self::NeonMatrix => work(),
        }
        // NEON is what the compiler makes vector code of in any case.
        #[cfg(not(target_arch = "x86_64"))]
        work()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<T>(work: impl FnOnce() -> T) -> T {
        work()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub(super) fn avx512<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Plain => "plain code",
            Self::Avx2 => "AVX2 with FMA",
            Self::AvxVnni => "AVX2 with AVX-VNNI",
            Self::Avx512 => "AVX-512",
            Self::Avx512Vnni => "AVX-512 with VNNI",
            Self::Avx512Bf16 => "AVX-512 with VNNI and bf16",
            Self::Amx => "AVX-512 with AMX",
            Self::Neon => "NEON",
            Self::NeonDot => "NEON with dot products",
            Self::NeonMatrix => "NEON with i8mm and bf16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_allows_a_set_and_what_comes_before() {
        let available: Vec<_> = Instructions::available().collect();
        assert_eq!(available[0], Instructions::Plain);
        for &set in &available {
            assert_eq!(Instructions::best_of(Some(set.name())), set);
        }
        let best = available.last().copied();
        assert_eq!(Some(Instructions::best_of(None)), best);
        assert_eq!(Some(Instructions::best_of(Some("sse9"))), best);
        for &set in Instructions::ALL {
            assert!(Instructions::best_of(Some(set.name())) <= set);
        }
    }

    /// What is missing is named for the set that would be faster, not for one that would not.
    #[test]
    fn later_sets_multiply_as_many_numbers_or_more() {
        use Instructions::{Avx2, Avx512, Avx512Bf16, Avx512Vnni, AvxVnni, Neon, NeonDot, NeonMatrix, Plain};
        for sets in
            [&[Plain, Avx2, AvxVnni][..], &[Avx2, Avx512, Avx512Vnni, Avx512Bf16], &[Plain, Neon, NeonDot, NeonMatrix]]
        {
            for pair in sets.windows(2) {
                let gains =
                    Arithmetic::ALL.map(|arithmetic| pair[1].products(arithmetic) >= pair[0].products(arithmetic));
                assert_eq!(gains, [true; 3], "{pair:?}");
                assert!(
                    Arithmetic::ALL.iter().any(|&each| pair[1].products(each) > pair[0].products(each)),
                    "{pair:?}"
                );
            }
        }
    }
}
