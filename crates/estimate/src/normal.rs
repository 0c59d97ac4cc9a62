//! The standard normal distribution, far into its tails.

use statrs::function::erf::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The 97.5 % point of the standard normal distribution, the end of a two-sided interval of 95 %.
pub const NORMAL_975: f64 = 1.959_963_984_540_054;
/// Below this the distribution is taken from its continued fraction: `erfc` is good to nine digits there, and the
/// derivatives of the ratio cancel.
const TAIL: f64 = -2.5;

/// ln φ(z).
fn log_density(z: f64) -> f64 {
    -0.5 * (z * z + (2.0 * PI).ln())
}

/// φ(z)/Φ(z).
///
/// ```
/// # use omafit_estimate::mills;
/// assert!((mills(0.0) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
/// assert!((mills(-1e8) / 1e8 - 1.0).abs() < 1e-15);
/// ```
pub fn mills(z: f64) -> f64 {
    if z < TAIL { 1.0 / upper_ratio(-z) } else { log_density(z).exp() / cdf(z) }
}

/// ln Φ(z), finite however far z is below zero.
///
/// ```
/// # use omafit_estimate::log_cdf;
/// assert!((log_cdf(0.0) + 2.0_f64.ln()).abs() < 1e-15);
/// ```
pub fn log_cdf(z: f64) -> f64 {
    if z < TAIL {
        log_density(z) + upper_ratio(-z).ln()
    } else if z > 5.0 {
        (-0.5 * erfc(z * FRAC_1_SQRT_2)).ln_1p()
    } else {
        cdf(z).ln()
    }
}

fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z * FRAC_1_SQRT_2)
}

/// (1 − Φ(x))/φ(x) for x > 0, by Laplace's continued fraction 1/(x + 1/(x + 2/(x + 3/(x + …)))).
fn upper_ratio(x: f64) -> f64 {
    // From the inside; so many terms give every digit.
    let terms = 20 + (1500.0 / (x * x)) as u32;
    let tail = (1..=terms).rev().fold(x, |below, k| x + f64::from(k) / below);
    1.0 / tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln Φ(z) to 17 digits, from mpmath: mp.log(mp.ncdf(z)).
    const REFERENCE: [(f64, f64); 8] = [
        (-40.0, -804.608_442_013_753_8),
        (-10.0, -53.231_285_150_512_47),
        (-5.5, -17.779_376_352_625_26),
        (-5.0, -15.064_998_393_988_726),
        (-1.0, -1.841_021_645_009_263_5),
        (0.5, -0.368_946_415_288_656_4),
        (3.0, -0.001_350_809_964_748_193_8),
        (8.0, -6.220_960_574_271_786e-16),
    ];

    #[test]
    fn logarithms_agree_with_high_precision() {
        for (z, expected) in REFERENCE {
            assert!((log_cdf(z) / expected - 1.0).abs() < 1e-10, "{z}: {} {expected}", log_cdf(z));
        }
    }

    #[test]
    fn the_ratio_is_the_slope_of_the_logarithm() {
        for z in [-30.0_f64, -5.1, -4.9, -1.0, 0.0, 2.0, 6.0] {
            let h = 1e-3;
            let difference = (8.0 * (log_cdf(z + h) - log_cdf(z - h))
                - (log_cdf(z + 2.0 * h) - log_cdf(z - 2.0 * h)))
                / (12.0 * h);
            assert!((mills(z) - difference).abs() < 1e-8 * (1.0 + mills(z)), "{z}");
        }
    }
}
