//! Gauss–Hermite quadrature for the integral of e^(−x²)·f(x).

use nalgebra::{DMatrix, SymmetricEigen};

/// The nodes, ascending, with the logarithms of their weights: the nodes are eigenvalues of the recurrence matrix
/// (Golub & Welsch 1969, doi 10.1090/S0025-5718-69-99647-1), and each weight is the inverse of the sum of squares of
/// the orthonormal polynomials at the node.
pub(super) fn gauss_hermite(order: usize) -> Vec<(f64, f64)> {
    let beside = |i: usize, j: usize| (0.5 * i.max(j) as f64).sqrt();
    let matrix = DMatrix::from_fn(order, order, |i, j| if i.abs_diff(j) == 1 { beside(i, j) } else { 0.0 });
    let mut nodes: Vec<f64> = SymmetricEigen::new(matrix).eigenvalues.iter().copied().collect();
    nodes.sort_by(f64::total_cmp);
    let log_weight = |x: f64| {
        let (mut before, mut here) = (0.0, std::f64::consts::PI.powf(-0.25));
        let mut squares = 0.0;
        for n in 1..=order {
            squares += here * here;
            let n = n as f64;
            (before, here) = (here, x * (2.0 / n).sqrt() * here - ((n - 1.0) / n).sqrt() * before);
        }
        -squares.ln()
    };
    nodes.into_iter().map(|x| (x, log_weight(x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        // ∫x²ᵐe^(−x²) is Γ(m + ½); the rule with nine nodes is exact up to x¹⁷.
        let nodes = gauss_hermite(9);
        let mut gamma = std::f64::consts::PI.sqrt();
        for m in 0..=8_i32 {
            let sum: f64 = nodes.iter().map(|(x, ln_w)| ln_w.exp() * x.powi(2 * m)).sum();
            assert!((sum / gamma - 1.0).abs() < 1e-12, "{m}: {sum} {gamma}");
            gamma *= f64::from(m) + 0.5;
        }
        // numpy.polynomial.hermite.hermgauss(9)[0][-1].
        assert!((nodes[8].0 - 3.190_993_201_781_528).abs() < 1e-12);
    }
}
