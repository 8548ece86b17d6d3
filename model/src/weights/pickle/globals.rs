//! The names that a pickle may ask for.

/// The names that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// A module that is a dictionary of parameters.
    ParameterDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    Storage(NumberKind),
}

/// The format of the numbers of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberKind {
    Double,
    Float,
    Half,
    BFloat16,
    /// Whole numbers or bits, of so many bytes.
    Other(usize),
}

impl NumberKind {
    /// Bytes of one number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Double => 8,
            Self::Float => 4,
            Self::Half | Self::BFloat16 => 2,
            Self::Other(bytes) => bytes,
        }
    }
}

impl Global {
    pub(super) fn named(module: &str, name: &str) -> Result<Self, String> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch.nn.modules.container", "ParameterDict") => Self::ParameterDict,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch", "Size") => Self::Size,
            ("torch", "DoubleStorage") => Self::Storage(NumberKind::Double),
            ("torch", "FloatStorage") => Self::Storage(NumberKind::Float),
            ("torch", "HalfStorage") => Self::Storage(NumberKind::Half),
            ("torch", "BFloat16Storage") => Self::Storage(NumberKind::BFloat16),
            ("torch", "LongStorage") => Self::Storage(NumberKind::Other(8)),
            ("torch", "IntStorage") => Self::Storage(NumberKind::Other(4)),
            ("torch", "ShortStorage") => Self::Storage(NumberKind::Other(2)),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Self::Storage(NumberKind::Other(1)),
            _ => {
                let name: String = format!("{module}.{name}").chars().take(80).flat_map(char::escape_debug).collect();
                return Err(format!(
                    "asks for `{name}`, which is no part of a tensor and is not run; get a .safetensors version of the file"
                ));
            }
        })
    }
}
