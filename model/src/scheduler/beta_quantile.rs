//! Quantiles of the beta distribution that the beta schedule uses.

/// Both parameters of the distribution.
const SHAPE: f64 = 0.6;
/// The beta function of both: Γ(0.6)² / Γ(1.2).
const NORMALIZATION: f64 = 1.489_192_248_812_817 * 1.489_192_248_812_817 / 0.918_168_742_399_760_6;
/// Halvings of the interval; more than an `f64` can tell apart.
const HALVINGS: usize = 60;

/// The value below which lies the share `probability` (0 to 1) of a beta distribution with both parameters 0.6.
pub(super) fn beta_quantile(probability: f64) -> f64 {
    if probability <= 0.0 || probability >= 1.0 {
        return probability.clamp(0.0, 1.0);
    }
    // The distribution is symmetric, and small values are the exact ones.
    if probability > 0.5 {
        return 1.0 - beta_quantile(1.0 - probability);
    }
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if share_below(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The regularized incomplete beta function at `x` (0 to 0.5), by its power series: each term is the one before times
/// `x (1 − b + k) / k`, weighted by `1 / (a + k)`.
fn share_below(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0 / SHAPE);
    for k in 1..200 {
        let k = f64::from(k);
        term *= x * (k - SHAPE) / k;
        sum += term / (SHAPE + k);
        if term < sum * 1e-17 {
            break;
        }
    }
    x.powf(SHAPE) * sum / NORMALIZATION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.beta.ppf(p, 0.6, 0.6)
        assert!((beta_quantile(0.5) - 0.5).abs() < 1e-12);
        assert_eq!((beta_quantile(0.0), beta_quantile(1.0)), (0.0, 1.0));
        for p in [0.01, 0.1, 0.3, 0.45, 0.7, 0.99] {
            let x = beta_quantile(p);
            let share = if x > 0.5 { 1.0 - share_below(1.0 - x) } else { share_below(x) };
            assert!((share - p).abs() < 1e-12, "{p}");
        }
    }
}
