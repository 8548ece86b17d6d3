//! Where to compute and with which numbers.

use clap::Args;
use easel_model::{DevicePreference, Precision};
use easel_system::environment;

use crate::command_error::CommandError;

/// More threads than any machine has use for.
const MOST_THREADS: u64 = 1024;
/// The precision that the device or the weights choose.
const AUTO: &str = "auto";

/// Where to compute and with which numbers.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArguments {
    /// auto, cuda, vulkan, metal (each with :N for one of several), flex or ndarray; auto is the first GPU that works, by
    /// CUDA, else by Vulkan or Metal, else flex (the CPU) [default: auto]
    #[arg(long, value_name = "D", env = environment::DEVICE, hide_env_values = true, default_value = AUTO, hide_default_value = true)]
    pub(crate) device: DevicePreference,
    /// auto, f32, bf16, f16 or int8; auto is what packed weights are packed for, else 16 bit on a GPU, and on the CPU bf16
    /// where the processor has instructions for it, else f32 [default: auto]
    #[arg(long, value_name = "P", env = environment::PRECISION, hide_env_values = true, default_value = AUTO, hide_default_value = true)]
    precision: PrecisionChoice,
}

/// [`DeviceArguments`], and how many processor cores.
#[derive(Debug, Clone, Args)]
pub(crate) struct ComputationArguments {
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    /// Threads that compute on the CPU, at most 1024 [default: as many as this process may use]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=MOST_THREADS))]
    threads: Option<u64>,
}

/// A precision, or `auto`.
#[derive(Debug, Clone, Copy)]
struct PrecisionChoice(Option<Precision>);

impl std::str::FromStr for PrecisionChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == AUTO {
            return Ok(Self(None));
        }
        let precision = text.parse().map_err(|error: easel_model::Error| error.to_string());
        precision.map(|precision| Self(Some(precision)))
    }
}

impl DeviceArguments {
    /// The precision asked for, if not the device's own.
    pub(crate) fn precision(&self) -> Option<Precision> {
        self.precision.0
    }
}

impl ComputationArguments {
    /// Makes the threads that compute; to be called before anything computes.
    ///
    /// # Errors
    /// The system does not give so many.
    pub(crate) fn start_threads(&self) -> Result<(), CommandError> {
        let Some(threads) = self.threads else { return Ok(()) };
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(usize::try_from(threads).unwrap_or(usize::MAX)).build_global();
        pool.map_err(|error| CommandError::failed(format!("--threads: {threads} threads cannot be started: {error}")))
    }
}
