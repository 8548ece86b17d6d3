//! How fast this processor can multiply, and how fast it can read and write memory, at most.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::tile::{self, COLUMNS, ROWS, Tile};
use crate::{Arithmetic, Instructions};

/// Groups of the measured product: both of its sides stay in the first cache.
const GROUPS: usize = 128;

/// Operations a second (a multiplication and an addition count as two) of all threads on numbers that are in the first
/// cache already: what no product can exceed. The best of several tries of about `time` each.
pub fn peak(arithmetic: Arithmetic, time: Duration) -> f64 {
    let kernel = tile::kernel::<GROUPS>(arithmetic, Instructions::best());
    let operations = (2 * ROWS * COLUMNS * GROUPS * arithmetic.group()) as f64;
    let rate = |_: rayon::BroadcastContext<'_>| {
        let (left, right) = (vec![0_u32; ROWS * GROUPS], vec![0_u32; GROUPS * COLUMNS]);
        let mut tile = Tile::ZERO;
        let began = Instant::now();
        let mut count = 0_u32;
        while began.elapsed() < time {
            for _ in 0..100 {
                tile::multiply::<GROUPS>(kernel, &left, &right, GROUPS, &mut tile);
                std::hint::black_box(&tile);
            }
            count += 100;
        }
        operations * f64::from(count) / began.elapsed().as_secs_f64()
    };
    (0..5).map(|_| rayon::broadcast(rate).into_iter().sum::<f64>()).fold(0.0, f64::max)
}

/// Bytes a second that all threads together read and write, when they copy numbers that no cache holds: the best of several
/// tries.
pub fn bandwidth() -> f64 {
    const LENGTH: usize = 64 << 20;
    let from = vec![1_u8; LENGTH];
    let mut to = vec![0_u8; LENGTH];
    let chunk = LENGTH.div_ceil(rayon::current_num_threads());
    let mut rate = 0.0_f64;
    for _ in 0..5 {
        let began = Instant::now();
        to.par_chunks_mut(chunk).zip(from.par_chunks(chunk)).for_each(|(to, from)| to.copy_from_slice(from));
        std::hint::black_box(&to);
        rate = rate.max((2 * LENGTH) as f64 / began.elapsed().as_secs_f64());
    }
    rate
}
