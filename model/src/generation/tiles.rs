//! The windows in which the UNet evaluates images that are larger than what it draws well, and how their outputs become one
//! (MultiDiffusion, Bar-Tal et al. 2023): at every step, for every latent, the mean of what the windows over it predict,
//! weighted so that no window ends abruptly.
//!
//! Each window is told that it is an image of its own size, uncropped: the only kind that a model knows how to draw sharply.

use easel_settings::{ResolvedSettings, Tiling};

use crate::network::vae::SCALE;

/// Some rows and columns of latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: usize,
    pub(super) left: usize,
    /// Rows and columns.
    pub(super) size: (usize, usize),
}

/// The windows over latents of a size; one, of everything, where there are no tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    /// Rows and columns of all latents.
    size: (usize, usize),
    /// Latents that neighbours share at least.
    overlap: usize,
    windows: Vec<Window>,
}

impl Windows {
    /// Over latents of `size`, as `settings` ask for.
    pub(super) fn new(settings: &ResolvedSettings, size: (usize, usize)) -> Self {
        let Some(tiling) = settings.tiling() else {
            return Self { size, overlap: 0, windows: vec![Window { top: 0, left: 0, size }] };
        };
        let starts = |length: usize| -> Vec<usize> {
            tiling.starts((length * SCALE) as u32).into_iter().map(|start| start as usize / SCALE).collect()
        };
        let window = tile(tiling, size);
        let columns = starts(size.1);
        let of_row = |top: usize| columns.iter().map(move |&left| Window { top, left, size: window });
        let windows = starts(size.0).into_iter().flat_map(of_row).collect();
        Self { size, overlap: tiling.overlap as usize / SCALE, windows }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Window> {
        self.windows.iter().copied()
    }

    /// What the UNet is told the size is: that of a window.
    pub(super) fn told_size(&self) -> (usize, usize) {
        self.windows[0].size
    }

    /// The mean of what windows have for each place: `outputs` are those of the windows in their order, each a list of
    /// `[channels, rows, columns]`, and the result is such a list for all latents.
    pub(super) fn join(&self, mut outputs: Vec<Vec<Vec<f32>>>) -> Vec<Vec<f32>> {
        if outputs.len() == 1 {
            return outputs.remove(0);
        }
        let (height, width) = self.size;
        let mut weights = vec![0.0_f32; height * width];
        let mut joined: Vec<Vec<f32>> = Vec::new();
        for (window, outputs) in self.iter().zip(outputs) {
            let (rows, columns) = window.size;
            joined.resize(outputs.len(), Vec::new());
            for row in 0..rows {
                let down = self.share(row, rows);
                for column in 0..columns {
                    let share = down * self.share(column, columns);
                    let place = (window.top + row) * width + window.left + column;
                    weights[place] += share;
                    for (joined, output) in joined.iter_mut().zip(&outputs) {
                        let channels = output.len() / (rows * columns);
                        joined.resize(channels * height * width, 0.0);
                        for channel in 0..channels {
                            joined[channel * height * width + place] +=
                                share * output[(channel * rows + row) * columns + column];
                        }
                    }
                }
            }
        }
        for plane in joined.iter_mut().flat_map(|joined| joined.chunks_mut(height * width)) {
            plane.iter_mut().zip(&weights).for_each(|(value, weight)| *value /= weight);
        }
        joined
    }

    /// What counts of a window at `place` of `length`: less and less towards its ends.
    fn share(&self, place: usize, length: usize) -> f32 {
        let from_end = (place + 1).min(length - place);
        (from_end as f32 / (self.overlap + 1) as f32).min(1.0)
    }
}

impl Window {
    /// The window's part of `numbers` `[channels, rows, columns]` of latents that are `width` wide.
    pub(super) fn cut(self, numbers: &[f32], (height, width): (usize, usize)) -> Vec<f32> {
        if self.size == (height, width) {
            return numbers.to_vec();
        }
        let (rows, columns) = self.size;
        let of_plane = |plane: &[f32]| -> Vec<f32> {
            let row = |row: usize| &plane[(self.top + row) * width + self.left..][..columns];
            (0..rows).flat_map(|number| row(number).to_vec()).collect()
        };
        numbers.chunks(height * width).flat_map(of_plane).collect()
    }
}

/// Rows and columns of the tiles of latents of `size`.
fn tile(tiling: Tiling, (height, width): (usize, usize)) -> (usize, usize) {
    let side = tiling.size as usize / SCALE;
    (height.min(side), width.min(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(tile_size: Option<u32>, tile_overlap: u32, size: (usize, usize)) -> Windows {
        let settings = ResolvedSettings { tile_size, tile_overlap: Some(tile_overlap), ..ResolvedSettings::new("a") };
        Windows::new(&settings, size)
    }

    #[test]
    fn what_is_cut_is_joined_to_what_it_was() {
        for (tile, overlap, size, count) in [
            (None, 0, (9, 12), 1),
            (Some(64), 16, (20, 33), 18),
            (Some(64), 0, (16, 16), 4),
            (Some(512), 128, (8, 70), 2),
        ] {
            let windows = windows(tile, overlap, size);
            assert_eq!(windows.iter().count(), count);
            let numbers: Vec<f32> = (0..4 * size.0 * size.1).map(|number| (number as f32 * 0.37).sin()).collect();
            let cut = |window: Window| vec![window.cut(&numbers, size), window.cut(&numbers, size)];
            for joined in windows.join(windows.iter().map(cut).collect()) {
                let worst = joined.iter().zip(&numbers).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(joined.len() == numbers.len() && worst < 1e-6, "{worst}");
            }
        }
    }

    #[test]
    fn windows_go_over_into_each_other() {
        let windows = windows(Some(64), 32, (8, 12));
        let found: Vec<_> = windows.iter().map(|window| window.left).collect();
        assert_eq!(found, [0, 4]);
        let flat = |value: f32| vec![vec![value; 64]];
        let joined = windows.join(vec![flat(0.0), flat(1.0)]).remove(0);
        assert!(joined[..12].windows(2).all(|pair| pair[0] <= pair[1]), "{joined:?}");
        assert_eq!((joined[0], joined[11]), (0.0, 1.0));
        let step = joined[..12].windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f32::max);
        assert!(step < 0.3, "{joined:?}");
    }
}
