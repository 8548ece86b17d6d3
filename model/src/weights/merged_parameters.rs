//! The parameters of a component of which LoRAs change some: those from where they are merged, the others from where the
//! unchanged component keeps them.

use std::sync::Arc;

use burn::tensor::{FloatDType, TensorData};

use super::ComponentMerge;
use crate::error::Result;
use crate::network::parameters::ParameterSource;
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};

/// Two sources of parameters, of which each has its own.
pub(super) struct MergedParameters {
    /// What LoRAs change, changed.
    pub(super) merged: Box<dyn ParameterSource>,
    /// Everything else.
    pub(super) unchanged: Box<dyn ParameterSource>,
    pub(super) merge: Arc<ComponentMerge>,
}

impl MergedParameters {
    fn of(&self, name: &str) -> &dyn ParameterSource {
        if self.merge.fingerprint_of(name).is_some() { self.merged.as_ref() } else { self.unchanged.as_ref() }
    }
}

impl ParameterSource for MergedParameters {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        self.of(name).tensor(name, shape, dtype)
    }

    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        self.of(name).matrix(name, shape, packed)
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        self.of(name).upsample(name, shape, arithmetic)
    }
}
