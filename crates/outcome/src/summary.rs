//! Means with intervals.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Summary statistics of a set of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Mean of the values.
    pub mean: f64,
    /// Standard deviation of the values; NaN for a single value.
    pub sd: f64,
    /// Lower end of the 95 % interval of the mean, by Student's t; NaN for a single value.
    pub low: f64,
    /// Upper end of the 95 % interval of the mean; NaN for a single value.
    pub high: f64,
}

impl Summary {
    /// Summarises values; NaN values are ignored.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let known = values.filter(|v| !v.is_nan());
        let n = known.clone().count();
        let mean = known.clone().sum::<f64>() / n as f64;
        let variance = known.map(|v| (v - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
        let sd = if n > 1 { variance.sqrt() } else { f64::NAN };
        let half = t_975(n as f64 - 1.0) * sd / (n as f64).sqrt();
        Self { n, mean: if n > 0 { mean } else { f64::NAN }, sd, low: mean - half, high: mean + half }
    }

    /// The standard error of the mean.
    pub fn se(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }
}

/// The 97.5 % quantile of Student's t; NaN without degrees of freedom.
fn t_975(df: f64) -> f64 {
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |t| t.inverse_cdf(0.975))
}
