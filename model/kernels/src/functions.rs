//! Functions of one number, written so that a loop of them becomes vector code: no branches, and no calls where the
//! processor can multiply and add in one.

/// Adding it leaves the nearest integer in the low bits: 1.5·2²³.
const MAGIC: f32 = 12_582_912.0;

/// eˣ, within 2 units in the last place; 0 below −87.3 and largest at 88.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let is_zero = x < -87.3;
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.3 { -87.3 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let whole = shifted - MAGIC;
    let rest = whole.mul_add(2.121_944_4e-4, whole.mul_add(-0.693_359_4, x));
    let series = 1.987_569_1e-4_f32
        .mul_add(rest, 1.398_199_9e-3)
        .mul_add(rest, 8.333_452e-3)
        .mul_add(rest, 4.166_579_6e-2)
        .mul_add(rest, 1.666_666_5e-1)
        .mul_add(rest, 0.5);
    let mantissa = series.mul_add(rest * rest, rest) + 1.0;
    let scaled = f32::from_bits(mantissa.to_bits().wrapping_add(shifted.to_bits() << 23));
    if is_zero { 0.0 } else { scaled }
}

/// 2ˣ for x up to 0, within 8·10⁻⁵ of itself, and no less than 2⁻¹²⁶: as exact as weights need to be that are rounded to bf16.
#[inline(always)]
pub(crate) fn rough_exp2(x: f32) -> f32 {
    let x = if x < -126.0 { -126.0 } else { x };
    let shifted = x + MAGIC;
    let rest = x - (shifted - MAGIC);
    let mantissa = 5.517_165e-2_f32.mul_add(rest, 0.242_611_12).mul_add(rest, 0.693_261).mul_add(rest, 0.999_928_1);
    f32::from_bits(mantissa.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// x·σ(x) (Elfwing et al. 2017).
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// x·σ(1.702·x): CLIP's approximation of GELU.
#[inline(always)]
pub(crate) fn quick_gelu(x: f32) -> f32 {
    x / (1.0 + exp(-1.702 * x))
}

/// x, or a fifth of it where it is below zero.
#[inline(always)]
pub(crate) fn leaky_relu(x: f32) -> f32 {
    if x < 0.0 { 0.2 * x } else { x }
}

/// x·Φ(x) (Hendrycks & Gimpel 2016), with the error function by Abramowitz & Stegun 7.1.26, within 1.5·10⁻⁷.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = 1.061_405_4_f32
        .mul_add(t, -1.453_152_1)
        .mul_add(t, 1.421_413_8)
        .mul_add(t, -0.284_496_74)
        .mul_add(t, 0.254_829_6)
        * t;
    let tail = 0.5 * series * exp(-z * z);
    x * if x > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function by its series and continued fraction, in f64.
    fn erf(x: f64) -> f64 {
        let mut sum = x;
        let mut term = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        if x.abs() > 5.0 { x.signum() } else { sum * std::f64::consts::FRAC_2_SQRT_PI }
    }

    #[test]
    fn functions_agree_with_the_standard_librarys() {
        for step in -100_000..=100_000 {
            let x = step as f32 * 0.0009;
            let wide = f64::from(x);
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            // Rounding what goes into `exp` costs as many units as it is large.
            let close = |name: &str, ours: f32, theirs: f64, absolute: f64| {
                let error = (f64::from(ours) - theirs).abs();
                let relative = 4e-7 + 1.2e-7 * wide.abs();
                assert!(error <= absolute + relative * theirs.abs(), "{name}({x}) = {ours}, not {theirs}");
            };
            if x < 88.0 {
                close("exp", exp(x), wide.exp(), 1.3e-38);
            }
            if x <= 0.0 {
                let error = (f64::from(rough_exp2(x)) / wide.max(-126.0).exp2() - 1.0).abs();
                assert!(error < 8e-5, "rough_exp2({x}) = {}", rough_exp2(x));
            }
            close("silu", silu(x), wide * sigmoid(wide), 1e-36);
            close("quick_gelu", quick_gelu(x), wide * sigmoid(1.702 * wide), 1e-36);
            let phi = 0.5 * (1.0 + erf(wide * std::f64::consts::FRAC_1_SQRT_2));
            close("gelu", gelu(x), wide * phi, 1e-6);
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan() && silu(f32::NAN).is_nan() && gelu(f32::NAN).is_nan());
    }
}
