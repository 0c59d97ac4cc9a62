//! The standard normal distribution, far into both tails.
//!
//! With φ the density and Φ the distribution function, λ = φ/Φ is the inverse Mills ratio. Below [`TAIL`] it is
//! computed by Laplace's continued fraction in x = −z, whose tails a₁, a₂, … give every derivative without
//! cancellation:
//!
//! ```text
//! λ = x + 1/a₁,   aₖ = x + (k + 1)/aₖ₊₁
//! e = λ + z = 1/a₁                                      λ′ = −λe
//! v = 1 − λe = (x + 4/a₂ − 3/a₃)/(a₁²a₂)                the variance of a standard normal value below z
//! v − e² = −2(x + 9/a₃ − 8/a₄)/(a₁²a₂²a₃)               (λe)′ = λ(v − e²)
//! ```

use libm::erfc;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The 97.5 % quantile of the standard normal distribution, the end of a two-sided 95 % interval.
pub const NORMAL_975: f64 = 1.959_963_984_540_054;
/// The point below which the continued fraction is used: above it at most three digits cancel.
const TAIL: f64 = -5.0;
/// Number of terms of the continued fraction for full accuracy from [`TAIL`] on.
const TERMS: u32 = 80;

/// Φ and the inverse Mills ratio at a point, with derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LowerTail {
    /// Log distribution function ln Φ(z).
    pub log_cdf: f64,
    /// Inverse Mills ratio λ(z).
    pub mills: f64,
    /// Product λe, which is −λ′.
    pub curvature: f64,
    /// Derivative of λe.
    pub curvature_slope: f64,
}

impl LowerTail {
    /// The quantities at `z`, each finite for every finite z.
    pub fn at(z: f64) -> Self {
        if z < TAIL {
            return Self::by_fraction(-z);
        }
        let mills = log_density(z).exp() / cdf(z);
        let excess = mills + z;
        let curvature = mills * excess;
        let log_cdf = if z > 0.0 { (-0.5 * erfc(z * FRAC_1_SQRT_2)).ln_1p() } else { cdf(z).ln() };
        let curvature_slope = if mills > 0.0 { mills * (1.0 - curvature - excess * excess) } else { 0.0 };
        Self { log_cdf, mills, curvature, curvature_slope }
    }

    /// The quantities at −x, for x of at least 5.
    fn by_fraction(x: f64) -> Self {
        let a4 = (5..=TERMS).rev().fold(x, |below, k| x + f64::from(k) / below);
        let a3 = x + 4.0 / a4;
        let a2 = x + 3.0 / a3;
        let a1 = x + 2.0 / a2;
        let mills = x + 1.0 / a1;
        let bent = (x + 9.0 / a3 - 8.0 / a4) / (a1 * a2) / a1 / a2 / a3;
        Self {
            log_cdf: log_density(x) - mills.ln(),
            mills,
            curvature: mills / a1,
            curvature_slope: -2.0 * mills * bent,
        }
    }
}

/// The log density ln φ(z).
fn log_density(z: f64) -> f64 {
    -0.5 * (z * z + (2.0 * PI).ln())
}

fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z * FRAC_1_SQRT_2)
}

/// The inverse Mills ratio φ(z)/Φ(z).
///
/// ```
/// # use omafit_estimate::mills;
/// assert!((mills(0.0) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
/// assert!((mills(-1e8) / 1e8 - 1.0).abs() < 1e-15);
/// ```
pub fn mills(z: f64) -> f64 {
    LowerTail::at(z).mills
}

/// ln Φ(z), finite for every finite z.
///
/// ```
/// # use omafit_estimate::log_cdf;
/// assert!((log_cdf(0.0) + 2.0_f64.ln()).abs() < 1e-15);
/// ```
pub fn log_cdf(z: f64) -> f64 {
    LowerTail::at(z).log_cdf
}
