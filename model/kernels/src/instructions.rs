//! What the processor can do, and what is chosen of it.

use std::fmt;
use std::sync::OnceLock;

use easel_system::environment::{self, INSTRUCTIONS};

use crate::Arithmetic;

/// A set of instructions that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instructions {
    /// What every processor has; the compiler makes of it what the target has (NEON on ARM).
    Plain,
    /// AVX2 with fused multiply-add (x86-64-v3).
    Avx2,
    /// AVX-512 F, BW, DQ and VL (x86-64-v4).
    Avx512,
    /// AVX-512 with the dot product of 8-bit integers (VNNI).
    Avx512Vnni,
    /// AVX-512 with the dot products of 8-bit integers and of bf16.
    Avx512Bf16,
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
    /// Every set, least first.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Avx2, Self::Avx512, Self::Avx512Vnni, Self::Avx512Bf16];

    /// The best set that this processor has, or the one that `EASEL_INSTRUCTIONS` allows at most: `plain`, `avx2`,
    /// `avx512` or `avx512vnni`. Found once.
    pub fn best() -> Self {
        static BEST: OnceLock<Instructions> = OnceLock::new();
        *BEST.get_or_init(|| {
            let allowed = match environment::text(INSTRUCTIONS).as_deref() {
                Some("plain") => Self::Plain,
                Some("avx2") => Self::Avx2,
                Some("avx512") => Self::Avx512,
                Some("avx512vnni") => Self::Avx512Vnni,
                _ => Self::Avx512Bf16,
            };
            Self::available().filter(|&instructions| instructions <= allowed).last().unwrap_or(Self::Plain)
        })
    }

    /// The sets that this processor has, least first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|instructions| instructions.missing().is_none())
    }

    /// Whether this processor multiplies bf16 numbers by instructions of their own, in half the time of f32, and may use
    /// them.
    pub fn multiply_bf16() -> bool {
        Self::best() >= Self::Avx512Bf16
    }

    /// What is chosen for `arithmetic` on this processor.
    pub fn choose(arithmetic: Arithmetic) -> Choice {
        let instructions = Self::best();
        let next = Self::ALL.into_iter().find(|&other| other > instructions && other.helps(arithmetic));
        let reason = match next.map(|next| (next, next.missing())) {
            Some((next, Some(missing))) => format!("{next} would be faster, but the processor has no {missing}"),
            Some((next, None)) => format!("{next} would be faster, but EASEL_INSTRUCTIONS does not allow it"),
            None => "the fastest that there are kernels for".to_owned(),
        };
        Choice { instructions, reason }
    }

    /// Whether products in `arithmetic` are faster than with the set before.
    fn helps(self, arithmetic: Arithmetic) -> bool {
        match self {
            Self::Plain => false,
            Self::Avx2 | Self::Avx512 => true,
            Self::Avx512Vnni => arithmetic == Arithmetic::Int8,
            Self::Avx512Bf16 => arithmetic == Arithmetic::Bf16,
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
            Self::Avx512 => Self::Avx2.missing().or(features!("avx512f" "avx512bw" "avx512dq" "avx512vl")),
            Self::Avx512Vnni => Self::Avx512.missing().or(features!("avx512vnni")),
            Self::Avx512Bf16 => Self::Avx512Vnni.missing().or(features!("avx512bf16")),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn missing(self) -> Option<&'static str> {
        (self != Self::Plain).then_some("x86-64 instructions")
    }

    /// Runs `work` compiled with this set's vector instructions. Loops in it become vector code; products of whole
    /// tiles have kernels of their own ([`crate::tile`]). The processor must have the set.
    #[inline]
    pub(crate) fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Plain => work(),
            // SAFETY: sets are made by `best` and `available` alone, which ask the processor.
            #[allow(unsafe_code)]
            Self::Avx2 => unsafe { x86::avx2(work) },
            // SAFETY: as above.
            #[allow(unsafe_code)]
            Self::Avx512 | Self::Avx512Vnni | Self::Avx512Bf16 => unsafe { x86::avx512(work) },
        }
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
            Self::Plain if cfg!(target_arch = "aarch64") => "NEON, by the compiler",
            Self::Plain => "plain code",
            Self::Avx2 => "AVX2 with FMA",
            Self::Avx512 => "AVX-512",
            Self::Avx512Vnni => "AVX-512 with VNNI",
            Self::Avx512Bf16 => "AVX-512 with VNNI and bf16",
        })
    }
}
