//! The probability that a standardised residual lies in an interval, with its derivatives with respect to the interval
//! ends.
//!
//! A value below a limit, above a limit, or between two limits is an interval from z₁ to z₂, one of which may be
//! infinite. With F the distribution function, λ = p/F its inverse Mills ratio, κ = −λ′ and d = ln F(z₂) − ln F(z₁):
//!
//! ```text
//! −ln P = −ln F(z₂) − ln(1 − e^−d)       q = 1/(1 − e^−d),  r = q − 1
//! ∂₁ = rλ₁                               ∂₂ = −qλ₂
//! ∂₁₁ = −rκ₁ + qrλ₁²      ∂₁₂ = −qrλ₁λ₂      ∂₂₂ = qκ₂ + qrλ₂²
//! ```
//!
//! An interval that lies more above zero than below is reflected, so that F is small and loses no digits. With z₁ = −∞,
//! r is zero and the remaining terms are those of the lower tail.

use super::density::StandardisedDensity;
use omafit_model::ResidualDistribution;

/// −ln P of an interval of z with its derivatives; indices refer to the lower and the upper end.
pub(crate) struct IntervalTerm {
    /// Value of −2 ln P.
    pub value: f64,
    /// First derivatives ∂(−ln P)/∂zᵢ.
    pub slope: [f64; 2],
    /// Second derivatives of −ln P.
    pub bend: [[f64; 2]; 2],
    /// Third derivatives ∂₁₁₁, ∂₁₁₂, ∂₁₂₂ and ∂₂₂₂ of −ln P.
    third: [f64; 4],
    shape: ResidualDistribution,
}

impl IntervalTerm {
    /// Creates the term of the interval between `ends`, of which at most one is infinite.
    pub fn new(shape: ResidualDistribution, ends: [f64; 2]) -> Self {
        let [lower, upper] = ends;
        if lower + upper > 0.0 {
            let Self { value, slope, bend, third, .. } = Self::of_lower_half(shape, [-upper, -lower]);
            return Self {
                value,
                slope: [-slope[1], -slope[0]],
                bend: [[bend[1][1], bend[1][0]], [bend[0][1], bend[0][0]]],
                third: [-third[3], -third[2], -third[1], -third[0]],
                shape,
            };
        }
        Self::of_lower_half(shape, ends)
    }

    fn of_lower_half(shape: ResidualDistribution, [lower, upper]: [f64; 2]) -> Self {
        let tail = shape.lower_tail(upper);
        let (m2, k2) = (tail.mills, tail.curvature);
        if lower == f64::NEG_INFINITY {
            return Self {
                value: -2.0 * tail.log_cdf,
                slope: [0.0, -m2],
                bend: [[0.0; 2], [0.0, k2]],
                third: [0.0, 0.0, 0.0, tail.curvature_slope],
                shape,
            };
        }
        let below = shape.lower_tail(lower);
        let (m1, k1) = (below.mills, below.curvature);
        let d = log_ratio(shape, [lower, upper], tail.log_cdf - below.log_cdf);
        let r = 1.0 / d.exp_m1();
        let q = 1.0 + r;
        let (qr, both) = (q * r, q * r * (q + r));
        Self {
            value: -2.0 * (tail.log_cdf + (-(-d).exp_m1()).ln()),
            slope: [r * m1, -q * m2],
            bend: [[qr * m1 * m1 - r * k1, -qr * m1 * m2], [-qr * m1 * m2, q * k2 + qr * m2 * m2]],
            third: [
                both * m1 * m1 * m1 - 3.0 * qr * m1 * k1 - r * below.curvature_slope,
                qr * m2 * k1 - both * m2 * m1 * m1,
                qr * m1 * k2 + both * m1 * m2 * m2,
                q * tail.curvature_slope - 3.0 * qr * m2 * k2 - both * m2 * m2 * m2,
            ],
            shape,
        }
    }

    /// Whether the first and second derivatives with respect to both ends are zero.
    pub fn is_flat(&self) -> bool {
        self.slope == [0.0; 2] && self.bend == [[0.0; 2]; 2]
    }

    /// The derivative of −ln P as the ends move by `by`.
    pub fn along(&self, by: [f64; 2]) -> f64 {
        self.slope[0] * by[0] + self.slope[1] * by[1]
    }

    /// The second derivative of −ln P as the ends move by `a` and by `b`.
    pub fn twice(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        let [[b11, b12], [_, b22]] = self.bend;
        b11 * a[0] * b[0] + b12 * (a[0] * b[1] + a[1] * b[0]) + b22 * a[1] * b[1]
    }

    /// The third derivative of −ln P as the ends move twice by `a` and once by `b`.
    pub fn thrice(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        let [t111, t112, t122, t222] = self.third;
        a[0] * a[0] * (t111 * b[0] + t112 * b[1])
            + 2.0 * a[0] * a[1] * (t112 * b[0] + t122 * b[1])
            + a[1] * a[1] * (t122 * b[0] + t222 * b[1])
    }

    /// The [`information`] on a quantity that moves the ends by `by`.
    pub fn information(&self, by: [f64; 2]) -> (f64, bool) {
        information(self.shape, self.twice(by, by), self.along(by))
    }
}

/// The information of a censored value on a quantity with respect to which −ln P has first derivative `slope` and
/// second derivative `twice`: the second derivative, not below zero; for Student's t, if it is at most a tenth of the
/// squared slope, as in the heavy tails, the squared slope, for which the flag is `true`.
pub(crate) fn information(shape: ResidualDistribution, twice: f64, slope: f64) -> (f64, bool) {
    match shape {
        ResidualDistribution::StudentT { .. } if !(twice > 0.1 * slope * slope) => (slope * slope, true),
        ResidualDistribution::Normal | ResidualDistribution::StudentT { .. } => (twice.max(0.0), false),
    }
}

/// ln F(z₂) − ln F(z₁), the integral of λ. In an interval of length at most one, ten-point Gauss quadrature is exact to
/// every digit, where the `difference` of the logarithms loses some.
fn log_ratio(shape: ResidualDistribution, [lower, upper]: [f64; 2], difference: f64) -> f64 {
    const NODES: [(f64, f64); 5] = [
        (0.148_874_338_981_631_22, 0.295_524_224_714_752_87),
        (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
        (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
        (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
        (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
    ];
    if !(upper - lower <= 1.0) {
        return difference;
    }
    let (middle, half) = (0.5 * (lower + upper), 0.5 * (upper - lower));
    let mills = |z: f64| shape.lower_tail(z).mills;
    NODES.iter().map(|(x, w)| w * half * (mills(middle - half * x) + mills(middle + half * x))).sum()
}
