//! The tensors of a checkpoint as parameters, converted and packed as they are asked for.

use std::path::PathBuf;

use burn::tensor::{FloatDType, TensorData};

use super::TensorSource;
use super::convert::load;
use super::packing::{self, to_be_packed};
use crate::error::{Error, Result};
use crate::network::parameters::ParameterSource;
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};

impl ParameterSource for Box<dyn TensorSource> {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        check_shape(self.as_ref(), name, shape)?;
        load(self.as_ref(), name, shape, dtype).map(Some)
    }

    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        check_shape(self.as_ref(), name, shape)?;
        packing::pack_from(self.as_ref(), name, packed).map(Some)
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        check_shape(self.as_ref(), name, shape)?;
        packing::pack_upsample(arithmetic, &to_be_packed(self.as_ref(), name, arithmetic)?).map(Some)
    }
}

/// Refuses a tensor of another shape than the configuration asks for.
fn check_shape(source: &dyn TensorSource, name: &str, shape: &[usize]) -> Result<()> {
    let (_, found) = source.describe(name)?;
    if found == shape {
        return Ok(());
    }
    Err(Error::Weights {
        file: source.file_of(name).unwrap_or_else(|| PathBuf::from("checkpoint")),
        tensor: Some(name.to_owned()),
        message: format!(
            "has shape {found:?} but the configuration asks for {shape:?}: configuration and weights are not of the same model"
        ),
    })
}
