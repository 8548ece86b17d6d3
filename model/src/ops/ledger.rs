//! What each operation of a run takes, for whoever asks for it: its time beside what the processor would need for its
//! arithmetic and for its memory (Williams et al. 2009, the roofline).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};
use parking_lot::Mutex;

use super::{Arithmetic, MatrixWeights};

/// Whether operations are entered.
static IS_OPEN: AtomicBool = AtomicBool::new(false);
static ENTRIES: Mutex<BTreeMap<String, Entry>> = Mutex::new(BTreeMap::new());

/// What an operation has to do.
pub(super) struct Work {
    /// Its kind and shape, for people.
    pub(super) name: String,
    /// Products that are added up, as its definition has them.
    pub(super) multiply_adds: usize,
    /// What they are computed in.
    pub(super) arithmetic: Arithmetic,
    /// Bytes that it reads and writes, each once.
    pub(super) bytes: usize,
}

/// All operations of one kind and shape.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// How many there were.
    pub(crate) count: u64,
    /// Seconds that they took.
    pub(crate) seconds: f64,
    /// Multiply-adds of them all.
    pub(crate) multiply_adds: u64,
    /// What these are computed in.
    pub(crate) arithmetic: Arithmetic,
    /// Bytes that they read and wrote.
    pub(crate) bytes: u64,
}

/// Runs `work` and gives what every operation took meanwhile, by its name. Operations of a device that computes behind the
/// program's back count until they are begun only.
pub(crate) fn keep<T>(work: impl FnOnce() -> T) -> (T, BTreeMap<String, Entry>) {
    ENTRIES.lock().clear();
    IS_OPEN.store(true, Ordering::Relaxed);
    let result = work();
    IS_OPEN.store(false, Ordering::Relaxed);
    (result, std::mem::take(&mut *ENTRIES.lock()))
}

/// Runs an operation; `work` says what it had to do, given its result.
pub(super) fn enter<const D: usize>(
    work: impl FnOnce(&Tensor<D>) -> Work,
    operation: impl FnOnce() -> Tensor<D>,
) -> Tensor<D> {
    if !IS_OPEN.load(Ordering::Relaxed) {
        return operation();
    }
    let began = Instant::now();
    let result = operation();
    let seconds = began.elapsed().as_secs_f64();
    let Work { name, multiply_adds, arithmetic, bytes } = work(&result);
    let mut entries = ENTRIES.lock();
    let entry = entries.entry(name).or_insert(Entry { count: 0, seconds: 0.0, multiply_adds: 0, arithmetic, bytes: 0 });
    entry.count += 1;
    entry.seconds += seconds;
    entry.multiply_adds += multiply_adds as u64;
    entry.bytes += bytes as u64;
    result
}

/// Bytes of a tensor's numbers.
pub(super) fn bytes<const D: usize>(tensor: &Tensor<D>) -> usize {
    tensor.shape().num_elements() * tensor.dtype().size()
}

/// What the weights are multiplied in, and the bytes that they take.
pub(super) fn weights(weights: &MatrixWeights<Dispatch>) -> (Arithmetic, usize) {
    match weights {
        MatrixWeights::Packed(packed) => (packed.shape().arithmetic, packed.shape().bytes()),
        MatrixWeights::Plain(tensor) => {
            let tensor = Tensor::<1>::from_dispatch(tensor.clone());
            (arithmetic(tensor.dtype()), bytes(&tensor))
        }
    }
}

/// What numbers of a type are multiplied in.
pub(super) fn arithmetic(dtype: DType) -> Arithmetic {
    if dtype == DType::F32 { Arithmetic::F32 } else { Arithmetic::Bf16 }
}
