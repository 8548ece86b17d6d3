//! Numbers on their way to a device and back.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::error::{Error, Result};

/// Reads a tensor back as f32.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |message: String| Error::Computation { part: "the model", message };
    tensor
        .try_into_data_dtype(DType::F32)
        .map_err(|error| failed(error.to_string()))?
        .try_into_vec::<f32>()
        .map_err(|error| failed(format!("{error:?}")))
}

/// Puts f32 numbers on `device`.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F32))
}
