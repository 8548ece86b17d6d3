//! Devices of a Vulkan driver or of Metal, and which of them is used.

use super::backend::Backend;
use super::gpu::sized;
use super::requirement::Requirement;
use crate::precision::Precision;

/// One device as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adapter {
    pub(super) name: String,
    /// The driver's name and version.
    pub(super) driver: String,
    pub(super) kind: AdapterKind,
    /// Whether it computes in f16.
    pub(super) has_f16: bool,
    /// Bytes of the largest tensor that a kernel can be given.
    pub(super) largest_tensor: u64,
}

/// What a driver computes on, the one to prefer first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A GPU of the machine that this virtual one runs on.
    Virtual,
    /// A device that its driver says nothing of.
    Other,
    /// The CPU.
    Software,
}

impl AdapterKind {
    /// What it is, for people.
    fn described(self) -> &'static str {
        match self {
            Self::Discrete => "a GPU of its own",
            Self::Integrated => "a GPU in the host's memory",
            Self::Virtual => "a virtual GPU",
            Self::Other => "a device of unknown kind",
            Self::Software => "software on the CPU",
        }
    }

    /// Whether it computes in the host's memory.
    pub(super) fn shares_memory(self) -> bool {
        matches!(self, Self::Integrated | Self::Software)
    }
}

impl Adapter {
    /// What it is, for people.
    pub(super) fn described(&self) -> String {
        format!("{} ({}, {})", self.name, self.kind.described(), self.driver)
    }

    /// The precision that it computes in, where `asked` or its own.
    ///
    /// # Errors
    /// It has no such arithmetic.
    pub(super) fn precision(&self, asked: Option<Precision>) -> Result<Precision, String> {
        match asked {
            None if self.has_f16 => Ok(Precision::F16),
            None => Ok(Precision::F32),
            Some(Precision::F16) if !self.has_f16 => Err(format!("{} has no f16: use f32", self.name)),
            Some(precision @ (Precision::F32 | Precision::F16)) => Ok(precision),
            Some(other) => {
                let others = if self.has_f16 { "f16 or f32" } else { "f32" };
                Err(format!("there are no kernels for {other} on {}: use {others}", self.name))
            }
        }
    }

    /// Whether the largest tensor fits into one of its buffers.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn buffer(&self, requirement: Requirement) -> Result<String, String> {
        let (most, needed) = (sized(self.largest_tensor), sized(requirement.largest_tensor));
        let sizes = format!("{} takes tensors of up to {most}, {needed} needed", self.name);
        if requirement.largest_tensor <= self.largest_tensor { Ok(sizes) } else { Err(sizes) }
    }
}

/// The places of the adapters to try in turn: the one with the number `asked`, counted in the order of preference, or all
/// but those in software, which are tried only if the backend was named.
///
/// # Errors
/// There are none, with the reason.
pub(super) fn candidates(
    adapters: &[Adapter],
    backend: Backend,
    asked: Option<usize>,
    is_named: bool,
) -> Result<Vec<usize>, String> {
    let api = backend.described();
    let mut places: Vec<usize> = (0..adapters.len()).collect();
    places.sort_by_key(|&place| adapters[place].kind);
    if places.is_empty() {
        return Err(format!("no {api} driver, or no {api} device, on this machine"));
    }
    if let Some(number) = asked {
        let missing = || format!("there is no {api} device {number}; {} found", adapters.len());
        return places.get(number).map(|&place| vec![place]).ok_or_else(missing);
    }
    if !is_named {
        places.retain(|&place| adapters[place].kind != AdapterKind::Software);
        if places.is_empty() {
            let name = &adapters[0].name;
            return Err(format!(
                "{name} computes on the CPU, which is faster without it; --device {backend} takes it anyway"
            ));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AdapterKind::{Discrete, Integrated, Other, Software, Virtual};
    use Backend::{Metal, Vulkan};

    fn adapter(kind: AdapterKind) -> Adapter {
        let name = format!("{kind:?}");
        Adapter { name, driver: "driver 1.0".into(), kind, has_f16: true, largest_tensor: 1 << 30 }
    }

    #[test]
    fn gpus_come_before_software_which_has_to_be_named() {
        type Expected = Result<&'static [usize], &'static str>;
        let nobody = "no Vulkan driver, or no Vulkan device, on this machine";
        let software = "Software computes on the CPU, which is faster without it; --device vulkan takes it anyway";
        let table: [(&[AdapterKind], Option<usize>, bool, Expected); 12] = [
            (&[Discrete], None, false, Ok(&[0])),
            (&[Integrated, Discrete], None, false, Ok(&[1, 0])),
            (&[Software, Other, Virtual, Integrated, Discrete, Discrete], None, false, Ok(&[4, 5, 3, 2, 1])),
            (&[Software, Integrated], None, true, Ok(&[1, 0])),
            (&[Software], None, true, Ok(&[0])),
            (&[Software], None, false, Err(software)),
            (&[Software], Some(0), true, Ok(&[0])),
            (&[Software, Discrete], Some(0), true, Ok(&[1])),
            (&[Software, Discrete], Some(1), true, Ok(&[0])),
            (&[Software, Discrete], Some(2), true, Err("there is no Vulkan device 2; 2 found")),
            (&[], None, false, Err(nobody)),
            (&[], Some(3), true, Err(nobody)),
        ];
        for (kinds, asked, is_named, expected) in table {
            let adapters: Vec<_> = kinds.iter().map(|&kind| adapter(kind)).collect();
            let found = candidates(&adapters, Vulkan, asked, is_named);
            assert_eq!(found, expected.map(<[_]>::to_vec).map_err(str::to_owned), "{kinds:?}, {asked:?}");
        }
        let none = candidates(&[], Metal, None, false).expect_err("there is none");
        assert!(none.contains("Metal"), "{none}");
    }

    #[test]
    fn half_precision_is_used_where_there_is_any() {
        use Precision::{Bf16, F16, F32, Int8};
        let table = [
            (true, None, Ok(F16)),
            (false, None, Ok(F32)),
            (true, Some(F32), Ok(F32)),
            (true, Some(F16), Ok(F16)),
            (false, Some(F16), Err("Integrated has no f16: use f32")),
            (true, Some(Bf16), Err("there are no kernels for bf16 on Integrated: use f16 or f32")),
            (false, Some(Bf16), Err("there are no kernels for bf16 on Integrated: use f32")),
            (true, Some(Int8), Err("there are no kernels for int8 on Integrated: use f16 or f32")),
        ];
        for (has_f16, asked, expected) in table {
            let found = Adapter { has_f16, ..adapter(Integrated) }.precision(asked);
            assert_eq!(found, expected.map_err(str::to_owned), "{asked:?}");
        }
    }

    #[test]
    fn the_largest_tensor_has_to_fit_into_a_buffer() {
        let of = |largest_tensor| adapter(Discrete).buffer(Requirement { largest_tensor, ..Requirement::default() });
        assert_eq!(of(0).expect("it fits"), "Discrete takes tensors of up to 1.0 GiB, 0 MiB needed");
        assert!(of(1 << 30).is_ok());
        assert_eq!(
            of(3 << 29).expect_err("it does not fit"),
            "Discrete takes tensors of up to 1.0 GiB, 1.5 GiB needed"
        );
    }
}
