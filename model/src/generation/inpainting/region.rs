//! The part of an image that is worked on alone.

use image::GrayImage;

/// Columns `left..right`, rows `top..bottom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::generation) struct Region {
    pub(in crate::generation) left: u32,
    pub(in crate::generation) top: u32,
    pub(in crate::generation) right: u32,
    pub(in crate::generation) bottom: u32,
}

impl Region {
    /// What of `mask` is not black, with `padding` pixels around it, widened towards the proportions of `size` as far as the
    /// image goes (diffusers `VaeImageProcessor.get_crop_region`). Nothing if it is all black.
    pub(super) fn around(mask: &GrayImage, size: (u32, u32), padding: u32) -> Option<Self> {
        let (width, height) = mask.dimensions();
        let row_is_black = |y: &u32| {
            let start = *y as usize * width as usize;
            mask.as_raw()[start..start + width as usize].iter().all(|&value| value == 0)
        };
        let first = (0..height).find(|y| !row_is_black(y))?;
        let last = (first..height).rfind(|y| !row_is_black(y))?;
        let (mut left, mut right) = (width, 0);
        for row in mask.as_raw().chunks(width as usize) {
            let painted = |value: &u8| *value != 0;
            left = left.min(row.iter().position(painted).map_or(width, |x| x as u32));
            right = right.max(row.iter().rposition(painted).map_or(0, |x| x as u32 + 1));
        }
        let (left, right) = (left.saturating_sub(padding), right.saturating_add(padding).min(width));
        let (top, bottom) = (first.saturating_sub(padding), (last + 1).saturating_add(padding).min(height));
        let wanted = f64::from(size.0) / f64::from(size.1);
        let (across, down) = (f64::from(right - left), f64::from(bottom - top));
        let ((left, right), (top, bottom)) = if across / down > wanted {
            ((left, right), widened(top, bottom, across / wanted, height))
        } else {
            (widened(left, right, down * wanted, width), (top, bottom))
        };
        Some(Self { left, top, right, bottom })
    }

    /// Width and height.
    pub(super) fn size(self) -> (u32, u32) {
        (self.right - self.left, self.bottom - self.top)
    }
}

/// `start..end` at about the length `wanted`, around its middle, moved and cut to lie within `0..most`.
fn widened(start: u32, end: u32, wanted: f64, most: u32) -> (u32, u32) {
    let (mut start, mut end, most) = (i64::from(start), i64::from(end), i64::from(most));
    let more = (wanted - (end - start) as f64) as i64;
    start -= more.div_euclid(2);
    end += more - more.div_euclid(2);
    if end >= most {
        start -= end - most;
        end = most;
    }
    if start < 0 {
        end -= start;
        start = 0;
    }
    (start as u32, end.min(most) as u32)
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    /// The image's size, what is painted of it (left, top, right, bottom), the size to work at, the padding, and what diffusers
    /// 0.42 makes of it.
    type Case = ((u32, u32), (u32, u32, u32, u32), (u32, u32), u32, (u32, u32, u32, u32));
    #[rustfmt::skip]
    const REGIONS: &[Case] = &[
        ((154, 142), (33, 94, 151, 133), (128, 128), 32, (1, 0, 154, 142)),
        ((158, 6), (120, 2, 156, 4), (64, 64), 4, (116, 0, 158, 6)),
        ((141, 143), (121, 101, 126, 116), (96, 160), 4, (117, 97, 130, 120)),
        ((192, 6), (171, 0, 177, 5), (96, 160), 0, (171, 0, 177, 6)),
        ((10, 71), (7, 49, 10, 63), (160, 96), 32, (0, 17, 10, 71)),
        ((37, 96), (6, 4, 11, 68), (96, 160), 4, (0, 0, 37, 72)),
        ((175, 114), (160, 109, 165, 113), (160, 96), 32, (114, 77, 175, 114)),
        ((139, 152), (104, 149, 119, 151), (160, 96), 0, (104, 143, 119, 152)),
        ((158, 174), (41, 83, 111, 157), (160, 96), 0, (15, 83, 138, 157)),
        ((165, 149), (68, 72, 84, 81), (128, 128), 32, (36, 37, 116, 117)),
        ((25, 91), (2, 52, 7, 54), (96, 160), 16, (0, 34, 23, 72)),
        ((199, 109), (30, 5, 185, 84), (96, 160), 0, (30, 0, 185, 109)),
        ((186, 153), (84, 141, 120, 150), (96, 160), 4, (80, 80, 124, 153)),
        ((82, 4), (9, 0, 78, 1), (64, 64), 4, (5, 0, 82, 4)),
    ];

    fn region(
        image: (u32, u32),
        painted: (u32, u32, u32, u32),
        size: (u32, u32),
        padding: u32,
    ) -> (u32, u32, u32, u32) {
        let (left, top, right, bottom) = painted;
        let inside = |x, y| (left..right).contains(&x) && (top..bottom).contains(&y);
        let mask = GrayImage::from_fn(image.0, image.1, |x, y| Luma([u8::from(inside(x, y))]));
        let found = Region::around(&mask, size, padding).expect("it is not black");
        (found.left, found.top, found.right, found.bottom)
    }

    #[test]
    fn the_region_is_the_references() {
        for (image, painted, size, padding, expected) in REGIONS {
            assert_eq!(
                region(*image, *painted, *size, *padding),
                *expected,
                "{image:?} {painted:?} {size:?} {padding}"
            );
        }
        assert_eq!(Region::around(&GrayImage::new(9, 9), (64, 64), 4), None);
    }
}
