//! Stands in for `cubecl-llvm`. `cubecl-cuda` compiles kernels by NVRTC or by LLVM, chosen by a cargo feature, but links
//! both; LLVM is a download of half a gigabyte that Easel never calls. This has what `cubecl-cuda` names, and refuses to
//! compile. A new version of CubeCL that names something else does not compile with it.

use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_environment::backtrace::BackTrace;
use cubecl_runtime::compiler::CompilationError;
use cubecl_runtime::kernel::BufferIOAttr;

/// What a kernel would be compiled for.
#[derive(Clone, Copy, Debug, Default)]
pub enum LlvmTarget {
    /// GPUs of NVIDIA.
    #[default]
    Nvptx,
}

/// The compiler, which refuses.
#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    /// What for.
    pub target: LlvmTarget,
}

/// How a kernel would be compiled.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// Of AMD's GPUs.
    pub arch: Option<()>,
    /// Of NVIDIA's GPUs.
    pub sm_arch: Option<SmArch>,
    /// Of the driver.
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    /// How scalars are passed.
    pub grid_constants: bool,
}

/// A compiled kernel, of which there is none.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// Its text.
    pub ptx: Vec<core::ffi::c_char>,
    /// Its name.
    pub entrypoint: String,
    /// What it was compiled from.
    pub ir: String,
    /// The shared memory that it takes, in bytes.
    pub shared_memory_size: usize,
    /// What it does with its buffers.
    pub io: Vec<BufferIOAttr>,
}

/// What compiling would give.
pub enum PlironArtifact {
    /// A kernel for NVIDIA's GPUs.
    NvptxCode(NvptxModule),
}

impl PlironCompiler {
    /// Refuses.
    pub fn compile(&mut self, _: KernelDefinition, _: &PlironOptions) -> Result<PlironArtifact, CompilationError> {
        let reason = "this build has no LLVM: kernels are compiled by NVRTC".to_owned();
        Err(CompilationError::Generic { reason, backtrace: BackTrace::capture() })
    }

    /// The language that it would write.
    pub fn lang_tag(&self) -> &'static str {
        "none"
    }
}

/// Names for NVIDIA's GPUs.
pub mod nvptx {
    /// Versions of PTX.
    pub mod ptx_version {
        /// A version, of which none is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PtxVersion {}

        impl PtxVersion {
            /// None.
            pub fn for_driver(_: i32) -> Option<Self> {
                None
            }
        }

        impl core::fmt::Display for PtxVersion {
            fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match *self {}
            }
        }
    }
}

/// Names for every GPU.
pub mod shared {
    /// What a device may offer.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// Whose GPU it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GpuTarget {
            /// NVIDIA's.
            Nvptx,
        }

        /// Takes nothing away: nothing is compiled.
        pub fn restrict_features(_: &mut DeviceProperties, _: GpuTarget) {}
    }
}
