//! Intervals from the profile likelihood, used if its curvature gives none.

use super::problem::{MOST_ITERATIONS, Problem, restricted};
use omafit_estimate::score;

/// Rise of −2 log-likelihood at the ends of a 95 % interval, the quantile of χ² with one degree of freedom.
const ABOVE: f64 = 3.841_458_820_694_124;
/// First step outward, longest distance, and accuracy in −2 log-likelihood at an end.
const STEP: f64 = 0.25;
const LONGEST: f64 = 40.0;
const NEAR: f64 = 0.01;
const MOST_TRIES: u32 = 40;

/// The ends of the interval of an unknown, from the end of a descent; infinite if the likelihood does not fall far
/// enough.
pub(super) fn profile(problem: &Problem<'_>, x: &[f64], least: f64, position: usize) -> [f64; 2] {
    [-1.0, 1.0].map(|side| end(problem, x, least, position, side))
}

fn end(problem: &Problem<'_>, x: &[f64], least: f64, position: usize, side: f64) -> f64 {
    let mut others = x.to_vec();
    others.remove(position);
    // The rise of −2 log-likelihood at a distance, minimised over the other unknowns.
    let mut rise = |distance: f64| -> Option<f64> {
        let whole = |others: &[f64]| {
            let mut whole = others.to_vec();
            whole.insert(position, x[position] + side * distance);
            whole
        };
        let evaluate = |others: &[f64]| {
            let at = problem.evaluate(&whole(others))?;
            Some(restricted(&at, |k| k != position))
        };
        let found = score(&evaluate, others.clone(), MOST_ITERATIONS)?;
        others = found.x;
        Some(found.at.value - least)
    };
    let (mut inside, mut outside) = (0.0, STEP);
    loop {
        match rise(outside) {
            Some(risen) if risen < ABOVE => {
                inside = outside;
                outside *= 2.0;
                if outside > LONGEST {
                    return side * f64::INFINITY;
                }
            }
            _ => break,
        }
    }
    for _ in 0..MOST_TRIES {
        let middle = 0.5 * (inside + outside);
        match rise(middle) {
            Some(risen) if (risen - ABOVE).abs() < NEAR => return x[position] + side * middle,
            Some(risen) if risen < ABOVE => inside = middle,
            _ => outside = middle,
        }
    }
    x[position] + side * 0.5 * (inside + outside)
}
