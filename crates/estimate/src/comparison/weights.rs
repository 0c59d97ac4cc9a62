//! Weights of information criteria.

/// Akaike weights: exp(−Δ/2) for each criterion's distance Δ from the lowest, divided by their sum; `None` where a
/// criterion is missing or not finite (Burnham, Anderson 2002, doi 10.1007/b97636, 2.9).
///
/// ```
/// # use omafit_estimate::akaike_weights;
/// let weights = akaike_weights(&[Some(100.0), None, Some(102.0)]);
/// assert!((weights[0].unwrap() - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
/// assert_eq!(weights[1], None);
/// ```
pub fn akaike_weights(criteria: &[Option<f64>]) -> Vec<Option<f64>> {
    let finite = |value: &Option<f64>| value.filter(|v| v.is_finite());
    let lowest = criteria.iter().filter_map(finite).fold(f64::INFINITY, f64::min);
    let of = |value: &Option<f64>| finite(value).map(|v| (-0.5 * (v - lowest)).exp());
    let sum: f64 = criteria.iter().filter_map(of).sum();
    criteria.iter().map(|value| of(value).map(|part| part / sum)).collect()
}
