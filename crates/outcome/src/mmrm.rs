//! The mixed model for repeated measures (MMRM) of changes from baseline by arm and visit, with missing visits.
//!
//! The change of patient i at visit v is normal with mean µ_av + γ_v·(baseline_i − mean baseline), where a is the
//! patient's arm; the covariance between visits is unstructured and common to the arms. Estimation is by restricted
//! maximum likelihood (REML), which is unbiased if visits are missing at random:
//!
//! ```text
//! −2 REML = Σ [ln|Σ_i| + r_iᵀΣ_i⁻¹r_i] + ln|ΣX_iᵀΣ_i⁻¹X_i| + (n − p)·ln 2π
//! ```
//!
//! Σ_i contains the rows and columns of Σ for the visits of patient i. The µ_av are the least-squares means at the mean
//! baseline. Degrees of freedom are by Satterthwaite's method: 2·f²/gᵀAg for a contrast with variance f, g the
//! derivatives of f with respect to the parameters of Σ and A their covariance.

use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_estimate::{DescentStop, Evaluated, covariance_by_factor, score};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Largest number of visits; a trial does not determine the covariances of more.
pub const MOST_VISITS: usize = 12;
const MOST_ITERATIONS: u64 = 200;
/// Step of the finite differences of the gradient with respect to the parameters of Σ.
const SPACING: f64 = 1e-4;

/// A patient's changes from baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated {
    /// The arm, from 0.
    pub arm: usize,
    /// The baseline value.
    pub baseline: f64,
    /// The change at each visit; NaN if missing.
    pub change: Vec<f64>,
}

/// An estimated least-squares mean or difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// The estimate.
    pub estimate: f64,
    /// Standard error of the estimate.
    pub se: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Lower end of the 95 % interval by Student's t.
    pub low: f64,
    /// Upper end of the 95 % interval by Student's t.
    pub high: f64,
    /// The p value of the hypothesis of zero.
    pub p_value: f64,
}

/// A fitted mixed model for repeated measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmrm {
    /// Number of patients with a change.
    pub patients: usize,
    /// Number of changes.
    pub values: usize,
    /// −2 restricted log-likelihood.
    pub minus2_reml: f64,
    /// Σ, row by row.
    pub covariance: Vec<f64>,
    /// Least-squares means by arm and visit.
    pub means: Vec<Vec<Contrast>>,
    /// Differences of each arm after the first from the first, by visit.
    pub differences: Vec<Vec<Contrast>>,
}

/// The reason the model cannot be fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MmrmError {
    /// Fewer than two arms, or no visit.
    #[error("there is one arm only")]
    OneArm,
    /// More visits than the largest number allowed, 12.
    #[error("{0} visits are more than {MOST_VISITS}: choose some with --visits")]
    TooManyVisits(usize),
    /// A visit at which an arm has fewer than two changes.
    #[error("an arm has fewer than two changes at visit {0}, from 1")]
    TooFew(usize),
    /// Fewer patients than the covariance requires.
    #[error("{patients} patients do not determine the covariance of {visits} visits")]
    TooFewPatients {
        /// Number of patients.
        patients: usize,
        /// Number of visits.
        visits: usize,
    },
    /// A failure of REML to converge.
    #[error("REML did not converge: {0}")]
    NotConverged(String),
}

/// A patient's observed visits with the design matrix.
struct Patient {
    at: Vec<usize>,
    y: DVector<f64>,
    x: DMatrix<f64>,
}

struct Reml {
    visits: usize,
    coefficients: usize,
    patients: Vec<Patient>,
    values: usize,
}

/// The generalised least-squares solution at a covariance.
struct Solved {
    value: f64,
    beta: DVector<f64>,
    /// The matrix (ΣXᵀΣ⁻¹X)⁻¹.
    inverse: DMatrix<f64>,
    /// The matrix Σ_i⁻¹ of each patient.
    precisions: Vec<DMatrix<f64>>,
}

impl Reml {
    /// The elements of the Cholesky factor of Σ that are parameters, in their order.
    fn elements(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        (0..self.visits).flat_map(|row| (0..=row).map(move |column| (row, column)))
    }

    fn factor(&self, theta: &[f64]) -> DMatrix<f64> {
        let mut factor = DMatrix::zeros(self.visits, self.visits);
        for ((row, column), number) in self.elements().zip(theta) {
            factor[(row, column)] = if row == column { number.exp() } else { *number };
        }
        factor
    }

    /// The derivative of ⟨G, Σ⟩ with respect to the parameters of the factor, for symmetric G.
    fn by_factor(&self, g: &DMatrix<f64>, factor: &DMatrix<f64>) -> Vec<f64> {
        let by = g * factor * 2.0;
        let scale = |row: usize, column: usize| if row == column { factor[(row, row)] } else { 1.0 };
        self.elements().map(|(row, column)| scale(row, column) * by[(row, column)]).collect()
    }

    fn solve(&self, factor: &DMatrix<f64>) -> Option<Solved> {
        let sigma = factor * factor.transpose();
        let p = self.coefficients;
        let (mut matrix, mut right, mut value) = (DMatrix::zeros(p, p), DVector::zeros(p), 0.0);
        let mut precisions = Vec::with_capacity(self.patients.len());
        for patient in &self.patients {
            let own = sigma.select_rows(&patient.at).select_columns(&patient.at);
            let cholesky = Cholesky::new(own)?;
            value += 2.0 * cholesky.l_dirty().diagonal().map(f64::ln).sum();
            let precision = cholesky.inverse();
            let weighted = patient.x.tr_mul(&precision);
            matrix += &weighted * &patient.x;
            right += &weighted * &patient.y;
            precisions.push(precision);
        }
        let cholesky = Cholesky::new(matrix)?;
        value += 2.0 * cholesky.l_dirty().diagonal().map(f64::ln).sum();
        let beta = cholesky.solve(&right);
        for (patient, precision) in self.patients.iter().zip(&precisions) {
            let r = &patient.y - &patient.x * &beta;
            value += (r.transpose() * precision * &r)[0];
        }
        value += (self.values as f64 - p as f64) * std::f64::consts::TAU.ln();
        value.is_finite().then(|| Solved { value, beta, inverse: cholesky.inverse(), precisions })
    }

    /// The derivative ∂(−2 REML)/∂Σ.
    fn by_sigma(&self, solved: &Solved) -> DMatrix<f64> {
        let mut total = DMatrix::zeros(self.visits, self.visits);
        for (patient, precision) in self.patients.iter().zip(&solved.precisions) {
            let r = precision * (&patient.y - &patient.x * &solved.beta);
            let weighted = precision * &patient.x;
            let own = precision - &r * r.transpose() - &weighted * &solved.inverse * weighted.transpose();
            add(&mut total, &own, &patient.at);
        }
        total
    }

    fn evaluate(&self, theta: &[f64]) -> Option<Evaluated> {
        let factor = self.factor(theta);
        let solved = self.solve(&factor)?;
        let gradient = self.by_factor(&self.by_sigma(&solved), &factor);
        Some(Evaluated { value: solved.value, gradient, expected: self.expected(&factor, &solved) })
    }

    /// The expected second derivatives of −2 log-likelihood: tr(Σ⁻¹∂Σ·Σ⁻¹∂Σ) summed over the patients.
    fn expected(&self, factor: &DMatrix<f64>, solved: &Solved) -> Vec<f64> {
        let changes: Vec<DMatrix<f64>> =
            self.elements().map(|(row, column)| covariance_by_factor(factor, row, column)).collect();
        let q = changes.len();
        let mut total = DMatrix::zeros(q, q);
        // Patients with the same visits have the same matrices.
        let mut seen: Vec<(&[usize], f64, &DMatrix<f64>)> = Vec::new();
        for (patient, precision) in self.patients.iter().zip(&solved.precisions) {
            match seen.iter_mut().find(|known| known.0 == patient.at) {
                Some(known) => known.1 += 1.0,
                None => seen.push((&patient.at, 1.0, precision)),
            }
        }
        for (at, times, precision) in seen {
            let turned: Vec<DMatrix<f64>> =
                changes.iter().map(|c| precision * c.select_rows(at).select_columns(at)).collect();
            for i in 0..q {
                for j in 0..=i {
                    let trace = times * turned[i].dot(&turned[j].transpose());
                    total[(i, j)] += trace;
                    if i != j {
                        total[(j, i)] += trace;
                    }
                }
            }
        }
        total.as_slice().to_vec()
    }

    /// The covariance of the parameters of the factor, from finite differences of the gradient.
    fn covariance(&self, theta: &[f64]) -> Option<DMatrix<f64>> {
        let q = theta.len();
        let gradient = |theta: &[f64]| {
            let factor = self.factor(theta);
            let solved = self.solve(&factor)?;
            Some(self.by_factor(&self.by_sigma(&solved), &factor))
        };
        let mut hessian = DMatrix::zeros(q, q);
        for k in 0..q {
            let moved = |h: f64| {
                let mut theta = theta.to_vec();
                theta[k] += h;
                gradient(&theta)
            };
            let (up, down) = (moved(SPACING)?, moved(-SPACING)?);
            for i in 0..q {
                hessian[(i, k)] = (up[i] - down[i]) / (2.0 * SPACING);
            }
        }
        let symmetric = (&hessian + hessian.transpose()) * 0.5;
        Cholesky::new(symmetric).map(|c| c.inverse() * 2.0)
    }

    /// The estimate of a linear combination of the coefficients.
    fn contrast(
        &self,
        of: &DVector<f64>,
        factor: &DMatrix<f64>,
        solved: &Solved,
        covariance: &DMatrix<f64>,
    ) -> Contrast {
        let estimate = of.dot(&solved.beta);
        let along = &solved.inverse * of;
        let variance = of.dot(&along);
        let mut by_sigma = DMatrix::zeros(self.visits, self.visits);
        for (patient, precision) in self.patients.iter().zip(&solved.precisions) {
            let u = precision * (&patient.x * &along);
            add(&mut by_sigma, &(&u * u.transpose()), &patient.at);
        }
        let gradient = DVector::from_vec(self.by_factor(&by_sigma, factor));
        let df = 2.0 * variance * variance / gradient.dot(&(covariance * &gradient));
        let se = variance.sqrt();
        let (quantile, p_value) = StudentsT::new(0.0, 1.0, df)
            .map_or((f64::NAN, f64::NAN), |t| (t.inverse_cdf(0.975), 2.0 * t.sf((estimate / se).abs())));
        Contrast { estimate, se, df, low: estimate - quantile * se, high: estimate + quantile * se, p_value }
    }
}

fn add(total: &mut DMatrix<f64>, own: &DMatrix<f64>, at: &[usize]) {
    for (i, &row) in at.iter().enumerate() {
        for (j, &column) in at.iter().enumerate() {
            total[(row, column)] += own[(i, j)];
        }
    }
}

/// Fits the model to patients of `arms` arms; patients without a change are ignored.
///
/// # Errors
/// When there are fewer than two arms, too few patients or too many visits, or REML does not converge.
pub fn mmrm(patients: &[Repeated], arms: usize) -> Result<Mmrm, MmrmError> {
    let seen: Vec<&Repeated> = patients
        .iter()
        .filter(|p| p.baseline.is_finite() && p.change.iter().any(|c| c.is_finite()))
        .collect();
    let visits = seen.first().map_or(0, |p| p.change.len());
    if arms < 2 || visits == 0 {
        return Err(MmrmError::OneArm);
    }
    if visits > MOST_VISITS {
        return Err(MmrmError::TooManyVisits(visits));
    }
    for visit in 0..visits {
        let has = |arm: usize| seen.iter().filter(|p| p.arm == arm && p.change[visit].is_finite()).count();
        if (0..arms).any(|arm| has(arm) < 2) {
            return Err(MmrmError::TooFew(visit + 1));
        }
    }
    if seen.len() <= visits + arms + 1 {
        return Err(MmrmError::TooFewPatients { patients: seen.len(), visits });
    }
    let mean = seen.iter().map(|p| p.baseline).sum::<f64>() / seen.len() as f64;
    let coefficients = (arms + 1) * visits;
    let one = |p: &&Repeated| {
        let at: Vec<usize> = (0..visits).filter(|&v| p.change[v].is_finite()).collect();
        let y = DVector::from_iterator(at.len(), at.iter().map(|&v| p.change[v]));
        let mut x = DMatrix::zeros(at.len(), coefficients);
        for (row, &v) in at.iter().enumerate() {
            x[(row, p.arm * visits + v)] = 1.0;
            x[(row, arms * visits + v)] = p.baseline - mean;
        }
        Patient { at, y, x }
    };
    let patients: Vec<Patient> = seen.iter().map(one).collect();
    let values = patients.iter().map(|p| p.at.len()).sum();
    let reml = Reml { visits, coefficients, patients, values };
    let end = score(&|theta: &[f64]| reml.evaluate(theta), reml.start(), MOST_ITERATIONS)
        .ok_or_else(|| MmrmError::NotConverged("the likelihood has no value at the start".into()))?;
    if !end.stop.is_some_and(DescentStop::is_minimum) {
        let reason = end.stop.map_or_else(|| "the limit on iterations was reached".into(), |s| s.to_string());
        return Err(MmrmError::NotConverged(reason));
    }
    let singular = || MmrmError::NotConverged("the second derivatives are not those of a maximum".into());
    let covariance = reml.covariance(&end.x).ok_or_else(singular)?;
    // A Newton step to full precision, which the descent does not reach.
    let step = &covariance * DVector::from_column_slice(&end.at.gradient) * 0.5;
    let theta: Vec<f64> = end.x.iter().zip(step.iter()).map(|(x, step)| x - step).collect();
    let factor = reml.factor(&theta);
    let solved = reml.solve(&factor).ok_or_else(singular)?;
    let covariance = reml.covariance(&theta).ok_or_else(singular)?;
    let contrast = |of: &[(usize, f64)]| {
        let mut vector = DVector::zeros(coefficients);
        of.iter().for_each(|(k, by)| vector[*k] = *by);
        reml.contrast(&vector, &factor, &solved, &covariance)
    };
    let means =
        (0..arms).map(|a| (0..visits).map(|v| contrast(&[(a * visits + v, 1.0)])).collect()).collect();
    let difference = |arm: usize, v: usize| contrast(&[(arm * visits + v, 1.0), (v, -1.0)]);
    let differences = (1..arms).map(|a| (0..visits).map(|v| difference(a, v)).collect()).collect();
    Ok(Mmrm {
        patients: reml.patients.len(),
        values,
        minus2_reml: solved.value,
        covariance: (&factor * factor.transpose()).iter().copied().collect(),
        means,
        differences,
    })
}

impl Reml {
    /// Starting values: the Cholesky factor of the variances of the changes about their fitted means, with correlations
    /// of one half.
    fn start(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.visits];
        let ordinary = self.solve(&DMatrix::identity(self.visits, self.visits));
        for patient in &self.patients {
            let fitted =
                ordinary.as_ref().map_or_else(|| DVector::zeros(patient.at.len()), |o| &patient.x * &o.beta);
            for (row, &v) in patient.at.iter().enumerate() {
                sums[v].0 += 1.0;
                sums[v].1 += (patient.y[row] - fitted[row]).powi(2);
            }
        }
        let sd = |v: usize| (sums[v].1 / sums[v].0).max(f64::MIN_POSITIVE).sqrt();
        let sigma =
            DMatrix::from_fn(self.visits, self.visits, |i, j| sd(i) * sd(j) * if i == j { 1.0 } else { 0.5 });
        let factor =
            Cholesky::new(sigma).map_or_else(|| DMatrix::identity(self.visits, self.visits), |c| c.l());
        let element = |row: usize, column: usize| {
            let value = factor[(row, column)];
            if row == column { value.ln() } else { value }
        };
        self.elements().map(|(row, column)| element(row, column)).collect()
    }
}
