//! How fast this processor can multiply at most.

use std::time::{Duration, Instant};

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
