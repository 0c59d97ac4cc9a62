//! Quantiles of a sample.

/// The quantile at `p` by linear interpolation between order statistics (R's type 7); NaN for an empty sample.
pub fn quantile(mut values: Vec<f64>, p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile_of_sorted(&values, p)
}

/// The quantile of values in ascending order.
pub(crate) fn quantile_of_sorted(values: &[f64], p: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let part = position - below as f64;
    // With a zero weight the next value does not matter, even if it is infinite.
    if part == 0.0 { values[below] } else { values[below] + part * (values[above] - values[below]) }
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_rs_type_seven() {
        // R: quantile(c(3, 1, 4, 1, 5), c(0, .25, .5, .9, 1)).
        let q = |p| quantile(vec![3.0, 1.0, 4.0, 1.0, 5.0], p);
        assert_eq!([q(0.0), q(0.25), q(0.5), q(1.0)], [1.0, 1.0, 3.0, 5.0]);
        assert!((q(0.9) - 4.6).abs() < 1e-12);
        assert!(quantile(vec![], 0.5).is_nan());
    }
}
