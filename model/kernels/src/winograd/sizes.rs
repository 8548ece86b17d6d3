//! How many sums there are, and how many are made at once.

/// Channels whose sums are made at once.
pub(crate) const CHANNELS: usize = 32;
/// Sums to a side for a convolution.
pub(crate) const CONVOLUTION: usize = 4;
/// Sums to a side for a convolution of an image that is upsampled by two.
pub(crate) const UPSAMPLING: usize = 3;
