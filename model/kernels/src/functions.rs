//! Functions of one number, written so that a loop of them becomes vector code: no branches, and no calls where the
//! processor can multiply and add in one.

/// Adding it leaves the nearest integer in the low bits: 1.5·2²³.
pub(crate) const MAGIC: f32 = 12_582_912.0;

/// The larger one.
#[inline(always)]
pub(crate) fn larger(left: f32, right: f32) -> f32 {
    if left > right { left } else { right }
}

/// Joins numbers pair by pair, so that few wait for each other.
#[inline(always)]
pub(crate) fn fold<T: Copy>(numbers: [T; 32], join: impl Fn(T, T) -> T) -> T {
    let eights: [T; 8] = std::array::from_fn(|lane| {
        join(join(numbers[lane], numbers[lane + 8]), join(numbers[lane + 16], numbers[lane + 24]))
    });
    let fours: [T; 4] = std::array::from_fn(|lane| join(eights[lane], eights[lane + 4]));
    join(join(fours[0], fours[2]), join(fours[1], fours[3]))
}

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

/// x·Φ(x) (Hendrycks & Gimpel 2016).
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function as a quotient of polynomials, within 5·10⁻⁷; ±1 beyond ±4 (Eigen's `generic_fast_erf_float`).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let square = x * x;
    let above = (-2.726_142_3e-10_f32)
        .mul_add(square, 2.770_681_5e-8)
        .mul_add(square, -2.101_024e-6)
        .mul_add(square, -5.692_506_4e-5)
        .mul_add(square, -7.349_906_5e-4)
        .mul_add(square, -2.954_6e-3)
        .mul_add(square, -1.609_603_3e-2);
    let below = (-1.456_607_2e-5_f32)
        .mul_add(square, -2.133_740_6e-4)
        .mul_add(square, -1.682_827e-3)
        .mul_add(square, -7.373_329e-3)
        .mul_add(square, -1.426_473_9e-2);
    let ratio = x * above / below;
    let ratio = if x > 4.0 { 1.0 } else { ratio };
    if x < -4.0 { -1.0 } else { ratio }
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
            close("gelu", gelu(x), wide * phi, 2e-6);
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan() && silu(f32::NAN).is_nan() && gelu(f32::NAN).is_nan());
    }
}
