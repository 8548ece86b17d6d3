//! Classifier-free guidance (Ho & Salimans 2022) and its rescaling (Lin et al. 2023, section 3.4).

/// Pulls `text` away from `negative` by `scale`, in place, for pictures of `per_picture` numbers each; `rescale` blends
/// in a version with the contrast of the unguided output (diffusers `rescale_noise_cfg`).
pub(crate) fn apply(text: &mut [f32], negative: &[f32], per_picture: usize, scale: f64, rescale: f64) {
    for (text, negative) in text.chunks_mut(per_picture).zip(negative.chunks(per_picture)) {
        let before = deviation(text);
        for (text, negative) in text.iter_mut().zip(negative) {
            *text = negative + scale as f32 * (*text - negative);
        }
        if rescale > 0.0 {
            let ratio = before / deviation(text).max(f64::MIN_POSITIVE);
            for value in text.iter_mut() {
                let rescaled = (f64::from(*value) * ratio) as f32;
                *value = rescale as f32 * rescaled + (1.0 - rescale as f32) * *value;
            }
        }
    }
}

/// Standard deviation of all numbers.
fn deviation(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    (values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_rescaling_restores_the_contrast_of_each_picture() {
        let text: Vec<f32> = (0..64).map(|index| (index as f32 * 0.7).sin()).collect();
        let negative: Vec<f32> = (0..64).map(|index| (index as f32 * 0.3).cos() * 0.5).collect();
        let mut guided = text.clone();
        apply(&mut guided, &negative, 32, 7.5, 1.0);
        for (guided, text) in guided.chunks(32).zip(text.chunks(32)) {
            assert!((deviation(guided) - deviation(text)).abs() < 1e-6);
        }
        let mut plain = text.clone();
        apply(&mut plain, &negative, 32, 1.0, 0.0);
        assert!(plain.iter().zip(&text).all(|(plain, text)| (plain - text).abs() < 1e-6));
    }
}
