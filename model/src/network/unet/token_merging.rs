//! Token merging for self-attention (Bolya & Hoffman 2023, "Token Merging for Fast Stable Diffusion"; the reference is
//! `tomesd`).
//!
//! Of every window of 2×2 places one is a destination. Of the others, those that are most like a destination anywhere in the
//! map, by the cosine between them, are merged: self-attention gets the mean of a destination and what was merged into it, and
//! each of them gets its result. Feed-forward and cross-attention go on with every place, as the paper has it.
//!
//! The paper matches anew before every block. Here the blocks of one transformer, which follow each other directly, share
//! what was matched before the first of them. Which place of a window is its destination is drawn from a seed, so that an
//! evaluation that is done again merges the same.

use burn::tensor::{FloatDType, IndexingUpdateOp, Int, Tensor};

use crate::ops::flops;

/// Places that are compared with all destinations at a time, so that memory does not grow with the square of the places.
const COMPARED_AT_ONCE: usize = 1024;
/// Less than any length of features that mean something.
const SHORTEST: f32 = 1e-12;

/// How much is merged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TokenMerging {
    /// The share of the places that is merged away, 0 to 1; never a destination.
    pub(crate) ratio: f64,
    /// What the destinations are drawn by.
    pub(crate) seed: u64,
}

/// What is merged of a batch of maps. Rows are those of all its maps, one map after the other.
pub(super) struct MergedTokens {
    /// The rows that stay, in their order: these are the rows after merging.
    kept: Tensor<1, Int>,
    /// The rows that are merged away, and for each the row after merging that it is part of.
    merged: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    /// By what the sum in each row after merging is multiplied to be a mean: `[rows, 1]`.
    shares: Tensor<2>,
    /// For every row before merging the one that has its result.
    sources: Tensor<1, Int>,
}

impl TokenMerging {
    /// What is merged of maps of `h` × `w` places, whose features are `x` `[n, h × w, c]`; `None` if nothing is.
    pub(super) fn matched(self, x: &Tensor<3>, (h, w): (usize, usize)) -> Option<MergedTokens> {
        let [n, places, c] = x.dims();
        let (destinations, others) = self.destinations((h, w));
        let count = ((places as f64 * self.ratio) as usize).min(others.len());
        if destinations.is_empty() || count == 0 {
            return None;
        }
        let x = x.clone().cast(FloatDType::F32).reshape([n * places, c]);
        let lengths = (x.clone() * x.clone()).sum_dim(1).sqrt().clamp_min(SHORTEST);
        let directions = x / lengths;
        let mut best = Vec::new();
        for map in 0..n {
            let rows = |places_of_map: &[usize]| {
                let rows: Vec<i32> = places_of_map.iter().map(|&place| (map * places + place) as i32).collect();
                directions.clone().select(0, Tensor::from_ints(rows.as_slice(), &directions.device()))
            };
            let targets = rows(&destinations).transpose();
            for others in others.chunks(COMPARED_AT_ONCE) {
                best.push(rows(others).matmul(targets.clone()).max_dim_with_indices(1));
            }
        }
        flops::count(n * others.len() * destinations.len() * c);
        // Read at once: on an accelerator each reading waits for what was computed.
        let (likeness, indices): (Vec<_>, Vec<_>) = best.into_iter().unzip();
        let likeness: Vec<f32> = Tensor::cat(likeness, 0).into_data().iter().collect();
        let indices: Vec<i64> = Tensor::cat(indices, 0).into_data().iter().collect();
        let mut rows = Rows::default();
        for (likeness, indices) in likeness.chunks(others.len()).zip(indices.chunks(others.len())) {
            // Which of several that are equally alike comes first does not depend on the machine.
            let mut order: Vec<usize> = (0..others.len()).collect();
            order.sort_by(|&one, &other| likeness[other].total_cmp(&likeness[one]));
            let destination = |index: i64| destinations[(index.max(0) as usize).min(destinations.len() - 1)];
            let pairs = order[..count].iter().map(|&other| (others[other], destination(indices[other])));
            rows.add_map(places, pairs);
        }
        Some(rows.on(&directions.device()))
    }

    /// The places of a map of `h` × `w` by their numbers: the destinations, and all others. What is beside the windows, where
    /// a side is odd, is never a destination.
    fn destinations(self, (h, w): (usize, usize)) -> (Vec<usize>, Vec<usize>) {
        let mut is_destination = vec![false; h * w];
        for (row, column) in (0..h / 2).flat_map(|row| (0..w / 2).map(move |column| (row, column))) {
            let drawn = mixed(self.seed.wrapping_add((row * (w / 2) + column) as u64)) as usize;
            let (down, right) = (drawn & 1, drawn >> 1 & 1);
            is_destination[(2 * row + down) * w + 2 * column + right] = true;
        }
        (0..h * w).partition(|&place| is_destination[place])
    }
}

/// A number that looks like drawn from every other one (SplitMix64, Steele et al. 2014).
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// [`MergedTokens`] on the host.
#[derive(Debug, Default)]
struct Rows {
    kept: Vec<i32>,
    merged: Vec<i32>,
    targets: Vec<i32>,
    shares: Vec<f32>,
    sources: Vec<i32>,
}

impl Rows {
    /// Adds a map of so many `places`, of which `pairs` are merged: a place with its destination.
    fn add_map(&mut self, places: usize, pairs: impl Iterator<Item = (usize, usize)>) {
        let (first, first_kept) = (self.sources.len(), self.kept.len());
        let mut destination = vec![None; places];
        pairs.for_each(|(place, into)| destination[place] = Some(into));
        let mut after = vec![0; places];
        for place in (0..places).filter(|&place| destination[place].is_none()) {
            after[place] = self.kept.len();
            self.kept.push((first + place) as i32);
        }
        let mut counts = vec![1.0; self.kept.len() - first_kept];
        for (place, into) in (0..places).filter_map(|place| Some((place, destination[place]?))) {
            after[place] = after[into];
            counts[after[into] - first_kept] += 1.0;
            self.merged.push((first + place) as i32);
            self.targets.push(after[into] as i32);
        }
        self.sources.extend(after.into_iter().map(|row| row as i32));
        self.shares.extend(counts.into_iter().map(|count: f32| count.recip()));
    }

    fn on(self, device: &burn::tensor::Device) -> MergedTokens {
        let ints = |numbers: Vec<i32>| Tensor::from_ints(numbers.as_slice(), device);
        let count = self.shares.len();
        MergedTokens {
            kept: ints(self.kept),
            merged: ints(self.merged),
            targets: ints(self.targets),
            shares: crate::ops::tensor(self.shares, [count, 1], device),
            sources: ints(self.sources),
        }
    }
}

impl MergedTokens {
    /// `x` `[n, places, c]` → `[n, fewer places, c]`.
    pub(super) fn merge(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, places, c] = x.dims();
        let format = FloatDType::from(x.dtype());
        let x = x.reshape([n * places, c]);
        // Summed in f32: hundreds of places of a plain background can have one destination.
        let rows = |rows: &Tensor<1, Int>| x.clone().select(0, rows.clone()).cast(FloatDType::F32);
        let sums = rows(&self.kept).select_assign(0, self.targets.clone(), rows(&self.merged), IndexingUpdateOp::Add);
        let [count, _] = self.shares.dims();
        (sums * self.shares.clone()).cast(format).reshape([n, count / n, c])
    }

    /// What [`Self::merge`] made smaller, `[n, fewer places, c]`, → `[n, places, c]`.
    pub(super) fn unmerge(&self, x: Tensor<3>) -> Tensor<3> {
        let [n, places, c] = x.dims();
        let [count] = self.sources.dims();
        x.reshape([n * places, c]).select(0, self.sources.clone()).reshape([n, count / n, c])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.cast(FloatDType::F32).into_data().try_into_vec().expect("f32")
    }

    fn random(n: usize, places: usize, c: usize, device: &Device) -> Tensor<3> {
        Tensor::random([n, places, c], Distribution::Default, device)
    }

    #[test]
    fn every_window_has_one_destination_that_depends_on_the_seed() {
        let of = |seed, size| TokenMerging { ratio: 0.5, seed }.destinations(size);
        for (h, w) in [(2, 2), (5, 4), (7, 9), (1, 8), (64, 64)] {
            let (destinations, others) = of(3, (h, w));
            assert_eq!((destinations.len(), others.len()), ((h / 2) * (w / 2), h * w - (h / 2) * (w / 2)));
            let windows: Vec<_> = destinations.iter().map(|place| (place / w / 2, place % w / 2)).collect();
            let mut sorted = windows.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), windows.len(), "two in one window");
        }
        assert_eq!(of(3, (16, 16)), of(3, (16, 16)));
        assert_ne!(of(3, (16, 16)), of(4, (16, 16)));
    }

    #[test]
    fn what_is_not_merged_is_not_touched_and_what_is_gets_the_mean() {
        let device = Device::flex();
        for (seed, (h, w), ratio) in
            [(1, (8, 8), 0.5), (2, (5, 7), 0.3), (3, (2, 3), 0.75), (4, (40, 33), 0.75), (5, (6, 6), 0.1)]
        {
            let (n, c, places) = (2, 24, h * w);
            let x = random(n, places, c, &device);
            let merged = TokenMerging { ratio, seed }.matched(&x, (h, w)).expect("something is merged");
            let small = merged.merge(x.clone());
            let others = places - (h / 2) * (w / 2);
            let fewer = places - ((places as f64 * ratio) as usize).min(others);
            assert_eq!(small.dims(), [n, fewer, c]);
            let back = merged.unmerge(small.clone());
            assert_eq!(back.dims(), [n, places, c]);

            let sources: Vec<i64> = merged.sources.clone().into_data().iter().collect();
            let (before, after) = (numbers(x), numbers(back));
            for row in 0..n * places {
                let together: Vec<_> = (0..n * places).filter(|&other| sources[other] == sources[row]).collect();
                assert!(together.iter().all(|other| other / places == row / places), "maps are mixed");
                for feature in 0..c {
                    let sum: f32 = together.iter().map(|other| before[other * c + feature]).sum();
                    let (mean, found) = (sum / together.len() as f32, after[row * c + feature]);
                    assert!(if together.len() == 1 { found == mean } else { (found - mean).abs() < 1e-5 });
                }
            }
        }
    }

    #[test]
    fn the_most_alike_are_merged_first() {
        let device = Device::flex();
        // Nine places in a row of windows differ, but for the last two of them, which are as the destination beside them.
        let merging = TokenMerging { ratio: 0.25, seed: 9 };
        let (destinations, others) = merging.destinations((2, 4));
        let mut features = vec![0.0_f32; 8 * 8];
        (0..8).for_each(|place| features[place * 8 + place] = 1.0);
        for &other in &others[..2] {
            features.copy_within(destinations[1] * 8..destinations[1] * 8 + 8, other * 8);
            // The direction counts, not the length.
            features[other * 8..other * 8 + 8].iter_mut().for_each(|feature| *feature *= 3.0);
        }
        let x = Tensor::<1>::from_floats(features.as_slice(), &device).reshape([1, 8, 8]);
        let merged = merging.matched(&x, (2, 4)).expect("something is merged");
        let rows: Vec<i64> = merged.merged.clone().into_data().iter().collect();
        assert_eq!(rows, [others[0] as i64, others[1] as i64]);
        let after = numbers(merged.unmerge(merged.merge(x)));
        assert!((after[others[0] * 8 + destinations[1]] - 7.0 / 3.0).abs() < 1e-6);
        assert_eq!(after[destinations[0] * 8 + destinations[0]], 1.0);
    }

    #[test]
    fn a_map_is_merged_in_a_batch_as_it_is_alone() {
        let device = Device::flex();
        let (one, other) = (random(1, 63, 16, &device), random(1, 63, 16, &device));
        let merging = TokenMerging { ratio: 0.4, seed: 7 };
        let merge = |x: Tensor<3>| {
            let merged = merging.matched(&x, (7, 9)).expect("something is merged");
            numbers(merged.unmerge(merged.merge(x)))
        };
        let together = merge(Tensor::cat(vec![one.clone(), other.clone()], 0));
        assert_eq!(together, [merge(one), merge(other)].concat());
    }

    #[test]
    fn a_plain_map_stays_what_it_is_in_few_bits() {
        let device = Device::flex();
        let row = Tensor::<3>::random([1, 1, 8], Distribution::Default, &device).cast(FloatDType::BF16);
        let x = row.expand([1, 40 * 40, 8]);
        let merged = TokenMerging { ratio: 0.75, seed: 0 }.matched(&x, (40, 40)).expect("something is merged");
        assert_eq!(numbers(merged.unmerge(merged.merge(x.clone()))), numbers(x));
    }

    #[test]
    fn nothing_is_merged_without_a_share_or_without_a_window() {
        let x = random(1, 8, 4, &Device::flex());
        assert!(TokenMerging { ratio: 0.0, seed: 0 }.matched(&x, (2, 4)).is_none());
        assert!(TokenMerging { ratio: 0.1, seed: 0 }.matched(&x, (2, 4)).is_none());
        assert!(TokenMerging { ratio: 0.5, seed: 0 }.matched(&x, (1, 8)).is_none());
        assert!(TokenMerging { ratio: 0.5, seed: 0 }.matched(&x, (2, 4)).is_some());
    }
}
