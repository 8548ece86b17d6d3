//! The packed matrices of a component in memory, by name, so that another LoRA costs only the layers that it touches.

use std::collections::HashMap;

use burn::tensor::{FloatDType, TensorData};
use parking_lot::Mutex;

use super::{ComponentMerge, Fingerprint};
use crate::error::Result;
use crate::network::parameters::ParameterSource;
use crate::ops::{Arithmetic, Packed, PackedShape, UpsampleWeights};

/// The packed matrices of a component that was built, which share their memory with it.
#[derive(Default)]
pub(crate) struct KeptMatrices(Mutex<HashMap<String, KeptMatrix>>);

/// One tensor's.
struct KeptMatrix {
    /// What LoRAs made of it; none if it is as in the checkpoint.
    merged: Option<Fingerprint>,
    matrix: Option<Packed>,
    upsample: Option<UpsampleWeights>,
}

impl KeptMatrices {
    /// Drops every matrix that is not as `merge` makes it.
    pub(crate) fn retain(&self, merge: Option<&ComponentMerge>) {
        self.0.lock().retain(|name, kept| kept.merged == merge.and_then(|merge| merge.fingerprint_of(name)));
    }

    /// Drops every matrix.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

/// Parameters of which the matrices that are kept need not be packed again; the others are kept from then on.
pub(crate) struct KeepingParameters<'a> {
    pub(crate) source: &'a dyn ParameterSource,
    pub(crate) kept: &'a KeptMatrices,
    pub(crate) merge: Option<&'a ComponentMerge>,
}

impl KeepingParameters<'_> {
    /// What `find` finds of the kept tensor `name`, else what `make` makes, which `keep` keeps.
    fn find_or_make<T: Clone>(
        &self,
        name: &str,
        find: impl Fn(&KeptMatrix) -> Option<&T>,
        make: impl FnOnce() -> Result<Option<T>>,
        keep: impl FnOnce(&mut KeptMatrix, T),
    ) -> Result<Option<T>> {
        if let Some(found) = self.kept.0.lock().get(name).and_then(&find) {
            return Ok(Some(found.clone()));
        }
        let Some(made) = make()? else { return Ok(None) };
        let merged = self.merge.and_then(|merge| merge.fingerprint_of(name));
        let mut kept = self.kept.0.lock();
        let entry = kept.entry(name.to_owned()).or_insert(KeptMatrix { merged, matrix: None, upsample: None });
        keep(entry, made.clone());
        Ok(Some(made))
    }
}

impl ParameterSource for KeepingParameters<'_> {
    fn tensor(&self, name: &str, shape: &[usize], dtype: FloatDType) -> Result<Option<TensorData>> {
        self.source.tensor(name, shape, dtype)
    }

    fn matrix(&self, name: &str, shape: &[usize], packed: PackedShape) -> Result<Option<Packed>> {
        self.find_or_make(
            name,
            |kept| kept.matrix.as_ref().filter(|matrix| matrix.shape() == packed),
            || self.source.matrix(name, shape, packed),
            |kept, made| kept.matrix = Some(made),
        )
    }

    fn upsample(&self, name: &str, shape: &[usize], arithmetic: Arithmetic) -> Result<Option<UpsampleWeights>> {
        self.find_or_make(
            name,
            |kept| kept.upsample.as_ref(),
            || self.source.upsample(name, shape, arithmetic),
            |kept, made| kept.upsample = Some(made),
        )
    }
}
