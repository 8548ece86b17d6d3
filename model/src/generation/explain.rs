//! Why a computation gave what is no number.

use super::Model;
use crate::device::Backend;
use crate::error::Error;
use crate::precision::Precision;

impl Model {
    /// The error for a `part` whose result is not finite everywhere: the weight that is not, if there is one, else what the
    /// precision has to do with it.
    pub(super) fn explain(&self, part: &'static str) -> Error {
        // Weights are looked at when they are loaded, but packed matrices are not: they were when they were packed.
        if let Err(error) = self.check_numbers() {
            return error;
        }
        let choice = self.device();
        let message = match choice.precision {
            Precision::F16 if choice.backend.is_gpu() => {
                let others = if choice.backend == Backend::Cuda { "bf16 or f32" } else { "f32" };
                format!(
                    "the result is not a number everywhere, although every weight is: f16 ends at 65504, which is too \
                     little for this model; use --precision {others}"
                )
            }
            _ => {
                "the result is not a number everywhere, although every weight is, and the precision reaches as far as f32: \
                 try a lower guidance scale or other settings; if it stays so, the weights are too large to compute with, \
                 as those of a model whose training or merging failed"
                    .to_owned()
            }
        };
        Error::Computation { part, message }
    }
}
