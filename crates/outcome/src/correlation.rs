//! Correlation coefficients with 95 % intervals.
//!
//! * Pearson: tanh(atanh r ± 1.96/√(n − 3)) (Fisher).
//! * Spearman: mid-ranks; tanh(atanh ρ ± 1.96·√((1 + ρ²/2)/(n − 3))) (Bonett & Wright 2000, doi 10.1007/BF02294183).
//! * Repeated measures: parallel lines, one intercept per patient and a common slope (an analysis of covariance);
//!   r = sign(slope)·√(SS of the slope/(SS of the slope + SS of the residuals)), df = values − patients − 1,
//!   tanh(atanh r ± 1.96/√(df − 1)) (Bakdash & Marusich 2017, doi 10.3389/fpsyg.2017.00456).

use omafit_estimate::NORMAL_975;

/// A correlation; all fields but `n` and `df` are NaN if it is undefined (too few points, or a constant variable).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// The coefficient.
    pub r: f64,
    /// Lower end of the 95 % interval; NaN with too few points.
    pub low: f64,
    /// Upper end of the 95 % interval; NaN with too few points.
    pub high: f64,
    /// Number of points.
    pub n: usize,
    /// Degrees of freedom.
    pub df: f64,
}

impl Correlation {
    fn new(r: f64, se_of_atanh: f64, n: usize, df: f64) -> Self {
        // Rounding can take a perfect correlation above one.
        let r = if r.abs() > 1.0 { r.signum() } else { r };
        let end = |side: f64| (r.atanh() + side * NORMAL_975 * se_of_atanh).tanh();
        let (low, high) = if se_of_atanh.is_finite() { (end(-1.0), end(1.0)) } else { (f64::NAN, f64::NAN) };
        Self { r, low, high, n, df }
    }
}

/// Pearson's correlation of points; points with a NaN are ignored.
///
/// ```
/// let line = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];
/// assert!((omafit_outcome::pearson(&line).r - 1.0).abs() < 1e-12);
/// ```
pub fn pearson(points: &[(f64, f64)]) -> Correlation {
    let points = known(points);
    let n = points.len();
    Correlation::new(product_moment(&points), 1.0 / (n as f64 - 3.0).sqrt(), n, n as f64 - 2.0)
}

/// Spearman's rank correlation of points; points with a NaN are ignored.
pub fn spearman(points: &[(f64, f64)]) -> Correlation {
    let points = known(points);
    let n = points.len();
    let ranks = |of: fn(&(f64, f64)) -> f64| mid_ranks(&points.iter().map(of).collect::<Vec<_>>());
    let ranked: Vec<(f64, f64)> = ranks(|p| p.0).into_iter().zip(ranks(|p| p.1)).collect();
    let rho = product_moment(&ranked);
    Correlation::new(rho, ((1.0 + 0.5 * rho * rho) / (n as f64 - 3.0)).sqrt(), n, n as f64 - 2.0)
}

/// The repeated-measures correlation of points (patient, x, y), in which the points of a patient are consecutive.
/// Patients with one point carry no information on the slope and are ignored.
pub fn repeated_measures(points: &[(usize, f64, f64)]) -> Correlation {
    let points: Vec<_> = points.iter().copied().filter(|p| !(p.1.is_nan() || p.2.is_nan())).collect();
    let (mut n, mut patients) = (0, 0);
    let mut centred = Vec::new();
    for own in points.chunk_by(|a, b| a.0 == b.0).filter(|own| own.len() > 1) {
        let mean = |of: fn(&(usize, f64, f64)) -> f64| own.iter().map(of).sum::<f64>() / own.len() as f64;
        let (x, y) = (mean(|p| p.1), mean(|p| p.2));
        centred.extend(own.iter().map(|p| (p.1 - x, p.2 - y)));
        n += own.len();
        patients += 1;
    }
    let df = n as f64 - patients as f64 - 1.0;
    let [xx, xy, yy] = products(centred.into_iter());
    Correlation::new(xy / (xx * yy).sqrt(), 1.0 / (df - 1.0).sqrt(), n, df)
}

fn known(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().copied().filter(|p| !(p.0.is_nan() || p.1.is_nan())).collect()
}

fn products(points: impl Iterator<Item = (f64, f64)>) -> [f64; 3] {
    points.fold([0.0; 3], |[xx, xy, yy], (x, y)| [xx + x * x, xy + x * y, yy + y * y])
}

/// Pearson's correlation coefficient.
pub(crate) fn product_moment(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let [xx, xy, yy] = products(points.iter().map(|p| (p.0 - x, p.1 - y)));
    xy / (xx * yy).sqrt()
}

/// Ranks from 1, with the mean rank for ties.
fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for same in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + 0.5 * (same.len() as f64 + 1.0);
        same.iter().for_each(|&i| ranks[i] = rank);
        before += same.len();
    }
    ranks
}
