//! Proposal distributions for a subject's η or u: multivariate Student's t around a mode, scaled by the curvature
//! there, and mixtures of these. Their tails are heavier than those of the target distribution, so that the weights
//! stay bounded.

use crate::simulate::SubjectStream;
use crate::weighted::relative_weights;
use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;

/// Degrees of freedom of the proposals.
const FREEDOM: u32 = 5;

/// Factor by which the axes of a widened copy are longer.
const WIDENED: f64 = 2.5;

/// A multivariate Student's t distribution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Proposal {
    centre: DVector<f64>,
    /// Lower triangular factor L, with L·Lᵀ the inverse of the scale matrix.
    precision: DMatrix<f64>,
    log_scale: f64,
}

impl Proposal {
    /// Creates a proposal around `centre`, with `precision` the inverse of its scale matrix; `None` unless `precision`
    /// is positive definite.
    pub fn new(centre: &[f64], precision: DMatrix<f64>) -> Option<Self> {
        let precision = Cholesky::new(precision)?.unpack();
        let (n, freedom) = (centre.len() as f64, f64::from(FREEDOM));
        let log_scale =
            ln_gamma(0.5 * (freedom + n)) - ln_gamma(0.5 * freedom) - 0.5 * n * (freedom * PI).ln()
                + precision.diagonal().map(f64::ln).sum();
        log_scale.is_finite().then(|| Self {
            centre: DVector::from_column_slice(centre),
            precision,
            log_scale,
        })
    }

    /// Whether the proposal has dimension `n`.
    pub fn fits(&self, n: usize) -> bool {
        self.centre.len() == n && self.precision.shape() == (n, n)
    }

    /// Draws from the proposal.
    pub fn draw(&self, stream: &mut SubjectStream) -> Vec<f64> {
        let square: f64 = (0..FREEDOM).map(|_| stream.normal().powi(2)).sum();
        let step = self.step(stream) * (f64::from(FREEDOM) / square).sqrt();
        (&self.centre + step).as_slice().to_vec()
    }

    /// Draws from the normal distribution with mean zero and the scale matrix as covariance.
    pub fn step(&self, stream: &mut SubjectStream) -> DVector<f64> {
        let standard = DVector::from_iterator(self.centre.len(), self.centre.iter().map(|_| stream.normal()));
        // A triangular matrix with a positive diagonal has a solution.
        self.precision.tr_solve_lower_triangular(&standard).unwrap_or(standard)
    }

    /// The proposal between two others, with their mean covariance extended along the line that connects them.
    pub fn between(&self, other: &Self) -> Option<Self> {
        let covariance =
            |of: &Self| Cholesky::new(&of.precision * of.precision.transpose()).map(|c| c.inverse());
        let way = &other.centre - &self.centre;
        let spread = (covariance(self)? + covariance(other)?) * 0.5 + &way * way.transpose() * 0.1;
        let middle = (&self.centre + &other.centre) * 0.5;
        Self::new(middle.as_slice(), Cholesky::new(spread)?.inverse())
    }

    /// The proposal with axes longer by [`WIDENED`].
    fn widened(&self) -> Self {
        let n = self.centre.len() as f64;
        Self {
            centre: self.centre.clone(),
            precision: &self.precision / WIDENED,
            log_scale: self.log_scale - n * WIDENED.ln(),
        }
    }

    /// The proposal around the mean of weighted draws, with their covariance; `None` if the draws are too few. `held`
    /// is the sum of the weights.
    fn moved(&self, draws: &[Vec<f64>], weights: &[f64], held: f64) -> Option<Self> {
        let n = self.centre.len();
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        if !(held * held / squares > 2.0 * n as f64) {
            return None;
        }
        // Under Student's t a draw counts less the farther out it is.
        let freedom = f64::from(FREEDOM);
        let long = |draw: &Vec<f64>| {
            let away = self.precision.tr_mul(&(DVector::from_column_slice(draw) - &self.centre));
            (freedom + n as f64) / (freedom + away.norm_squared())
        };
        let counts: Vec<f64> = draws.iter().zip(weights).map(|(draw, w)| w * long(draw)).collect();
        let sum: f64 = counts.iter().sum();
        let mut centre = DVector::zeros(n);
        for (draw, count) in draws.iter().zip(&counts) {
            centre.axpy(count / sum, &DVector::from_column_slice(draw), 1.0);
        }
        let mut spread = DMatrix::zeros(n, n);
        for (draw, count) in draws.iter().zip(&counts) {
            let away = DVector::from_column_slice(draw) - &centre;
            spread.ger(count / held, &away, &away, 1.0);
        }
        Self::new(centre.as_slice(), Cholesky::new(spread)?.inverse())
    }

    /// The logarithm of the density of the proposal.
    pub fn log_density(&self, eta: &[f64]) -> f64 {
        let away = self.precision.tr_mul(&(DVector::from_column_slice(eta) - &self.centre));
        let (n, freedom) = (eta.len() as f64, f64::from(FREEDOM));
        self.log_scale - 0.5 * (freedom + n) * (away.norm_squared() / freedom).ln_1p()
    }
}

/// A mixture of proposals: one around each mode, weighted by the mass of the mode, and a wide one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Mixture {
    /// Components, each with the logarithm of its weight; the wide component is the last.
    parts: Vec<(f64, Proposal)>,
}

/// Weight of the wide component.
const WIDE: f64 = 0.03;
/// Weight of the wide component in a mixture that is to be adapted.
const SEARCHING: f64 = 0.3;
/// Smallest weight of a component before normalisation: of a mode, relative to the mode with the largest mass.
const LEAST_SHARE: f64 = 0.05;

impl Mixture {
    /// Whether there are components and each has dimension `n`.
    pub fn fit(&self, n: usize) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|(_, part)| part.fits(n))
    }

    /// Creates a mixture of proposals around modes, each with −2 times the logarithm of its mass by Laplace's method,
    /// and a wide proposal.
    pub fn new(modes: Vec<(f64, Proposal)>, wide: Proposal) -> Self {
        let lowest = modes.iter().map(|(height, _)| *height).fold(f64::INFINITY, f64::min);
        let share = |height: f64| (-0.5 * (height - lowest)).exp().max(LEAST_SHARE);
        let all: f64 = modes.iter().map(|(height, _)| share(*height)).sum();
        let (wide_weight, modes_weight) = if modes.is_empty() { (1.0, 0.0) } else { (WIDE, 1.0 - WIDE) };
        let mut parts: Vec<(f64, Proposal)> = modes
            .into_iter()
            .map(|(height, proposal)| ((modes_weight * share(height) / all).ln(), proposal))
            .collect();
        parts.push((wide_weight.ln(), wide));
        Self { parts }
    }

    /// The mixture with a widened copy of each component around a mode, and a component between the two lowest modes,
    /// to be adapted to a distribution that is not elliptical.
    #[must_use]
    pub fn doubled(mut self) -> Self {
        let wide = self.parts.pop();
        if let [(log_weight, first), (_, second), ..] = &self.parts[..]
            && let Some(between) = first.between(second)
        {
            self.parts.push((*log_weight, between));
        }
        let wider: Vec<(f64, Proposal)> =
            self.parts.iter().map(|(log, part)| (*log, part.widened())).collect();
        self.parts.extend(wider);
        let all: f64 = self.parts.iter().map(|(log_weight, _)| log_weight.exp()).sum();
        let less = (1.0 - SEARCHING) / all;
        self.parts.iter_mut().for_each(|(log_weight, _)| *log_weight += less.ln());
        self.parts.extend(wide.map(|(_, wide)| (SEARCHING.ln(), wide)));
        self
    }

    /// The mixture adapted to weighted draws from it: one step of expectation–maximisation over the components, as in
    /// population Monte Carlo (Cappé, Douc, Guillin, Marin, Robert 2008, doi 10.1007/s11222-008-9059-x). The wide
    /// component, and components with too little weight for a covariance, keep their location and scale.
    pub fn adapted(&self, draws: &[Vec<f64>], weights: &[f64]) -> Self {
        let all: f64 = weights.iter().sum();
        let wide = self.parts.len() - 1;
        let densities: Vec<f64> = draws.iter().map(|draw| self.log_density(draw)).collect();
        let mut parts = Vec::with_capacity(self.parts.len());
        for (k, (log_weight, proposal)) in self.parts.iter().enumerate() {
            let share = |i: usize| {
                weights[i] / all * (log_weight + proposal.log_density(&draws[i]) - densities[i]).exp()
            };
            let shares: Vec<f64> = (0..draws.len()).map(share).collect();
            let held: f64 = shares.iter().sum();
            let moved = if k == wide { None } else { proposal.moved(draws, &shares, held) };
            parts.push((held.max(LEAST_SHARE), moved.unwrap_or_else(|| proposal.clone())));
        }
        let sum: f64 = parts.iter().map(|(held, _)| held).sum();
        let parts = parts.into_iter().map(|(held, proposal)| ((held / sum).ln(), proposal)).collect();
        Self { parts }
    }

    /// Draws from the mixture.
    pub fn draw(&self, stream: &mut SubjectStream) -> Vec<f64> {
        let mut left = stream.uniform();
        let chosen = self.parts.iter().find(|(log_weight, _)| {
            left -= log_weight.exp();
            left < 0.0
        });
        chosen.or(self.parts.last()).map_or(Vec::new(), |(_, proposal)| proposal.draw(stream))
    }

    /// The logarithm of the density of the mixture.
    pub fn log_density(&self, at: &[f64]) -> f64 {
        let logs: Vec<f64> =
            self.parts.iter().map(|(log_weight, proposal)| log_weight + proposal.log_density(at)).collect();
        let (largest, weights) = relative_weights(&logs);
        largest + weights.iter().sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_is_that_of_its_draws_and_of_scipy() {
        let precision = DMatrix::from_row_slice(2, 2, &[2.0, -0.6, -0.6, 0.9]);
        let proposal = Proposal::new(&[0.5, -1.0], precision.clone()).unwrap();
        // scipy.stats.multivariate_t([0.5, -1], np.linalg.inv([[2, -.6], [-.6, .9]]), df=5).logpdf(x)
        for (eta, expected) in [([0.5, -1.0], SCIPY[0]), ([0.0, 0.3], SCIPY[1]), ([4.0, -9.0], SCIPY[2])] {
            assert!((proposal.log_density(&eta) - expected).abs() < 1e-12, "{eta:?}");
        }
        // The mean of a bounded function by draws and by a sum over a fine grid.
        let of = |eta: &[f64]| (eta[0] + 0.5 * eta[1]).sin() / (1.0 + eta[1] * eta[1]);
        let mut stream = SubjectStream::new(3, 0);
        let draws: Vec<f64> = (0..200_000).map(|_| of(&proposal.draw(&mut stream))).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // x = sinh t covers the tails.
        let grid = || (-400..=400).map(|k| 0.02 * f64::from(k));
        let mut expected = 0.0;
        for (s, t) in grid().flat_map(|s| grid().map(move |t| (s, t))) {
            let eta = [s.sinh(), t.sinh()];
            expected += proposal.log_density(&eta).exp() * of(&eta) * s.cosh() * t.cosh() * 4e-4;
        }
        let error = (variance / draws.len() as f64).sqrt();
        assert!((mean - expected).abs() < 4.0 * error, "{mean} {expected} {error}");
    }

    #[test]
    fn a_mixture_draws_as_often_from_each_part_as_it_says() {
        let narrow = |centre: f64| Proposal::new(&[centre], DMatrix::from_element(1, 1, 100.0)).unwrap();
        let wide = Proposal::new(&[0.0], DMatrix::from_element(1, 1, 0.01)).unwrap();
        // The second mode has e⁻¹ of the mass of the first.
        let mixture = Mixture::new(vec![(3.0, narrow(-20.0)), (5.0, narrow(20.0))], wide);
        let mut stream = SubjectStream::new(8, 0);
        let draws: Vec<f64> = (0..40_000).map(|_| mixture.draw(&mut stream)[0]).collect();
        let share = |from: f64, to: f64| {
            draws.iter().filter(|x| (from..to).contains(*x)).count() as f64 / draws.len() as f64
        };
        let first = 0.97 / (1.0 + (-1.0_f64).exp());
        assert!((share(-22.0, -18.0) - first).abs() < 0.01, "{}", share(-22.0, -18.0));
        assert!((share(18.0, 22.0) - (0.97 - first)).abs() < 0.01);
        // The density integrates to one over a grid.
        let sum: f64 =
            (-40_000..40_000).map(|k| mixture.log_density(&[0.01 * f64::from(k)]).exp() * 0.01).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }

    /// Results of scipy 1.17.
    const SCIPY: [f64; 3] = [-1.655_555_509_615_390_7, -3.212_404_573_217_656, -12.799_101_264_458_239];

    #[test]
    fn what_is_no_scale_makes_no_proposal() {
        assert!(Proposal::new(&[0.0, 0.0], DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0])).is_none());
    }
}
