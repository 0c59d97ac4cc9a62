//! Tests of residuals: mean, variance, normality and trend.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};

/// Two-sided p value of Student's t test that the mean is zero; NaN for fewer than two values or equal values.
pub fn mean_p_value(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let (mean, variance) = moments(values);
    t_p_value(mean / (variance / n).sqrt(), n - 1.0)
}

/// Two-sided p value of the test that the variance is one: twice the smaller tail of (n − 1)·s² under χ²; NaN for fewer
/// than two values.
pub fn variance_p_value(values: &[f64]) -> f64 {
    let degrees = values.len() as f64 - 1.0;
    let (_, variance) = moments(values);
    ChiSquared::new(degrees).map_or(f64::NAN, |chi| {
        let below = chi.cdf(degrees * variance);
        (2.0 * below.min(1.0 - below)).min(1.0)
    })
}

/// Result of the Anderson–Darling test of normality with estimated mean and variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AndersonDarling {
    /// Adjusted statistic A²·(1 + 0.75/n + 2.25/n²).
    pub statistic: f64,
    /// The p value of the test.
    pub p_value: f64,
}

/// Tests whether values are normal with unknown mean and variance: D'Agostino and Stephens 1986, Goodness-of-Fit
/// Techniques, table 4.9 (case 3). NaN for fewer than eight values or equal values.
pub fn anderson_darling(values: &[f64]) -> AndersonDarling {
    let n = values.len();
    let (mean, variance) = moments(values);
    if n < 8 || !(variance > 0.0) {
        return AndersonDarling { statistic: f64::NAN, p_value: f64::NAN };
    }
    let mut sorted: Vec<f64> = values.iter().map(|v| (v - mean) / variance.sqrt()).collect();
    sorted.sort_by(f64::total_cmp);
    let logs = |i: usize| {
        let weight = (2 * i + 1) as f64;
        weight * (crate::normal::log_cdf(sorted[i]) + crate::normal::log_cdf(-sorted[n - 1 - i]))
    };
    let size = n as f64;
    let a = -size - (0..n).map(logs).sum::<f64>() / size;
    let statistic = a * (1.0 + 0.75 / size + 2.25 / (size * size));
    let s = statistic;
    let p_value = if s < 0.2 {
        1.0 - (-13.436 + 101.14 * s - 223.73 * s * s).exp()
    } else if s < 0.34 {
        1.0 - (-8.318 + 42.796 * s - 59.938 * s * s).exp()
    } else if s < 0.6 {
        (0.9177 - 4.279 * s - 1.38 * s * s).exp()
    } else if s < 13.0 {
        (1.2937 - 5.709 * s + 0.0186 * s * s).exp()
    } else {
        // The formula stops decreasing beyond this point, where p is below 1e-30.
        0.0
    };
    AndersonDarling { statistic, p_value }
}

/// Slope of the least-squares line through (x, y), and the two-sided p value of Student's t test that it is zero. The p
/// value is NaN for fewer than three points; both are NaN if all x are equal.
pub fn trend(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    let slope = xy / xx;
    let left = (yy - slope * xy).max(0.0) / (n - 2.0);
    (slope, t_p_value(slope / (left / xx).sqrt(), n - 2.0))
}

fn t_p_value(t: f64, degrees: f64) -> f64 {
    if !t.is_finite() || !(degrees >= 1.0) {
        return f64::NAN;
    }
    // Above this number, Student's t is the normal distribution to three digits of a p value of 1e-4.
    if degrees > 1e5 {
        return 2.0 * Normal::standard().cdf(-t.abs());
    }
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |d| 2.0 * d.cdf(-t.abs()))
}

/// Mean and variance (divisor n − 1); the variance of a single value is NaN.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
}
