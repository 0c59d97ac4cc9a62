//! Tail shape of the distribution of importance weights (Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed
//! importance sampling, JMLR 25(72)).
//!
//! The ⌈min(0.2·S, 3√S)⌉ largest of S weights, minus the next largest weight, follow a generalised Pareto distribution
//! of shape k, whose moments exist up to order 1/k. The shape is estimated by the posterior mean of Zhang, Stephens
//! 2009, Technometrics 51:316, doi 10.1198/tech.2009.08017, and shrunk towards 0.5 as by ten additional weights of that
//! shape.

/// Number of weights of shape 0.5 to which the shrinkage of the fitted shape is equivalent.
const PRIOR_WEIGHTS: f64 = 10.0;
/// Smallest number of weights in a tail.
const LEAST: usize = 5;
/// Fraction of the total posterior weight below which a node of the fit is ignored.
const NEGLIGIBLE: f64 = 10.0 * f64::EPSILON;

/// Pareto k̂ of importance weights, given by their logarithms up to a constant: estimates from the weights are reliable
/// for k̂ below 0.7 (with fewer than 2,000 weights, below 1 − 1/log₁₀ S).
///
/// ∞ if no tail can be fitted because there are fewer than 21 weights or fewer than five of them exceed the cutoff; −∞
/// if the largest weights are all equal. NaN counts as a weight of zero.
///
/// ```
/// // Weights of an exact Pareto distribution whose variance does not exist.
/// let weights: Vec<f64> = (1..=1000).map(|i| -0.8 * ((f64::from(i) - 0.5) / 1000.0).ln()).collect();
/// assert!((omafit_estimate::pareto_shape(&weights) - 0.8).abs() < 0.05);
/// ```
pub fn pareto_shape(log_weights: &[f64]) -> f64 {
    let count = log_weights.len() as f64;
    let length = (0.2 * count).min(3.0 * count.sqrt()).ceil() as usize;
    let mut sorted: Vec<f64> =
        log_weights.iter().map(|log| if log.is_nan() { f64::NEG_INFINITY } else { *log }).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(&largest) = sorted.last().filter(|most| length >= LEAST && most.is_finite()) else {
        return f64::INFINITY;
    };
    let (body, tail) = sorted.split_at(sorted.len() - length);
    let cutoff = body.last().map_or(0.0, |log| (log - largest).exp());
    if cutoff == 1.0 {
        return f64::NEG_INFINITY;
    }
    let excesses: Vec<f64> =
        tail.iter().map(|log| (log - largest).exp() - cutoff).filter(|excess| *excess > 0.0).collect();
    if excesses.len() < LEAST { f64::INFINITY } else { fitted_shape(&excesses) }
}

/// The shape of the generalised Pareto distribution fitted to positive, ascending excesses.
///
/// With b = −k/σ the profile likelihood of the shape is n·(ln(−b/k) − k − 1), k(b) = mean ln(1 − b·x); the posterior
/// mean of b is a sum over the quantiles of its prior.
fn fitted_shape(excesses: &[f64]) -> f64 {
    let n = excesses.len() as f64;
    let nodes = 30 + excesses.len().isqrt();
    let quartile = excesses[(0.25 * n + 0.5) as usize - 1];
    let largest = excesses[excesses.len() - 1];
    let shape = |b: f64| excesses.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / n;
    let node = |i: usize| {
        let b = 1.0 / largest + (1.0 - (nodes as f64 / (i as f64 - 0.5)).sqrt()) / (3.0 * quartile);
        let k = shape(b);
        (b, n * ((-b / k).ln() - k - 1.0))
    };
    let likelihoods: Vec<(f64, f64)> = (1..=nodes).map(node).filter(|node| node.1.is_finite()).collect();
    let most = likelihoods.iter().map(|node| node.1).fold(f64::NEG_INFINITY, f64::max);
    let weighted = likelihoods.iter().map(|(b, log)| (b, (log - most).exp()));
    let total: f64 = weighted.clone().map(|(_, weight)| weight).sum();
    let counted = weighted.filter(|(_, weight)| *weight >= NEGLIGIBLE * total);
    let (sum, of) = counted.fold((0.0, 0.0), |(sum, of), (b, weight)| (sum + b * weight, of + weight));
    let k = shape(sum / of);
    if k.is_nan() { f64::INFINITY } else { (n * k + PRIOR_WEIGHTS * 0.5) / (n + PRIOR_WEIGHTS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        log_weights: Vec<f64>,
        k: f64,
    }

    #[test]
    fn shapes_are_those_of_arviz() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/pareto.json");
        let reference: Reference = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(reference.cases.len(), 12);
        for Case { name, log_weights, k } in reference.cases {
            let found = pareto_shape(&log_weights);
            assert!((found - k).abs() < 1e-9, "{name}: {found} {k}");
            let moved: Vec<f64> = log_weights.iter().rev().map(|log| log - 4321.0).collect();
            assert!((pareto_shape(&moved) - k).abs() < 1e-9, "{name}: by another constant and order");
        }
    }

    #[test]
    fn what_has_no_tail_has_a_shape_without_bound() {
        assert_eq!(pareto_shape(&[]), f64::INFINITY);
        assert_eq!(pareto_shape(&[0.0; 20]), f64::INFINITY);
        assert_eq!(pareto_shape(&[3.0; 100]), f64::NEG_INFINITY);
        // A single weight carries everything.
        let one = |rest: f64| pareto_shape(&[&[0.0][..], &[rest; 99]].concat());
        assert_eq!([-800.0, f64::NEG_INFINITY, f64::NAN].map(one), [f64::INFINITY; 3]);
        assert_eq!(pareto_shape(&[f64::NEG_INFINITY; 100]), f64::INFINITY);
        assert_eq!(one(f64::INFINITY), f64::INFINITY);
        // Weights of zero count as draws.
        let tail = (1..=100).map(|i| -(f64::from(i)).ln());
        let (finite, with): (Vec<f64>, Vec<f64>) =
            tail.map(|log| (log, if log < -4.0 { f64::NAN } else { log })).unzip();
        assert_eq!(pareto_shape(&finite), pareto_shape(&with));
    }
}
