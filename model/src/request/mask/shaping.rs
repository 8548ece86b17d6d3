//! Changing masks: inverting, growing and softening them. Each takes time that does not depend on how far.

use std::collections::VecDeque;

use image::GrayImage;

/// Box filters that follow each other, which come close to a Gaussian.
const BOXES: usize = 3;

/// Makes white of black.
pub(super) fn invert(mask: &mut GrayImage) {
    mask.iter_mut().for_each(|value| *value = 255 - *value);
}

/// Takes for every pixel the largest value within `reach` pixels, in rows and columns.
pub(super) fn grow(mask: &mut GrayImage, reach: u32) {
    if reach > 0 {
        lines(mask, |line| largest_nearby(line, reach as usize));
    }
}

/// Softens by about a Gaussian of `deviation` pixels. A place further from white than three times that stays as it is.
pub(super) fn blur(mask: &mut GrayImage, deviation: u32) {
    let reaches = reaches(deviation);
    if reaches.iter().any(|&reach| reach > 0) {
        lines(mask, |line| reaches.iter().for_each(|&reach| average_nearby(line, reach)));
    }
}

/// How far the boxes reach that come closest to the deviation: some one place further than the others.
fn reaches(deviation: u32) -> [usize; BOXES] {
    // The variance of a box of 2r + 1 places is r (r + 1) / 3, and that of the boxes together is their sum.
    let (wanted, variance) = (f64::from(deviation).powi(2), |reach: f64| reach * (reach + 1.0) / 3.0);
    let smaller = (((12.0 * wanted / BOXES as f64 + 1.0).sqrt() - 1.0) / 2.0).floor();
    let step = variance(smaller + 1.0) - variance(smaller);
    let larger = ((wanted - BOXES as f64 * variance(smaller)) / step).round() as usize;
    std::array::from_fn(|number| smaller as usize + usize::from(number < larger))
}

/// Changes every row, then every column. In between values have eight more bits.
fn lines(mask: &mut GrayImage, change: impl Fn(&mut [u16])) {
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    let mut values: Vec<u16> = mask.iter().map(|&value| u16::from(value) << 8).collect();
    values.chunks_mut(width.max(1)).for_each(&change);
    let mut column = vec![0; height];
    for x in 0..width {
        column.iter_mut().zip(values.iter().skip(x).step_by(width)).for_each(|(to, from)| *to = *from);
        change(&mut column);
        values.iter_mut().skip(x).step_by(width).zip(&column).for_each(|(to, from)| *to = *from);
    }
    mask.iter_mut().zip(values).for_each(|(to, from)| *to = ((from + 128) >> 8).min(255) as u8);
}

fn largest_nearby(line: &mut [u16], reach: usize) {
    let values = line.to_vec();
    // The places whose values may still be the largest, which fall.
    let mut largest: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    for (place, to) in line.iter_mut().enumerate() {
        while next < values.len() && next <= place + reach {
            while largest.back().is_some_and(|&back| values[back] <= values[next]) {
                largest.pop_back();
            }
            largest.push_back(next);
            next += 1;
        }
        while largest.front().is_some_and(|&front| front + reach < place) {
            largest.pop_front();
        }
        *to = largest.front().map_or(0, |&front| values[front]);
    }
}

/// Beyond the line its ends go on.
fn average_nearby(line: &mut [u16], reach: usize) {
    let values = line.to_vec();
    let Some(last) = values.len().checked_sub(1) else { return };
    let at = |place: isize| u32::from(values[place.clamp(0, last as isize) as usize]);
    let (reach, width) = (reach as isize, 2 * reach as u32 + 1);
    let mut sum: u32 = (-reach..=reach).map(at).sum();
    for (place, to) in (0..).zip(line) {
        *to = ((sum + width / 2) / width) as u16;
        sum = sum + at(place + reach + 1) - at(place - reach);
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn growing_takes_the_largest_nearby() {
        for (width, height, reach) in [(1, 1, 3), (7, 5, 1), (16, 9, 4), (3, 40, 100)] {
            let mask = GrayImage::from_fn(width, height, |x, y| Luma([((x * 31 + y * 57) * 11 % 256) as u8]));
            let mut grown = mask.clone();
            grow(&mut grown, reach);
            let expected = GrayImage::from_fn(width, height, |x, y| {
                let near = |a: u32, b: u32| a.abs_diff(b) <= reach;
                let values = mask.enumerate_pixels().filter(|(a, b, _)| near(*a, x) && near(*b, y));
                Luma([values.map(|(_, _, pixel)| pixel.0[0]).max().unwrap_or_default()])
            });
            assert_eq!(grown, expected, "{width}×{height} by {reach}");
        }
    }

    #[test]
    fn blurring_is_close_to_a_gaussian_and_ends() {
        let mut mask = GrayImage::from_fn(101, 3, |x, _| Luma([if x < 50 { 255 } else { 0 }]));
        blur(&mut mask, 4);
        let row: Vec<u8> = (0..101).map(|x| mask.get_pixel(x, 1).0[0]).collect();
        assert!(row.is_sorted_by(|a, b| a >= b), "{row:?}");
        // The normal distribution's share beyond 0.5, 4.5 and 8.5 pixels.
        for (x, expected) in [(50, 0.450), (54, 0.130), (58, 0.017)] {
            assert!((f64::from(row[x]) / 255.0 - expected).abs() < 0.03, "{x}: {row:?}");
        }
        assert!(row[..38].iter().all(|&value| value == 255) && row[62..].iter().all(|&value| value == 0), "{row:?}");
        let mut single = GrayImage::from_pixel(1, 1, Luma([200]));
        blur(&mut single, 64);
        grow(&mut single, 256);
        invert(&mut single);
        assert_eq!(single.get_pixel(0, 0).0, [55]);
    }
}
