//! Pixels into channels and back, in PyTorch's order of channels, on channels-last images.

use burn::tensor::Tensor;

/// `torch.nn.functional.pixel_unshuffle`: `[n, h·by, w·by, c]` → `[n, h, w, c·by·by]`.
pub(super) fn unshuffle(x: Tensor<4>, by: usize) -> Tensor<4> {
    if by == 1 {
        return x;
    }
    let [n, h, w, c] = x.dims();
    let (h, w) = (h / by, w / by);
    let x: Tensor<6> = x.reshape([n, h, by, w, by, c]).permute([0, 1, 3, 5, 2, 4]);
    x.reshape([n, h, w, c * by * by])
}

/// `torch.nn.functional.pixel_shuffle`: `[n, h, w, c·by·by]` → `[n, h·by, w·by, c]`.
pub(super) fn shuffle(x: Tensor<4>, by: usize) -> Tensor<4> {
    let [n, h, w, channels] = x.dims();
    let c = channels / (by * by);
    let x: Tensor<6> = x.reshape([n, h, w, c, by, by]).permute([0, 1, 4, 2, 5, 3]);
    x.reshape([n, h * by, w * by, c])
}

/// Every pixel as a square of `by` × `by`.
pub(super) fn repeat(x: Tensor<4>, by: usize) -> Tensor<4> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h, 1, w, 1, c]).expand([n, h, by, w, by, c]).reshape([n, h * by, w * by, c])
}
