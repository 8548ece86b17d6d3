//! Where the time of a part goes, operation by operation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::ops::Arithmetic;
use crate::ops::ledger::Entry;

/// What all operations of one kind and shape take in one run of a part.
#[derive(Debug, Clone, Serialize)]
pub struct OperationShare {
    /// Kind and shape.
    pub operation: String,
    /// How many there are.
    pub count: u64,
    /// Seconds of all of them.
    pub seconds: f64,
    /// Their share of the whole run.
    pub share: f64,
    /// Billions of multiplications and additions a second.
    pub gflops: f64,
    /// Billions of bytes a second that are read and written.
    pub gigabytes: f64,
    /// The time that the processor would need for the multiplications at their measured peak, or for the memory at its
    /// own, whichever is longer, as a share of the seconds. More than 1 where multiplications are saved.
    pub of_bound: f64,
    /// Whether memory is what bounds them.
    pub is_bound_by_memory: bool,
}

/// The shares of a run of `seconds`, the largest first.
pub(super) fn shares(entries: BTreeMap<String, Entry>, seconds: f64) -> Vec<OperationShare> {
    let bandwidth = easel_kernels::bandwidth();
    let peaks = Arithmetic::ALL.map(|arithmetic| easel_kernels::peak(arithmetic, Duration::from_millis(50)));
    let peak = |arithmetic| {
        let place = Arithmetic::ALL.iter().position(|each| *each == arithmetic);
        place.map_or(f64::INFINITY, |place| peaks[place])
    };
    let mut shares: Vec<_> = entries
        .into_iter()
        .map(|(operation, entry)| {
            let (operations, bytes) = (2.0 * entry.multiply_adds as f64, entry.bytes as f64);
            let (computing, moving) = (operations / peak(entry.arithmetic), bytes / bandwidth);
            OperationShare {
                operation,
                count: entry.count,
                seconds: entry.seconds,
                share: entry.seconds / seconds,
                gflops: operations / entry.seconds / 1e9,
                gigabytes: bytes / entry.seconds / 1e9,
                of_bound: computing.max(moving) / entry.seconds,
                is_bound_by_memory: moving > computing,
            }
        })
        .collect();
    shares.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    shares
}
