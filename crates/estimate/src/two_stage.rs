//! Two-stage estimation of a population from the subjects' own estimates: means and Ω, naive, and corrected for the
//! variance of the estimates.
//!
//! Each subject's η̂ deviates from its η by an estimation error with information A (the inverse of its covariance V, if
//! V exists). The *standard* two-stage method takes η̂ for η: its Ω, the sample covariance of the η̂, is that of η plus
//! the mean of V. The *global* two-stage method (Steimer, Mallet, Golmard and Boisvieux 1984, Drug Metab Rev 15:265;
//! Davidian and Giltinan 1995, Nonlinear Models for Repeated Measurement Data, section 5.3.2) takes the η̂ as data, η̂
//! ~ N(μ, Ω + V), and finds μ and Ω by the EM algorithm. With b̂ and P the conditional mean and covariance of a
//! subject's deviation from μ, given its η̂, and C the covariance of the estimate of μ:
//!
//! ```text
//! P = (Ω⁻¹ + A)⁻¹ = Ω(I + AΩ)⁻¹,   b̂ = P·A·(η̂ − μ),   C⁻¹ = Σ A(I + ΩA)⁻¹
//! μ = C·Σ A(I + ΩA)⁻¹·η̂,           Ω = 1/m·Σ (b̂b̂ᵀ + P + P·A·C·A·P)
//! ```
//!
//! The last term is that of restricted maximum likelihood, without which Ω is too small by a factor of (m − 1)/m: with
//! it, and with equal V, Ω = S − V with S the sample covariance. V itself is not needed: a subject with undetermined
//! directions has an A with zeros along them and contributes to the others.

use crate::individual_fit::{IndividualFit, Status};
use crate::options::FitOptions;
use nalgebra::{Cholesky, DMatrix, DVector};

/// Largest number of accelerated EM iterations, and the largest change of Ω, relative to its diagonal, that ends them.
const MAX_ITERATIONS: usize = 5_000;
const SETTLED: f64 = 1e-8;

/// Mean and covariance of η in a population. NaN where too few subjects contribute.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStageEstimates {
    /// How many subjects contribute to each parameter.
    pub subjects: Vec<usize>,
    /// Mean of η for each parameter.
    pub mean: Vec<f64>,
    /// Standard error of each mean.
    pub se: Vec<f64>,
    /// Covariance Ω, in row-major order.
    pub omega: Vec<f64>,
}

/// Two-stage estimates of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStage {
    /// Naive estimates from the η̂ themselves; each element from the subjects that determine its parameters.
    pub naive: TwoStageEstimates,
    /// Estimates corrected for the variance of the η̂; each parameter from the subjects with information on it.
    pub global: TwoStageEstimates,
    /// How many subjects determine every parameter.
    pub complete: usize,
    /// How many subjects leave a parameter undetermined.
    pub partial: usize,
    /// How many subjects could not be fitted and are not used.
    pub failed: usize,
    /// Number of EM iterations.
    pub iterations: usize,
    /// Whether EM converged.
    pub settled: bool,
}

/// Estimate of one subject, with its information matrix.
#[derive(Clone, Debug)]
struct SubjectEstimate {
    estimate: DVector<f64>,
    information: DMatrix<f64>,
}

/// Computes both two-stage estimates from subjects' fits to their own data (NLS).
pub fn two_stage(fits: &[&IndividualFit], options: &FitOptions) -> TwoStage {
    let unknowns = options.free.len();
    let count = |status| fits.iter().filter(|fit| fit.status == status).count();
    let used: Vec<&IndividualFit> = fits.iter().copied().filter(|fit| fit.status != Status::Failed).collect();
    let told: Vec<SubjectEstimate> = used.iter().map(|fit| SubjectEstimate::of(fit, unknowns)).collect();
    let (global, iterations, settled) = global(&told, unknowns);
    TwoStage {
        naive: naive(&used, unknowns),
        global,
        complete: count(Status::Ok),
        partial: count(Status::NotDetermined),
        failed: count(Status::Failed),
        iterations,
        settled,
    }
}

/// The sample means and covariances, each over the subjects that determine the parameters.
fn naive(fits: &[&IndividualFit], unknowns: usize) -> TwoStageEstimates {
    let known: Vec<Vec<bool>> =
        fits.iter().map(|fit| (0..unknowns).map(|i| fit.uncertainty.se_log(i).is_some()).collect()).collect();
    let both = |i: usize, j: usize| -> Vec<(f64, f64)> {
        let rows = fits.iter().zip(&known).filter(|(_, known)| known[i] && known[j]);
        rows.map(|(fit, _)| (fit.eta[i], fit.eta[j])).collect()
    };
    let mut stage = TwoStageEstimates::unknown(unknowns);
    for i in 0..unknowns {
        for j in 0..unknowns {
            let pairs = both(i, j);
            let n = pairs.len() as f64;
            let (x, y) = pairs.iter().fold((0.0, 0.0), |(x, y), pair| (x + pair.0 / n, y + pair.1 / n));
            let products: f64 = pairs.iter().map(|pair| (pair.0 - x) * (pair.1 - y)).sum();
            if pairs.len() > 1 {
                stage.omega[i * unknowns + j] = products / (n - 1.0);
            }
            if i == j && !pairs.is_empty() {
                (stage.subjects[i], stage.mean[i]) = (pairs.len(), x);
            }
        }
        stage.se[i] = (stage.omega[i * unknowns + i] / stage.subjects[i] as f64).sqrt();
    }
    stage
}

/// Means and Ω by EM, with the number of iterations and whether EM converged.
fn global(told: &[SubjectEstimate], unknowns: usize) -> (TwoStageEstimates, usize, bool) {
    let mut stage = TwoStageEstimates::unknown(unknowns);
    let tells = |t: &SubjectEstimate, i: usize| t.information[(i, i)] > 0.0;
    for i in 0..unknowns {
        stage.subjects[i] = told.iter().filter(|t| tells(t, i)).count();
    }
    // A parameter needs more than one subject; otherwise it is left out of the subjects' estimates.
    let kept: Vec<usize> = (0..unknowns).filter(|&i| stage.subjects[i] > 1).collect();
    let told: Vec<SubjectEstimate> = told.iter().map(|t| t.restricted(&kept)).collect();
    let Some(mut at) = Population::start(&told, kept.len()) else { return (stage, 0, false) };
    let (mut iterations, mut settled) = (0, false);
    while iterations < MAX_ITERATIONS && !settled {
        iterations += 1;
        let Some((next, change)) = at.leaped(&told) else { return (stage, iterations, false) };
        settled = change < SETTLED;
        at = next;
    }
    for (a, &i) in kept.iter().enumerate() {
        stage.mean[i] = at.mean[a];
        stage.se[i] = at.mean_covariance[(a, a)].sqrt();
        for (b, &j) in kept.iter().enumerate() {
            stage.omega[i * unknowns + j] = at.omega[(a, b)];
        }
    }
    (stage, iterations, settled)
}

impl TwoStageEstimates {
    fn unknown(unknowns: usize) -> Self {
        let nothing = vec![f64::NAN; unknowns];
        Self {
            subjects: vec![0; unknowns],
            mean: nothing.clone(),
            se: nothing,
            omega: vec![f64::NAN; unknowns * unknowns],
        }
    }
}

impl SubjectEstimate {
    fn of(fit: &IndividualFit, unknowns: usize) -> Self {
        let mut information = DMatrix::zeros(unknowns, unknowns);
        for direction in fit.uncertainty.directions().iter().filter(|d| d.sd.is_finite()) {
            let loadings = DVector::from_column_slice(&direction.loadings) / direction.sd;
            information += &loadings * loadings.transpose();
        }
        // The information on diverging parameters, which rounding may leave above zero, is zero.
        for (i, _) in &fit.run_off {
            information.row_mut(*i).fill(0.0);
            information.column_mut(*i).fill(0.0);
        }
        Self { estimate: DVector::from_column_slice(&fit.eta), information }
    }

    fn restricted(&self, kept: &[usize]) -> Self {
        let (estimate, information) = (self.estimate.select_rows(kept), self.information.select_rows(kept));
        Self { estimate, information: information.select_columns(kept) }
    }
}

/// Mean μ, Ω and the covariance of μ.
struct Population {
    mean: DVector<f64>,
    omega: DMatrix<f64>,
    mean_covariance: DMatrix<f64>,
}

impl Population {
    /// The starting values: a diagonal Ω with the variances of the estimates, and its μ.
    fn start(told: &[SubjectEstimate], unknowns: usize) -> Option<Self> {
        if unknowns == 0 {
            return None;
        }
        let omega = DMatrix::from_fn(unknowns, unknowns, |i, j| {
            if i != j {
                return 0.0;
            }
            let values: Vec<f64> =
                told.iter().filter(|t| t.information[(i, i)] > 0.0).map(|t| t.estimate[i]).collect();
            let n = values.len() as f64;
            let centre = values.iter().sum::<f64>() / n;
            (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / n).clamp(1e-4, 4.0)
        });
        Self::at(told, omega)
    }

    /// The population with the given Ω and the corresponding μ.
    fn at(told: &[SubjectEstimate], omega: DMatrix<f64>) -> Option<Self> {
        let (mean, mean_covariance) = Self::centre(told, &omega)?;
        Some(Self { mean, omega, mean_covariance })
    }

    /// The mean μ and its covariance at a given Ω.
    fn centre(told: &[SubjectEstimate], omega: &DMatrix<f64>) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let n = omega.nrows();
        let (mut weights, mut weighted) = (DMatrix::zeros(n, n), DVector::zeros(n));
        for t in told {
            let weight = weight(t, omega)?;
            weighted += &weight * &t.estimate;
            weights += weight;
        }
        let covariance = Cholesky::new(weights)?.inverse();
        Some((&covariance * weighted, covariance))
    }

    /// Two EM iterations and an extrapolation from them (SQUAREM: Varadhan and Roland 2008, Scand J Stat 35:335, doi
    /// 10.1111/j.1467-9469.2007.00585.x), which is accepted if it leads to a covariance with no lower likelihood; with
    /// the largest change of an element of Ω in the first iteration, relative to its standard deviations.
    fn leaped(&self, told: &[SubjectEstimate]) -> Option<(Self, f64)> {
        let first = self.improved(told)?;
        let second = first.improved(told)?;
        let sd = self.omega.diagonal().map(|v| v.sqrt().max(f64::MIN_POSITIVE));
        let relative = |m: DMatrix<f64>| m.component_div(&(&sd * sd.transpose()));
        let step = &first.omega - &self.omega;
        let bend = &second.omega - &first.omega - &step;
        let change = relative(step.clone()).amax();
        let length = relative(step.clone()).norm() / relative(bend.clone()).norm();
        if !(length > 1.0 && length.is_finite()) {
            return Some((second, change));
        }
        let omega = &self.omega + step * (2.0 * length) + bend * (length * length);
        let leap = Cholesky::new(omega.clone()).and_then(|_| Self::at(told, omega));
        let better = |leap: &Self| Some(leap.deviance(told)? <= second.deviance(told)?);
        Some((leap.filter(|leap| better(leap) == Some(true)).unwrap_or(second), change))
    }

    /// −2 restricted log-likelihood, up to a constant.
    fn deviance(&self, told: &[SubjectEstimate]) -> Option<f64> {
        let n = self.omega.nrows();
        let mut sum = -Cholesky::new(self.mean_covariance.clone())?.l().diagonal().map(f64::ln).sum() * 2.0;
        for t in told {
            let away = &t.estimate - &self.mean;
            sum += (DMatrix::identity(n, n) + &self.omega * &t.information).lu().determinant().ln();
            sum += away.dot(&(weight(t, &self.omega)? * &away));
        }
        Some(sum)
    }

    /// Runs one EM iteration.
    fn improved(&self, told: &[SubjectEstimate]) -> Option<Self> {
        let n = self.omega.nrows();
        let mut sum = DMatrix::zeros(n, n);
        for t in told {
            let weight = weight(t, &self.omega)?;
            // P·A = Ω·A(I + ΩA)⁻¹.
            let gain = &self.omega * &weight;
            let departure = &gain * (&t.estimate - &self.mean);
            sum += &departure * departure.transpose();
            sum += &self.omega - &gain * &self.omega;
            sum += &gain * &self.mean_covariance * gain.transpose();
        }
        let omega = sum / told.len() as f64;
        Self::at(told, (&omega + omega.transpose()) * 0.5)
    }
}

/// A(I + ΩA)⁻¹, which is (Ω + V)⁻¹ if V exists; symmetric.
fn weight(t: &SubjectEstimate, omega: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = omega.nrows();
    let inner = DMatrix::identity(n, n) + omega * &t.information;
    // xᵀ of (I + ΩA)ᵀ xᵀ = Aᵀ.
    let weight = inner.transpose().lu().solve(&t.information)?.transpose();
    Some((&weight + weight.transpose()) * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Method;
    use crate::simulate::SubjectStream;
    use crate::uncertainty::Uncertainty;

    /// A fit with an η and an uncertainty given by the rows of a Jacobian, all else being irrelevant.
    fn told(eta: &[f64], rows: &DMatrix<f64>) -> IndividualFit {
        let uncertainty = Uncertainty::new(rows, &[]);
        let status = if uncertainty.rank() == eta.len() { Status::Ok } else { Status::NotDetermined };
        IndividualFit {
            status,
            reason: String::new(),
            iterations: 0,
            starts: 1,
            eta: eta.to_vec(),
            log_slopes: vec![1.0; eta.len()],
            parameters: Vec::new(),
            run_off: Vec::new(),
            profile: Vec::new(),
            data_information: uncertainty.clone(),
            uncertainty,
            ssq: 0.0,
            prior_ssq: 0.0,
            ofv: 0.0,
            minus2ll: 0.0,
            leverages: Vec::new(),
            own_sigmas: 0,
            effective_parameters: 0.0,
            gradient_norm: 0.0,
            ipred: Vec::new(),
            errors: omafit_model::PerAnalyte::default(),
        }
    }

    fn analysed(fits: &[IndividualFit], unknowns: usize) -> TwoStage {
        let options = FitOptions::new(Method::Nls, (0..unknowns).collect());
        two_stage(&fits.iter().collect::<Vec<_>>(), &options)
    }

    /// Ω of two parameters and its Cholesky factor, for sampling.
    const OMEGA: [f64; 4] = [0.09, 0.03, 0.03, 0.04];
    const ROOT: [f64; 3] = [0.3, 0.1, 0.173_205_080_756_887_73];

    fn drawn(stream: &mut SubjectStream) -> [f64; 2] {
        let (a, b) = (stream.normal(), stream.normal());
        [ROOT[0] * a, ROOT[1] * a + ROOT[2] * b]
    }

    #[test]
    fn with_one_covariance_for_all_it_is_the_sample_covariance_less_that() {
        let rows = DMatrix::from_row_slice(2, 2, &[5.0, 1.0, 0.0, 8.0]);
        let v = (rows.transpose() * &rows).try_inverse().unwrap();
        let mut stream = SubjectStream::new(4, 0);
        let fits: Vec<IndividualFit> = (0..30).map(|_| told(&drawn(&mut stream), &rows)).collect();
        let found = analysed(&fits, 2);
        assert!(found.settled && (found.complete, found.partial, found.failed) == (30, 0, 0));
        for k in 0..4 {
            let expected = found.naive.omega[k] - v[(k / 2, k % 2)];
            assert!(
                (found.global.omega[k] - expected).abs() < 1e-7,
                "{k} {} {expected}",
                found.global.omega[k]
            );
        }
        for i in 0..2 {
            let mean = fits.iter().map(|fit| fit.eta[i]).sum::<f64>() / 30.0;
            assert!(
                (found.naive.mean[i] - mean).abs() < 1e-12 && (found.global.mean[i] - mean).abs() < 1e-12
            );
            // With equal V, both have the standard error of a mean.
            assert!((found.naive.se[i] - (found.naive.omega[3 * i] / 30.0).sqrt()).abs() < 1e-12);
            assert!((found.global.se[i] - found.naive.se[i]).abs() < 1e-7);
        }
    }

    #[test]
    fn with_different_covariances_the_naive_one_is_biased_up_and_the_global_one_is_not() {
        let (mut naive, mut global, mut excess) = (Vec::new(), Vec::new(), 0.0);
        let replicates = 100;
        for replicate in 0..replicates {
            let mut stream = SubjectStream::new(11, replicate);
            let fits: Vec<IndividualFit> = (0..40)
                .map(|_| {
                    let [a, b] = drawn(&mut stream);
                    // Standard deviations from 0.1 to 0.5.
                    let sd = [0.1 + 0.4 * stream.uniform(), 0.1 + 0.4 * stream.uniform()];
                    excess += sd[0] * sd[0] / (40 * replicates) as f64;
                    let estimate = [a + sd[0] * stream.normal(), b + sd[1] * stream.normal()];
                    told(&estimate, &DMatrix::from_row_slice(2, 2, &[1.0 / sd[0], 0.0, 0.0, 1.0 / sd[1]]))
                })
                .collect();
            let found = analysed(&fits, 2);
            naive.push(found.naive.omega[0]);
            global.push(found.global.omega[0]);
        }
        let summary = |values: &[f64]| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let error = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
            (mean, error)
        };
        let ((naive, naive_error), (global, global_error)) = (summary(&naive), summary(&global));
        assert!((global - OMEGA[0]).abs() < 3.0 * global_error, "{global} ± {global_error}");
        assert!((naive - OMEGA[0] - excess).abs() < 3.0 * naive_error, "{naive} ± {naive_error}, {excess}");
        assert!(naive - OMEGA[0] > 10.0 * naive_error);
    }

    #[test]
    fn subjects_that_leave_a_direction_open_tell_of_the_rest() {
        let mut stream = SubjectStream::new(21, 0);
        let whole = DMatrix::from_row_slice(2, 2, &[10.0, 0.0, 0.0, 10.0]);
        let sum_only = DMatrix::from_row_slice(1, 2, &[10.0, 10.0]);
        let first_only = DMatrix::from_row_slice(1, 2, &[10.0, 0.0]);
        let mut fits = Vec::new();
        for i in 0..900 {
            let [a, b] = drawn(&mut stream);
            let (a, b) = (0.5 + a + 0.1 * stream.normal(), b + 0.1 * stream.normal());
            fits.push(match i % 3 {
                0 => told(&[a, b], &whole),
                // The position along the undetermined direction is only where the iteration stopped.
                1 => told(&[a + 7.0, b - 7.0], &sum_only),
                _ => told(&[a, -9.0], &first_only),
            });
        }
        let mut failed = told(&[f64::NAN; 2], &whole);
        failed.status = Status::Failed;
        fits.push(failed);
        let found = analysed(&fits, 2);
        assert_eq!((found.complete, found.partial, found.failed), (300, 600, 1));
        assert_eq!(
            (&found.naive.subjects[..], &found.global.subjects[..]),
            (&[600, 300][..], &[900, 600][..])
        );
        assert!((found.global.mean[0] - 0.5).abs() < 0.05 && found.global.mean[1].abs() < 0.05, "{found:?}");
        for k in 0..4 {
            assert!((found.global.omega[k] - OMEGA[k]).abs() < 0.015, "{found:?}");
        }
        // Subjects with partial information make the mean more precise than the complete subjects alone.
        let alone = analysed(&fits.iter().step_by(3).take(300).cloned().collect::<Vec<_>>(), 2);
        assert!(found.global.se[0] < 0.8 * alone.global.se[0]);
    }

    #[test]
    fn what_nobody_or_one_subject_tells_is_not_known() {
        let first_only = DMatrix::from_row_slice(1, 2, &[10.0, 0.0]);
        let fits: Vec<IndividualFit> =
            [0.1, 0.3, -0.2].iter().map(|a| told(&[*a, 5.0], &first_only)).collect();
        let found = analysed(&fits, 2);
        assert!(found.global.omega[0].is_finite() && found.global.mean[0].is_finite());
        for stage in [&found.naive, &found.global] {
            assert_eq!(stage.subjects, [3, 0]);
            assert!(stage.mean[1].is_nan() && stage.se[1].is_nan() && stage.omega[3].is_nan());
        }
        let nobody = analysed(&[], 2);
        assert!(!nobody.settled && nobody.global.mean.iter().all(|m| m.is_nan()));
        let one = analysed(&fits[..1], 2);
        assert!(one.naive.mean[0] == 0.1 && one.naive.se[0].is_nan() && one.global.mean[0].is_nan());
    }
}
