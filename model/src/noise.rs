//! Gaussian noise with the numbers of `torch.randn` on a CPU generator, so that a seed means the same image in every tool.
//!
//! The sources are PyTorch's `ATen/core/MT19937RNGEngine.h`, `ATen/core/DistributionsHelper.h` and `ATen/native/cpu/DistributionTemplates.h`.

use std::f64::consts::TAU;

use rand_mt::Mt;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// From this many numbers on, PyTorch transforms blocks of 16 uniform numbers at once.
const BLOCK: usize = 16;

/// The furthest position that [`NoiseGenerator::resume`] winds forward to: about a second of work, and well above what
/// one image of the largest request draws (2048×2048, 150 steps: about 40 million words).
const MAX_WORDS: u64 = 1 << 28;

/// A source of standard normal numbers: what a PyTorch CPU generator gives after `manual_seed`.
#[derive(Clone, Debug)]
pub struct NoiseGenerator {
    engine: Mt,
    state: NoiseState,
}

/// How far a [`NoiseGenerator`] has come: with the seed, all that is needed to continue elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoiseState {
    /// 32-bit words taken from the Mersenne Twister since the seed.
    pub words: u64,
    /// The second number of a pair of which only the first was given out, as the bits of an `f64` (exact in any format).
    pub spare: Option<u64>,
}

impl NoiseGenerator {
    /// A generator at its start. PyTorch's Mersenne Twister takes only the lower 32 bits of the seed.
    pub fn new(seed: u64) -> Self {
        Self { engine: Mt::new(seed as u32), state: NoiseState::default() }
    }

    /// How far the generator has come.
    pub fn state(&self) -> NoiseState {
        self.state
    }

    /// A generator of `seed` that continues where [`state`](Self::state) was taken.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the position is one that no run reaches.
    pub fn resume(seed: u64, state: NoiseState) -> Result<Self> {
        if state.words > MAX_WORDS {
            return Err(Error::Checkpoint(format!(
                "the noise position {} is beyond {MAX_WORDS}, which no run reaches; start the run again",
                state.words
            )));
        }
        // No number is further out than sqrt(-2 ln 2^-53) = 8.57.
        let possible = |bits| f64::from_bits(bits).abs() < 9.0;
        if !state.spare.is_none_or(possible) {
            return Err(Error::Checkpoint("the spare noise value is not a normal number; start the run again".into()));
        }
        let mut generator = Self::new(seed);
        for _ in 0..state.words {
            generator.engine.next_u32();
        }
        generator.state = state;
        Ok(generator)
    }

    /// `count` standard normal numbers: one call of `torch.randn` for a tensor of that many elements, in row-major order.
    /// The next call continues from there.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.single() as f32).collect();
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform_f32()).collect();
        for block in values.as_chunks_mut::<BLOCK>().0 {
            transform(block);
        }
        // The last block of a size that 16 does not divide is drawn anew, over numbers that were already finished.
        if !count.is_multiple_of(BLOCK) {
            let fresh = std::array::from_fn(|_| self.uniform_f32());
            if let Some(last) = values.last_chunk_mut::<BLOCK>() {
                *last = fresh;
                transform(last);
            }
        }
        values
    }

    /// One number by Box and Muller in double precision. Each transform gives two; the second is kept for the next call.
    fn single(&mut self) -> f64 {
        if let Some(bits) = self.state.spare.take() {
            return f64::from_bits(bits);
        }
        let (angle, distance) = (TAU * self.uniform_f64(), self.uniform_f64());
        let radius = (-2.0 * (-distance).ln_1p()).sqrt();
        self.state.spare = Some((radius * angle.sin()).to_bits());
        radius * angle.cos()
    }

    /// Uniform in [0, 1) with the 24 bits that an `f32` holds.
    fn uniform_f32(&mut self) -> f32 {
        (self.word() & 0x00ff_ffff) as f32 / (1 << 24) as f32
    }

    /// Uniform in [0, 1) with the 53 bits that an `f64` holds.
    fn uniform_f64(&mut self) -> f64 {
        let (high, low) = (u64::from(self.word()), u64::from(self.word()));
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    fn word(&mut self) -> u32 {
        self.state.words += 1;
        self.engine.next_u32()
    }
}

/// A generator for every image of a request.
#[derive(Clone, Debug)]
pub(crate) struct ImageNoise {
    generators: Vec<NoiseGenerator>,
}

impl ImageNoise {
    /// The generators of images with these seeds, at their start.
    pub(crate) fn new(seeds: impl Iterator<Item = u64>) -> Self {
        Self { generators: seeds.map(NoiseGenerator::new).collect() }
    }

    /// How far every image's generator has come.
    pub(crate) fn states(&self) -> Vec<NoiseState> {
        self.generators.iter().map(NoiseGenerator::state).collect()
    }

    /// Generators that go on where [`states`](Self::states) were taken.
    ///
    /// # Errors
    /// Returns [`Error::Checkpoint`] if a position is one that no run reaches.
    pub(crate) fn resume(seeds: impl Iterator<Item = u64>, states: &[NoiseState]) -> Result<Self> {
        let generators = seeds.zip(states).map(|(seed, state)| NoiseGenerator::resume(seed, *state));
        Ok(Self { generators: generators.collect::<Result<_>>()? })
    }

    /// `count` standard normal numbers, image after image the same share of them.
    pub(crate) fn normal(&mut self, count: usize) -> Vec<f32> {
        let share = count / self.generators.len();
        self.generators.iter_mut().flat_map(|generator| generator.normal(share)).collect()
    }
}

/// Turns 16 uniform numbers into normal ones by Box and Muller, the first eight paired with the last eight.
fn transform(block: &mut [f32; BLOCK]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    for (a, b) in first.iter_mut().zip(second) {
        // In f64, because single precision functions differ between processors and a seed must not.
        let radius = (-2.0 * f64::from(1.0 - *a).ln()).sqrt();
        let (sine, cosine) = f64::from(std::f32::consts::TAU * *b).sin_cos();
        (*a, *b) = ((radius * cosine) as f32, (radius * sine) as f32);
    }
}
