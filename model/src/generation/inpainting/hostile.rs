//! Masks of any size and content: errors in words or a canvas of the size that is worked at, never a panic, and no more memory
//! than a few images. `HOSTILE_FILES` says how many are tried.

use easel_settings::{MaskContent, ResolvedSettings};
use image::{GrayImage, Luma, RgbImage};
use rand_mt::Mt64;

use super::Canvas;
use crate::request::{Extension, Mask};

struct Random(Mt64);

impl Random {
    fn below(&mut self, bound: u64) -> u32 {
        (self.0.next_u64() % bound) as u32
    }

    /// Mostly small, seldom far apart.
    fn size(&mut self) -> (u32, u32) {
        match self.below(100) {
            0 => (1 + self.below(16_384), 1 + self.below(3)),
            1 => (1 + self.below(3), 1 + self.below(16_384)),
            2..9 => (1, 1),
            9..22 => (1 + self.below(300), 1 + self.below(300)),
            _ => (1 + self.below(40), 1 + self.below(40)),
        }
    }

    fn mask(&mut self, (width, height): (u32, u32)) -> GrayImage {
        let (kind, at) = (self.below(7), (self.below(width.into()), self.below(height.into())));
        GrayImage::from_fn(width, height, |x, y| {
            Luma([match kind {
                0 => 0,
                1 => 255,
                2 => self.below(256) as u8,
                3 => 255 * u8::from((x, y) == at),
                4 => 255 * u8::from(x >= at.0 && y >= at.1),
                5 => 126 + self.below(4) as u8,
                _ => (x * 255 / width) as u8,
            }])
        })
    }

    fn settings(&mut self) -> ResolvedSettings {
        let contents = [MaskContent::Original, MaskContent::Fill, MaskContent::Noise, MaskContent::Nothing];
        ResolvedSettings {
            mask_blur: [0, self.below(5), 64][self.below(3) as usize],
            mask_grow: [0, self.below(9), 256][self.below(3) as usize],
            mask_invert: self.below(2) == 0,
            mask_crop: [None, Some(0), Some(self.below(40)), Some(1024)][self.below(4) as usize],
            mask_content: contents[self.below(4) as usize],
            mask_differential: self.below(3) == 0,
            mask_paste: self.below(2) == 0,
            ..ResolvedSettings::new("a heart")
        }
    }
}

#[test]
fn every_mask_is_refused_in_words_or_gives_a_canvas() {
    let count: u32 = std::env::var("HOSTILE_FILES").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let mut random = Random(Mt64::new(18));
    let (mut accepted, mut refused) = (0, 0);
    for case in 0..count {
        let (of_init, settings) = (random.size(), random.settings());
        let of_mask = if random.below(10) == 0 { random.size() } else { of_init };
        let mut init = RgbImage::from_fn(of_init.0, of_init.1, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
        let mut mask = Mask { image: random.mask(of_mask) };
        if random.below(8) == 0 {
            let mut side = || [0, 1 + random.below(70)][random.below(2) as usize];
            let extension = Extension { left: side(), top: side(), right: side(), bottom: side() };
            match extension.apply(&init, Some(&mask), settings.mask_invert) {
                Ok(extended) => (init, mask) = extended,
                Err(error) => assert!(error.to_string().contains("mask: is"), "case {case}: {error}"),
            }
        }
        let size = (64 + 8 * random.below(9), 64 + 8 * random.below(9));
        let made = mask.shaped(init.dimensions(), &settings);
        let made = made.and_then(|(shaped, _)| Ok((Canvas::new(&init, &shaped, size, &settings)?, shaped)));
        let ((canvas, paste), shaped) = match made {
            Ok(made) => made,
            Err(error) => {
                assert!(error.is_wrong_use() && error.to_string().starts_with("mask: "), "case {case}: {error}");
                refused += 1;
                continue;
            }
        };
        accepted += 1;
        let amounts = canvas.amounts();
        assert_eq!(amounts.len() as u32, size.0 / 8 * (size.1 / 8), "case {case}");
        assert!(amounts.iter().all(|amount| (0.0..=1.0).contains(amount)), "case {case}");
        assert_eq!(canvas.masked_numbers().len() as u32, 3 * size.0 * size.1, "case {case}");
        let Some(paste) = paste else { continue };
        let result = paste.apply(RgbImage::from_pixel(size.0, size.1, image::Rgb([7; 3])));
        if paste.region().is_none() {
            assert_eq!(result.dimensions(), size, "case {case}");
            continue;
        }
        assert_eq!(result.dimensions(), init.dimensions(), "case {case}");
        for (x, y, pixel) in result.enumerate_pixels() {
            if shaped.get_pixel(x, y).0 == [0] {
                assert_eq!(pixel, init.get_pixel(x, y), "case {case}: {x} {y}");
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > count / 4 && refused > count / 40, "{accepted} accepted, {refused} refused of {count}");
}
