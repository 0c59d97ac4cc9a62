//! The distribution of a standardised residual z: normal, or Student's t, which allows for outliers.
//!
//! With p its density, ψ = −(ln p)′ the score and F its distribution function:
//!
//! ```text
//! normal       −2 ln p = z² + ln 2π                              ψ = z
//! Student's t  −2 ln p = (ν + 1) ln(1 + z²/ν) + 2 ln(√ν·B(½, ν/2))   ψ = (ν + 1)·z/(ν + z²)
//! ```
//!
//! Under Student's t an observation ten standard deviations away has less influence than one at two. The scale σ is the
//! scale of z, not the standard deviation of the t distribution, which is σ·√(ν/(ν − 2)).

use crate::normal::LowerTail;
use omafit_model::ResidualDistribution;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::ln_beta;

/// The density of a standardised residual, with the functions derived from it.
pub(crate) trait StandardisedDensity: Copy {
    /// The deviance −2 ln p(z) + 2 ln p(0).
    fn deviance(self, z: f64) -> f64;
    /// The deviance of a zero residual, −2 ln p(0).
    fn deviance_of_zero(self) -> f64;
    /// The score ψ(z).
    fn score(self, z: f64) -> f64;
    /// The first derivative ψ′(z) of the score.
    fn slope_of_score(self, z: f64) -> f64;
    /// The second derivative ψ″(z) of the score.
    fn bend_of_score(self, z: f64) -> f64;
    /// A curvature of −ln p in the location that is positive everywhere: the expected curvature E ψ², or for an outlier
    /// the smaller ψ(z)/z, with which a step is as long as the residual. For Student's t, (ν + 1)/(ν + max(z², 3)).
    fn curvature_on_location(self, z: f64) -> f64;
    /// The derivative of [`StandardisedDensity::curvature_on_location`].
    fn slope_of_curvature_on_location(self, z: f64) -> f64;
    /// The expected information of one residual on the logarithm of its scale: E (zψ − 1)².
    fn information_on_scale(self) -> f64;
    /// Decrease below one of E zψ of a residual per unit of its leverage.
    ///
    /// To first order in the leverage h, E zψ = 1 − ½·(E ψ² + E zψψ′)·h/E ψ²; for Student's t this is
    /// 1 − h·(ν + 2)/(ν + 5).
    fn cost_of_leverage(self) -> f64;
    /// ln F and the inverse Mills ratio λ = p/F at `z`, with their derivatives; finite for every finite z.
    fn lower_tail(self, z: f64) -> LowerTail;
    /// The standard deviation; infinite for Student's t with two degrees of freedom or fewer.
    fn sd(self) -> f64;
    /// The quantile of a probability in (0, 1).
    fn quantile(self, probability: f64) -> f64;
}

impl StandardisedDensity for ResidualDistribution {
    fn deviance(self, z: f64) -> f64 {
        match self {
            Self::Normal => z * z,
            Self::StudentT { df } => 2.0 * (df + 1.0) * (z / df.sqrt()).hypot(1.0).ln(),
        }
    }

    fn deviance_of_zero(self) -> f64 {
        match self {
            Self::Normal => (2.0 * std::f64::consts::PI).ln(),
            Self::StudentT { df } => df.ln() + 2.0 * ln_beta(0.5, 0.5 * df),
        }
    }

    fn score(self, z: f64) -> f64 {
        match self {
            Self::Normal => z,
            Self::StudentT { df } => (df + 1.0) * z / (df + z * z),
        }
    }

    fn slope_of_score(self, z: f64) -> f64 {
        match self {
            Self::Normal => 1.0,
            Self::StudentT { df } => (df + 1.0) / (df + z * z) * ((df - z * z) / (df + z * z)),
        }
    }

    fn bend_of_score(self, z: f64) -> f64 {
        match self {
            Self::Normal => 0.0,
            Self::StudentT { df } => {
                let long = df + z * z;
                -2.0 * (df + 1.0) / long * (z / long) * ((3.0 * df - z * z) / long)
            }
        }
    }

    fn curvature_on_location(self, z: f64) -> f64 {
        match self {
            Self::Normal => 1.0,
            Self::StudentT { df } => (df + 1.0) / (df + (z * z).max(3.0)),
        }
    }

    fn information_on_scale(self) -> f64 {
        match self {
            Self::Normal => 2.0,
            Self::StudentT { df } => 2.0 * df / (df + 3.0),
        }
    }

    fn cost_of_leverage(self) -> f64 {
        match self {
            Self::Normal => 1.0,
            Self::StudentT { df } => (df + 2.0) / (df + 5.0),
        }
    }

    fn slope_of_curvature_on_location(self, z: f64) -> f64 {
        match self {
            Self::StudentT { df } if z * z > 3.0 => {
                let long = df + z * z;
                -2.0 * (df + 1.0) * (z / long) / long
            }
            Self::Normal | Self::StudentT { .. } => 0.0,
        }
    }

    fn sd(self) -> f64 {
        match self {
            Self::Normal => 1.0,
            Self::StudentT { df } if df > 2.0 => (df / (df - 2.0)).sqrt(),
            Self::StudentT { .. } => f64::INFINITY,
        }
    }

    fn quantile(self, probability: f64) -> f64 {
        match self {
            Self::Normal => Normal::standard().inverse_cdf(probability),
            Self::StudentT { .. } if probability > 0.5 => -self.quantile(1.0 - probability),
            Self::StudentT { df } => quantile_of_t(df, probability),
        }
    }

    fn lower_tail(self, z: f64) -> LowerTail {
        match self {
            Self::Normal => LowerTail::at(z),
            Self::StudentT { df } => {
                let log_cdf = log_cdf_of_t(df, z);
                let mills = (-0.5 * (self.deviance(z) + self.deviance_of_zero()) - log_cdf).exp();
                let excess = mills + self.score(z);
                let curvature = mills * excess;
                let curvature_slope = mills * self.slope_of_score(z) - curvature * (mills + excess);
                LowerTail { log_cdf, mills, curvature, curvature_slope }
            }
        }
    }
}

/// The quantile of Student's t at a probability of at most ½, by Newton's method: the root of ln F(−eᵘ) = ln p, which
/// is a straight line in u far out, and of ln F(z) = ln p near zero.
fn quantile_of_t(df: f64, probability: f64) -> f64 {
    const MOST_STEPS: usize = 100;
    const NEAR_ZERO: f64 = 0.25;
    let t = ResidualDistribution::StudentT { df };
    let mut z: f64 = if probability > NEAR_ZERO { 0.0 } else { -1.0 };
    for _ in 0..MOST_STEPS {
        let LowerTail { log_cdf, mills, .. } = t.lower_tail(z);
        let excess = log_cdf - probability.ln();
        let next =
            if probability > NEAR_ZERO { z - excess / mills } else { z * (-excess / (mills * z)).exp() };
        let change = (next - z).abs();
        z = next;
        if change <= 4.0 * f64::EPSILON * z.abs() {
            break;
        }
    }
    z
}

/// ln F of Student's t.
///
/// F(−|z|) = ½·I_x(ν/2, ½) with x = ν/(ν + z²), by the power series of the incomplete beta function in x, all of whose
/// terms are positive; for |z| up to one ½ − ½·I_y(½, ν/2) with y = 1 − x, where no digits are lost.
fn log_cdf_of_t(df: f64, z: f64) -> f64 {
    let a = 0.5 * df;
    let long = (z / df.sqrt()).hypot(1.0);
    // √x and √y.
    let (root_x, root_y) = (1.0 / long, z.abs() / df.sqrt() / long);
    if z.abs() > 1.0 {
        let tail = df * root_x.ln() + root_y.ln() - a.ln() - ln_beta(a, 0.5)
            + series(a + 0.5, a + 1.0, root_x * root_x).ln()
            - std::f64::consts::LN_2;
        if z < 0.0 { tail } else { (-tail.exp()).ln_1p() }
    } else {
        let middle =
            (root_y.ln() + df * root_x.ln() - ln_beta(0.5, a)).exp() * series(a + 0.5, 1.5, root_y * root_y);
        // I_y(½, ν/2)/2: its factor ½ cancels against the factor 1/½ of the series.
        (0.5 + middle.copysign(z)).ln()
    }
}

/// Σ (a)ₖ/(b)ₖ·xᵏ, the hypergeometric function ₂F₁(a, 1; b; x), for 0 ≤ x < 1.
fn series(a: f64, b: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 0.0);
    while term > 1e-17 * (1.0 - x) * sum {
        term *= (a + k) / (b + k) * x;
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Vec<serde_json::Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/tails.json");
        let text = std::fs::read_to_string(path).unwrap();
        let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
        reference["cases"].as_array().unwrap().clone()
    }

    #[test]
    fn tails_and_their_derivatives_agree_with_high_precision() {
        let cases = reference();
        assert_eq!(cases.len(), 138);
        for case in cases {
            let shape = case["df"]
                .as_f64()
                .map_or(ResidualDistribution::Normal, |df| ResidualDistribution::StudentT { df });
            let number = |key: &str| case[key].as_f64().unwrap();
            let z = number("z");
            let found = shape.lower_tail(z);
            let near = |name: &str, found: f64, expected: f64, tolerance: f64| {
                let gap = (found - expected).abs();
                assert!(
                    gap <= tolerance * expected.abs() + 1e-300,
                    "{shape:?} {z} {name}: {found} {expected}"
                );
            };
            near("ln F", found.log_cdf, number("log_cdf"), 1e-12);
            // Where F is one to every digit, λ is the density.
            near("λ", found.mills, number("mills"), 1e-11);
            near("λ′", -found.curvature, number("mills_by_z"), 1e-9);
            near("λ″", -found.curvature_slope, number("mills_by_z_twice"), 1e-8);
        }
    }

    #[test]
    fn one_degree_of_freedom_is_cauchy_and_two_has_a_closed_form() {
        for z in [-1e9_f64, -30.0, -1.5, -0.2, 0.0, 0.7, 4.0] {
            let cauchy = if z < -1.0 { (-1.0 / z).atan() } else { z.atan() + std::f64::consts::FRAC_PI_2 };
            let found = ResidualDistribution::StudentT { df: 1.0 }.lower_tail(z).log_cdf;
            assert!((found - (cauchy / std::f64::consts::PI).ln()).abs() < 1e-13, "{z}");
            let two = if z < 0.0 { 1.0 / ((2.0 + z * z) - z * (2.0 + z * z).sqrt()) } else { f64::NAN };
            let found = ResidualDistribution::StudentT { df: 2.0 }.lower_tail(z).log_cdf;
            assert!(z >= 0.0 || (found - two.ln()).abs() < 1e-13, "{z} {found} {}", two.ln());
        }
    }

    #[test]
    fn the_ratio_and_the_score_are_slopes() {
        for df in [1.0, 4.0, 30.0] {
            let shape = ResidualDistribution::StudentT { df };
            for z in [-1e6_f64, -30.0, -2.1, -0.3, 0.4, 6.0] {
                let h = 1e-3 * z.abs();
                let slope = |of: &dyn Fn(f64) -> f64| {
                    (8.0 * (of(z + h) - of(z - h)) - (of(z + 2.0 * h) - of(z - 2.0 * h))) / (12.0 * h)
                };
                let (mills, score) = (shape.lower_tail(z).mills, shape.score(z));
                assert!(
                    (mills - slope(&|z| shape.lower_tail(z).log_cdf)).abs() < 1e-8 * mills + 1e-12,
                    "{df} {z}"
                );
                assert!((score - 0.5 * slope(&|z| shape.deviance(z))).abs() < 1e-8 * score.abs());
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_distribution_function() {
        for shape in [ResidualDistribution::Normal, ResidualDistribution::StudentT { df: 1.0 }]
            .into_iter()
            .chain([2.5, 4.0, 100.0].map(|df| ResidualDistribution::StudentT { df }))
        {
            for p in [1e-12_f64, 1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1.0 - 1e-6] {
                let z = shape.quantile(p);
                let found = shape.lower_tail(z).log_cdf;
                assert!((found - p.ln()).abs() < 1e-12, "{shape:?} {p}: {z} {found}");
            }
        }
        // tan(π(p − ½)) of Cauchy's distribution.
        let z = ResidualDistribution::StudentT { df: 1.0 }.quantile(0.9);
        assert!((z - (0.4 * std::f64::consts::PI).tan()).abs() < 1e-13, "{z}");
    }

    #[test]
    fn expectations_are_integrals_over_the_density() {
        for shape in [
            ResidualDistribution::Normal,
            ResidualDistribution::StudentT { df: 4.0 },
            ResidualDistribution::StudentT { df: 15.0 },
        ] {
            // With z = sinh t, the trapezium rule is exact to rounding for integrands that decay this fast.
            let mean = |of: &dyn Fn(f64) -> f64| -> f64 {
                let at = |k: i32| {
                    let t = 0.01 * f64::from(k);
                    let z = t.sinh();
                    let density = (-0.5 * (shape.deviance(z) + shape.deviance_of_zero())).exp();
                    0.01 * t.cosh() * density * of(z)
                };
                (-2500..=2500).map(at).sum()
            };
            assert!((mean(&|_| 1.0) - 1.0).abs() < 1e-12);
            let location = mean(&|z| shape.score(z).powi(2));
            assert!((location - shape.curvature_on_location(0.5)).abs() < 1e-10);
            let scale = mean(&|z| (z * shape.score(z) - 1.0).powi(2));
            assert!((scale - shape.information_on_scale()).abs() < 1e-10);
            let bend = |z: f64| (shape.score(z + 1e-5) - shape.score(z - 1e-5)) / 2e-5;
            let cost = 0.5 * (1.0 + mean(&|z| z * shape.score(z) * bend(z)) / location);
            assert!((cost - shape.cost_of_leverage()).abs() < 1e-8, "{shape:?}");
        }
    }
}
