//! What an upscaler's network is, as the shapes of its tensors say; its files have no configuration.

/// Layers of a dense block (RRDB, Wang et al. 2018).
pub(crate) const DENSE_LAYERS: usize = 5;
/// Dense blocks of a residual block.
pub(crate) const DENSE_BLOCKS: usize = 3;
/// What the result of a dense block, and that of a residual block, is multiplied by before it is added to what went in.
pub(crate) const RESIDUAL_SCALING: f32 = 0.2;

/// An upscaler of one of the two families that are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpscalerShape {
    /// RRDBNet (ESRGAN, Wang et al. 2018; Real-ESRGAN, Wang et al. 2021): residual blocks of dense blocks, then doublings.
    Rrdb {
        /// Channels of the features.
        features: usize,
        /// Channels that each layer of a dense block adds.
        growth: usize,
        /// Residual blocks of three dense blocks.
        blocks: usize,
        /// How often the size is doubled at the end.
        doublings: usize,
        /// By how much each side shrinks at the beginning, its pixels going into channels.
        unshuffle: usize,
    },
    /// SRVGGNetCompact (Real-ESRGAN's small networks): convolutions with a PReLU after each, then pixels out of channels.
    Compact {
        /// Channels of the features.
        features: usize,
        /// Convolutions between the first and the last.
        convolutions: usize,
        /// By how much each side grows.
        scale: usize,
    },
}

impl UpscalerShape {
    /// The network that Real-ESRGAN, and most of what people train, has for 4×.
    pub const ESRGAN: Self = Self::Rrdb { features: 64, growth: 32, blocks: 23, doublings: 2, unshuffle: 1 };

    /// By how much each side grows.
    #[must_use]
    pub fn scale(self) -> usize {
        match self {
            Self::Rrdb { doublings, unshuffle, .. } => (1 << doublings) / unshuffle,
            Self::Compact { scale, .. } => scale,
        }
    }

    /// What the sides of an image have to be multiples of.
    #[must_use]
    pub fn multiple(self) -> usize {
        match self {
            Self::Rrdb { unshuffle, .. } => unshuffle,
            Self::Compact { .. } => 1,
        }
    }

    /// How far from a pixel the network looks, in pixels of the image that goes in.
    #[must_use]
    pub fn reach(self) -> usize {
        match self {
            // One for each 3×3 convolution; those after the doublings reach less far, and together not two.
            Self::Rrdb { blocks, unshuffle, .. } => (1 + blocks * DENSE_BLOCKS * DENSE_LAYERS + 1 + 2) * unshuffle,
            Self::Compact { convolutions, .. } => convolutions + 2,
        }
    }

    /// Multiply-adds for each pixel of the image that goes in.
    #[must_use]
    pub fn multiply_adds(self) -> u64 {
        let count = match self {
            Self::Rrdb { features, growth, blocks, doublings, unshuffle } => {
                let dense = |layer: usize| {
                    let outputs = if layer + 1 == DENSE_LAYERS { features } else { growth };
                    (features + layer * growth) * outputs
                };
                let body = blocks * DENSE_BLOCKS * (0..DENSE_LAYERS).map(dense).sum::<usize>();
                let small = (3 * unshuffle * unshuffle + features) * features + body;
                let doubled: usize = (1..=doublings).map(|level| (features * features) << (2 * level)).sum();
                let last = ((features + 3) * features) << (2 * doublings);
                9 * (small + doubled + last) / (unshuffle * unshuffle)
            }
            Self::Compact { features, convolutions, scale } => {
                9 * features * (3 + convolutions * features + 3 * scale * scale)
            }
        };
        count as u64
    }

    /// Bytes that a computation takes at once for each pixel of the image that goes in, whose numbers have `bytes` bytes.
    pub(crate) fn working_memory(self, bytes: usize) -> usize {
        let numbers = match self {
            // The features before the blocks, before a residual block, and before and after a dense block, beside its layers;
            // or, at the end, those of the last doubling but one, beside two copies of the image.
            Self::Rrdb { features, growth, doublings, unshuffle, .. } => {
                let blocks = 4 * features + (DENSE_LAYERS - 1) * growth;
                let end = features + (features << (2 * doublings.saturating_sub(1))) + (6 << (2 * doublings));
                blocks.max(end) / (unshuffle * unshuffle)
            }
            Self::Compact { features, scale, .. } => 3 * features + 9 * scale * scale,
        };
        // The image itself, before and after, is in f32.
        numbers * bytes + 4 * 3 * (1 + self.scale() * self.scale())
    }

    /// Numbers of the weights.
    pub fn count_numbers(self) -> u64 {
        let convolution = |inputs: usize, outputs: usize| 9 * inputs * outputs + outputs;
        let count = match self {
            Self::Rrdb { features, growth, blocks, doublings, unshuffle } => {
                let dense = |layer: usize| {
                    convolution(features + layer * growth, if layer + 1 == DENSE_LAYERS { features } else { growth })
                };
                convolution(3 * unshuffle * unshuffle, features)
                    + blocks * DENSE_BLOCKS * (0..DENSE_LAYERS).map(dense).sum::<usize>()
                    + (2 + doublings) * convolution(features, features)
                    + convolution(features, 3)
            }
            Self::Compact { features, convolutions, scale } => {
                convolution(3, features)
                    + convolutions * convolution(features, features)
                    + (convolutions + 1) * features
                    + convolution(features, 3 * scale * scale)
            }
        };
        count as u64
    }
}
