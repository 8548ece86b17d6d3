//! Looking at every number of a component's weights.

use bytes::Bytes;

use super::manifest::{TensorForm, listing};
use super::packing::{PackedFile, upsample_name};
use super::{Component, TensorSource, finite};
use crate::config::ModelConfigs;
use crate::error::Result;
use crate::network::parameters::ParameterSource;
use crate::ops::Arithmetic;
use crate::precision::WeightType;

/// Looks at the numbers of a checkpoint's tensors.
///
/// # Errors
/// [`crate::Error::Weights`] naming file and tensor if one is not finite, or a failure to read.
pub(super) fn of_tensors(source: &dyn TensorSource) -> Result<()> {
    source.names().iter().try_for_each(|name| finite::check(source, name, &source.read(name)?))
}

/// Looks at the numbers of packed weights; of those in 8 bits, which are whole, at what they are multiplied with.
///
/// # Errors
/// As [`of_tensors`].
pub(super) fn of_packed(file: &PackedFile, component: Component, configs: &ModelConfigs) -> Result<()> {
    let scales =
        |numbers: &[f32]| Bytes::from(numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    for listed in listing(component, configs, file.precision().cpu_format()) {
        let (name, shape) = (&listed.name, &listed.shape);
        let (name, arithmetic, bytes) = match listed.form {
            TensorForm::Plain(_) => {
                finite::check(file, name, &file.read(name)?)?;
                continue;
            }
            TensorForm::Matrix(packed) => {
                let Some(matrix) = file.matrix(name, shape, packed)? else { continue };
                let bytes = if packed.arithmetic == Arithmetic::Int8 {
                    scales(matrix.scales())
                } else {
                    matrix.bytes().clone()
                };
                (name.clone(), packed.arithmetic, bytes)
            }
            TensorForm::Upsample(arithmetic) => {
                let Some(matrix) = file.upsample(name, shape, arithmetic)? else { continue };
                let bytes = match arithmetic {
                    Arithmetic::Int8 => scales(&matrix.scales()),
                    _ => file.bytes(&upsample_name(name))?,
                };
                (upsample_name(name), arithmetic, bytes)
            }
        };
        let dtype = if arithmetic == Arithmetic::Bf16 { WeightType::BF16 } else { WeightType::F32 };
        if let Some((place, number)) = finite::first_strange(&bytes, dtype) {
            return Err(finite::strange(file.path().to_owned(), name, place, number));
        }
    }
    Ok(())
}
