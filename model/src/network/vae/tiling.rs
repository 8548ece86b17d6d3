//! Large images in overlapping tiles, so that memory does not grow with them.
//!
//! Group norm and attention see one tile at a time, so a tiled image is close to, not the same
//! as, a whole one; images up to SDXL's own size are therefore never tiled.

use burn::tensor::{DType, Tensor, TensorData};

/// Pixels that a latent stands for, along each side.
pub(crate) const SCALE: usize = 8;
/// Side of a tile in latents: SDXL's native image.
const TILE: usize = 128;
/// Latents that neighbouring tiles share.
const OVERLAP: usize = 32;
/// Latents up to this area are decoded whole: SDXL's sizes of all shapes, and a little more.
const WHOLE: usize = TILE * TILE * 5 / 4;

/// Whether `latents` `[n, 4, h, w]` are decoded in tiles.
pub(super) fn is_large(latents: &Tensor<4>) -> bool {
    let [_, _, h, w] = latents.dims();
    h * w > WHOLE
}

/// Whether `images` `[n, 3, 8h, 8w]` are encoded in tiles.
pub(super) fn is_large_image(images: &Tensor<4>) -> bool {
    let [_, _, h, w] = images.dims();
    h * w > WHOLE * SCALE * SCALE
}

/// Applies `decode` to tiles of latents.
pub(super) fn decode(latents: Tensor<4>, decode: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    tiled(latents, (TILE, OVERLAP), |latents| latents * SCALE, decode)
}

/// Applies `encode` to tiles of images.
pub(super) fn encode(images: Tensor<4>, encode: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    tiled(images, (TILE * SCALE, OVERLAP * SCALE), |pixels| pixels / SCALE, encode)
}

/// Cuts `x` into tiles, applies `apply` to each, and blends the results linearly where they overlap.
/// `scale` turns an input length into an output length.
fn tiled(
    x: Tensor<4>,
    (tile, overlap): (usize, usize),
    scale: impl Fn(usize) -> usize,
    apply: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let device = x.device();
    let (height, width) = (scale(h), scale(w));
    let mut sum: Vec<f32> = Vec::new();
    let mut weight = vec![0.0_f32; height * width];
    let mut channels = 0;
    for top in starts(h, tile, overlap) {
        for left in starts(w, tile, overlap) {
            let (bottom, right) = ((top + tile).min(h), (left + tile).min(w));
            let piece = apply(x.clone().slice([0..n, 0..c, top..bottom, left..right]));
            let [_, out, rows, columns] = piece.dims();
            channels = out;
            sum.resize(n * out * height * width, 0.0);
            let numbers =
                piece.into_data().convert::<f32>().try_into_vec::<f32>().expect("the tile was converted to f32");
            let (top, left) = (scale(top), scale(left));
            let ramp = scale(overlap);
            for row in 0..rows {
                let down = ramp_weight(row, rows, ramp);
                for column in 0..columns {
                    let share = down * ramp_weight(column, columns, ramp);
                    let place = (top + row) * width + left + column;
                    weight[place] += share;
                    for plane in 0..n * out {
                        sum[plane * height * width + place] += share * numbers[(plane * rows + row) * columns + column];
                    }
                }
            }
        }
    }
    for plane in sum.chunks_mut(height * width) {
        plane.iter_mut().zip(&weight).for_each(|(value, weight)| *value /= weight);
    }
    Tensor::from_data(TensorData::new(sum, [n, channels, height, width]), (&device, DType::F32))
}

/// First places of tiles that cover `length`, the last one moved back to fit.
fn starts(length: usize, tile: usize, overlap: usize) -> Vec<usize> {
    let last = length.saturating_sub(tile);
    let mut starts: Vec<_> = (0..last).step_by(tile - overlap).collect();
    starts.push(last);
    starts
}

/// Rises over the first `ramp` places and falls over the last.
fn ramp_weight(index: usize, length: usize, ramp: usize) -> f32 {
    let from_edge = (index + 1).min(length - index);
    (from_edge as f32 / (ramp + 1) as f32).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution};

    #[test]
    fn tiles_cover_every_place_and_blend_to_the_same_image() {
        let device = Device::flex();
        for (h, w) in [(129, 128), (200, 131), (256, 300), (128, 512)] {
            let x = Tensor::<4>::random([1, 2, h, w], Distribution::Default, &device);
            // An operation without neighbours gives the same tiled and whole.
            let blended = tiled(x.clone(), (TILE, OVERLAP), |length| length, |tile| tile * 2.0);
            let difference = (blended - x * 2.0).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "{h}×{w}: {difference}");
        }
    }
}
